"""TCP ports: free ones on the loopback address, and those that cannot be had."""

import os
import socket

LOOPBACK = "127.0.0.1"


class CannotListen(OSError):
    """A server cannot have the address that it is to listen on; the message names it and says why."""

    def __init__(self, host: str, port: int, why: OSError) -> None:
        # What asyncio says names the address again; a name that is not known has a number of its own, below 0.
        text = os.strerror(why.errno) if why.errno is not None and why.errno > 0 else why.strerror or str(why)
        super().__init__(f"cannot listen on {host}:{port}: {text}")


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now. Another process may take it in between: the server's error decides."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def pick(host: str = LOOPBACK) -> int:
    """A port that the kernel gives out as free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def given_or_picked(wanted: int, count: int = 1, host: str = LOOPBACK) -> int:
    """`wanted`, if it and the `count - 1` ports above it are free; otherwise the first of as many that are."""
    if all(is_free(wanted + i, host) for i in range(count)):
        return wanted
    for _ in range(100):
        first = pick(host)
        if first + count <= 65_536 and all(is_free(first + i, host) for i in range(count)):
            return first
    raise OSError(f"no {count} free ports in a row on {host}")
