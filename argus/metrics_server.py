"""`/metrics`, `/health` and `/live` on a thread of their own, so that a scrape never holds the event loop up, and one
that hangs is told of."""

import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from argus.measure import Metrics
from argus.ports import CannotListen

Health = Callable[[], tuple[bool, Mapping[str, Any]]]


def always_healthy() -> tuple[bool, Mapping[str, Any]]:
    """The health of a process that has nothing to say about it."""
    return True, {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up before the answer is there (a scrape whose time is over) is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class MetricsServer:
    """Serves until `close`. port: the one really bound, of use where 0 was asked for."""

    def __init__(self, metrics: Metrics, host: str, port: int, health: Health = always_healthy) -> None:
        """Raises `CannotListen`."""
        registry = CollectorRegistry()
        registry.register(metrics)
        ProcessCollector(registry=registry)
        try:
            self._server = _Server((host, port), _handler(registry, health))
        except OSError as error:
            raise CannotListen(host, port, error) from None
        self.host = host
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/metrics"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(registry: CollectorRegistry, health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encoder, kind = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, kind, encoder(registry))
            elif path in ("/health", "/live"):
                good, facts = health()
                if path == "/live":
                    good = bool(facts.get("live", True))
                body = msgspec.json.encode({"status": "ok" if good else "failing", **facts})
                self._answer(200 if good else 503, "application/json", body)
            else:
                self._answer(404, "text/plain; charset=utf-8", b"/metrics, /health and /live are here\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base class names it so
            """A scrape every few seconds is nothing to log."""

    return Handler
