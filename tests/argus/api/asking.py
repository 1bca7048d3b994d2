"""Requests to a server, as anybody's client sends them."""

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Asking:
    """port: of the server, on this machine; told once it is known. tls: how it is verified, None for plain HTTP."""

    port: int
    tls: ssl.SSLContext | None = None

    def token(self, role: str, user: str | None = None) -> str:
        """A bearer token."""
        raise NotImplementedError

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str | None = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """body: bytes as they are, anything else as JSON."""
        sent = dict(headers or {})
        if role is not None or token is not None:
            sent["Authorization"] = f"Bearer {token or self.token(role or '')}"
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = (
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            if self.tls is None
            else http.client.HTTPSConnection("127.0.0.1", self.port, timeout=120, context=self.tls)
        )
        try:
            connection.request(method, path, raw, sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, **how: Any) -> Answer:
        return self.request("GET", path, **how)

    def post(self, path: str, body: Any = None, **how: Any) -> Answer:
        return self.request("POST", path, body, **how)
