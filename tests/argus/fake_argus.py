"""Stands in for the commands that `argus up` starts: healthy at once, one alert a start."""

import asyncio
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from aiokafka import AIOKafkaProducer

from argus.certificates import of_api
from argus.settings import load_settings
from core.records import encode
from tests.argus.store.records import alert

ALERT = alert(str(os.getpid()), title="Made up", time="2026-03-01T12:00:00.000Z")


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing to say."""


async def send_alert(bootstrap: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    topic = os.environ.get("ARGUS_TOPIC_PREFIX", "argus.") + "alerts"
    await producer.send_and_wait(topic, encode(ALERT), key=b"u1", partition=0)
    await producer.stop()


def main() -> None:
    command, options = sys.argv[1], dict(zip(sys.argv[2::2], sys.argv[3::2], strict=True))
    if "stubborn" in os.environ.get("FAKE", ""):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if command == "worker":
        state = Path(options["--datadir"])
        state.mkdir(parents=True, exist_ok=True)
        with (state / "starts").open("a") as starts:
            starts.write(f"{os.getpid()}\n")
        server = HTTPServer(("127.0.0.1", int(options["--metrics-port"])), Healthy)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asyncio.run(send_alert(options["--broker"]))
    if command == "serve":
        server = HTTPServer(("127.0.0.1", int(options["--port"])), Healthy)
        if tls := of_api(load_settings(os.environ)):
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
