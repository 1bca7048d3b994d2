"""What a worker's metrics server says when those who ask it hang up, and when it fails itself."""

import socket
import struct
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from argus.measure import Metrics
from argus.metrics_server import MetricsServer
from argus.ports import LOOPBACK

NO_LINGER = struct.pack("ii", 1, 0)


class Asked:
    """Answers when it is told to; the answer does not fit into a socket's buffer."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.fails = False

    def __call__(self) -> tuple[bool, Mapping[str, Any]]:
        self.asked.set()
        self.go_on.wait(30)
        if self.fails:
            raise ValueError("no health today")
        return True, {"padding": "x" * 50_000_000}


@pytest.mark.parametrize("fails", [False, True])
def test_who_hangs_up_is_no_error_and_an_error_of_ours_is_told(
    fails: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    health = Asked()
    health.fails = fails
    server = MetricsServer(Metrics(), LOOPBACK, 0, health)
    before = set(threading.enumerate())
    try:
        with socket.create_connection((LOOPBACK, server.port)) as caller:
            caller.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert health.asked.wait(30)
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        answering = [thread for thread in threading.enumerate() if thread not in before]
        health.go_on.set()
        for thread in answering:
            thread.join(30)
    finally:
        server.close()
    told = capfd.readouterr().err
    assert ("no health today" in told) is fails
    assert ("Traceback" in told) is fails
