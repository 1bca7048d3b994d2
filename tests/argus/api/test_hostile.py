"""What nobody sends in good faith: refused, and the server goes on."""

import asyncio
import gzip
import json
import logging
import socket
import uuid
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest

from argus.api.routes import ROUTES
from argus.api.serve import Serving
from argus.api.services import Services
from argus.api.tokens import Tokens
from argus.measure import Metrics
from argus.ports import pick
from argus.settings import SettingsError
from tests.argus.api.running import MEMBER, PASSWORD, SECRET, Running, settings_for

pytestmark = pytest.mark.broker

HEADERS = ("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy", "x-request-id")


@pytest.fixture(scope="module")
def hasty(tansu: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that waits for nobody, behind a proxy, with another origin's pages let in."""
    changed = {
        "api_body_within_s": 0.5, "api_rate_per_s": 5.0, "api_proxies": 1, "public_url": "https://argus.example",
        "cors_origins": ("https://shop.example",), "api_live_clients": 1, "api_failures_per_min": 5,
    }  # fmt: skip
    settings = settings_for(tansu, tmp_path_factory.mktemp("hasty"), f"hasty-{uuid.uuid4().hex[:8]}.", **changed)
    with Running(settings) as running:
        yield running


def sent(api: Running, raw: bytes) -> bytes:
    """What comes back for bytes as they are, until the server closes."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as connection:
        connection.sendall(raw)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
        return b"".join(parts)


@pytest.mark.parametrize("path", ["/health", "/nonsense", "/v1/alerts", "/v1/alerts/%2e%2e%2f%2e%2e%2fetc%2fpasswd"])
def test_every_answer_has_the_security_headers_and_a_request_id(api: Running, path: str) -> None:
    answer = api.get(path)
    assert set(HEADERS) <= set(answer.headers)
    assert answer.headers["server"] == "argus"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nonsense", 404), ("PUT", "/v1/alerts", 405), ("GET", "/v1/users/", 404),
     ("GET", "/../etc/passwd", 404),
     ("GET", "/static/../../etc/passwd", 404), ("GET", "/v1/users/..%2f..%2fetc%2fpasswd", 404),
     ("GET", "/v1/users/%00", 400), ("GET", "/v1/users/" + "x" * 129, 400)],
)  # fmt: skip
def test_a_path_that_is_none_is_a_problem_document(api: Running, method: str, path: str, status: int) -> None:
    answer = api.request(method, path, role="analyst")
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status


INJECTIONS = (
    "'",
    "' OR '1'='1",
    "1); DROP TABLE alerts; --",
    "\\'; DELETE FROM cases; --",
    '" UNION SELECT password FROM accounts --',
    "%' AND 1=1 --",
    "${jndi:ldap://127.0.0.1/a}",
    "../../../../etc/passwd",
    "a\r\nX-Evil: 1",
)
QUERIES = [
    (route.path, field) for route in ROUTES if route.query is not None for field in route.query.__struct_fields__
]


@pytest.mark.parametrize(("path", "field"), QUERIES)
def test_no_parameter_is_more_than_a_value(api: Running, path: str, field: str) -> None:
    for text in INJECTIONS:
        answer = api.get(f"{path}?{urlencode({field: text})}", role="analyst")
        # A WebSocket's path is asked for plainly here.
        assert answer.status in (200, 400, 426), text
        assert "x-evil" not in answer.headers
        assert answer.status != 200 or not answer.json.get("items"), text
    assert api.get("/v1/alerts", role="analyst").json["items"]
    assert api.get("/v1/cases", role="analyst").json["items"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_id_in_a_path_is_more_than_an_id(api: Running, text: str) -> None:
    for path in ("/v1/users/{}", "/v1/alerts/{}", "/v1/cases/{}", "/v1/commands/{}"):
        answer = api.get(path.format(quote(text, safe="")), role="analyst")
        assert answer.status == 404
        assert "x-evil" not in answer.headers


@pytest.mark.parametrize("text", ["' OR '1'='1", "%27%3B%20DROP%20TABLE%20alerts--", "%25", "__", "<script>"])
def test_sql_in_a_parameter_is_just_a_text(api: Running, text: str) -> None:
    query = text.replace(" ", "%20").replace("<", "%3C")
    assert api.get(f"/v1/alerts?text={query}", role="analyst").json["items"] == []
    assert api.get(f"/v1/users/{query}", role="analyst").status == 404
    assert api.get("/v1/alerts", role="analyst").json["items"]


@pytest.mark.parametrize("given", ["x\ty", "x" * 65, "é", "a b", "a;b"])
def test_a_made_up_request_id_is_not_repeated(api: Running, given: str) -> None:
    answer = api.get("/health", headers={"X-Request-Id": given.encode().decode("latin-1")})
    assert answer.headers["x-request-id"] != given
    assert api.get("/health", headers={"X-Request-Id": "good-1"}).headers["x-request-id"] == "good-1"


def test_a_line_break_in_a_header_or_a_path_is_no_header_of_ours(api: Running) -> None:
    answer = sent(api, b"GET /health%0d%0aX-Evil:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"\r\nX-Evil" not in answer
    raw = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\x00b\r\nConnection: close\r\n\r\n"
    assert b" 400 " in sent(api, raw).splitlines()[0]


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: -1",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"X: " + b"y" * 100_000,
    ],
)
def test_a_head_that_can_be_read_in_two_ways_or_is_too_large_is_refused(api: Running, head: bytes) -> None:
    answer = sent(api, b"POST /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + head + b"\r\n\r\n0\r\n\r\n")
    assert b" 400 " in answer.splitlines()[0]


def test_what_is_not_http_is_a_problem_document_and_not_repeated(api: Running) -> None:
    for raw in (
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\0\r\n\r\n",
        b"\x16\x03\x01 s3cret\r\n\r\n",
    ):
        head, _, body = sent(api, raw).partition(b"\r\n\r\n")
        assert b" 400 " in head.splitlines()[0]
        assert b"application/problem+json" in head
        assert b"\r\nServer: argus" in head
        assert b"\r\nX-Content-Type-Options: nosniff" in head
        assert json.loads(body)["status"] == 400
        assert b"s3cret" not in body


def test_no_token_password_or_code_gets_into_the_log(api: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token, password = api.token("member"), "a wrong but secret word"
    api.get("/v1/cases", token=token)
    api.get("/v1/cases", token=token + "x")
    api.post("/v1/session", {"name": "ann", "password": password})
    api.post(f"/v1/users/{MEMBER}/otp/verify", {"code": "918273"}, token=token)
    sent(api, f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\0\r\nConnection: close\r\n\r\n".encode())
    assert "/v1/cases 403" in caplog.text
    assert not [secret for secret in (token, password, "918273", SECRET) if secret in caplog.text]


@pytest.mark.parametrize(("encoding", "pack"), [("deflate", zlib.compress), ("gzip", gzip.compress)])
def test_a_small_body_that_unpacks_to_a_large_one_is_refused(api: Running, encoding: str, pack: Any) -> None:
    packed = pack(b" " * 50_000_000)
    for path in ("/v1/events", "/v1/score", "/risk_score"):
        answer = api.post(path, packed, role="service", headers={"Content-Encoding": encoding})
        assert answer.status == 413
    twice = api.post("/v1/events", pack(packed), role="service", headers={"Content-Encoding": encoding})
    assert twice.status == 400


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "x"])
def test_an_encoding_that_is_not_known_opens_nothing(api: Running, encoding: str) -> None:
    answer = api.post("/v1/events", b"\x1f\x8b nonsense", role="service", headers={"Content-Encoding": encoding})
    assert answer.status in (400, 415)


BAD_JSON = {
    "deep": b'{"x":' * 8_000 + b"1" + b"}" * 8_000,
    "deep list": b"[" * 60_000,
    "surrogate": b'{"reason":"\\ud800"}',
    "raw surrogate": b'{"reason":"\xed\xa0\x80"}',
    "not UTF-8": b'{"reason":"\xff"}',
    "UTF-16": '{"reason":"x"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"reason":"x"}',
    "NaN": b'{"reason":NaN}',
    "huge number": b'{"reason":' + b"9" * 5_000 + b"}",
    "list": b"[]",
    "text": b'"x"',
    "null": b"null",
    "XML": b"<?xml version='1.0'?><reason>x</reason>",
    "form": b"reason=x&reason=y",
    "broken": b'{"reason":',
    "two": b'{"reason":"x"}{}',
    "unknown": b'{"__proto__":{"role":"admin"}}',
    "NUL": b"\0",
}
BODIES = [
    (route.method, route.path, role)
    for route in ROUTES
    for role in (*route.roles[:1], *(["none"] if route.public else []))
    if route.body is not None
]


@pytest.mark.parametrize(("method", "path", "role"), BODIES)
def test_a_body_that_is_no_good_is_a_bad_request_wherever_it_goes(
    api: Running, method: str, path: str, role: str
) -> None:
    count = len(api.stream.commands)
    filled = path.format(user_id=MEMBER if role == "member" else "bob", alert_id="mine", case_id="c1")
    for name, raw in BAD_JSON.items():
        answer = api.request(method, filled, raw, role=None if role == "none" else role)
        assert answer.status == 400, (name, answer.body)
        assert answer.headers["content-type"] == "application/problem+json"
    assert len(api.stream.commands) == count


@pytest.mark.parametrize("name", ["Idempotency-Key", "Origin", "X-Forwarded-For", "User-Agent", "Authorization"])
def test_no_header_makes_another_header_of_ours(api: Running, name: str) -> None:
    head = f"GET /v1/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: a%0d%0aX-Evil: 1\x0bX-Evil: 1"
    assert b"x-evil" not in sent(api, f"{head}\r\n\r\n".encode()).lower()


def test_who_sends_a_head_byte_by_byte_is_cut_off_and_the_others_are_not(api: Running) -> None:
    async def story() -> bytes:
        async with Serving(api.settings, head_within_s=0.3) as serving:
            port = int(serving.url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n")
            async with asyncio.timeout(60), aiohttp.ClientSession(serving.url) as session:
                try:
                    answer = await reader.read()
                except ConnectionError:
                    answer = b""
                async with session.get("/health") as other:
                    assert other.status == 200
            writer.close()
            return answer

    assert asyncio.run(story()) == b""


def test_what_says_it_is_packed_and_is_not_is_a_bad_request(api: Running) -> None:
    answer = api.post("/v1/events", b"not packed", role="service", headers={"Content-Encoding": "gzip"})
    assert answer.status == 400


def test_a_body_that_comes_too_slowly_is_not_waited_for(hasty: Running) -> None:
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hasty.token('service')}\r\n"
    answer = sent(hasty, f"{head}Content-Length: 1000\r\nConnection: close\r\n\r\n[".encode())
    assert b" 408 " in answer.splitlines()[0]


def test_who_asks_too_often_is_told_when_to_come_back_and_the_others_are_not(hasty: Running) -> None:
    token, other = hasty.token("analyst", "greedy"), hasty.token("analyst", "patient")
    answers = [hasty.get("/v1/session", token=token) for _ in range(40)]
    assert {answer.status for answer in answers} == {200, 429}
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert hasty.get("/v1/session", token=other).status == 200


def test_guessing_tokens_is_slowed_down_by_address_and_no_one_else_is(hasty: Running) -> None:
    def guess(forwarded: str, token: str = "a.b.c") -> int:
        return hasty.get("/v1/session", token=token, headers={"X-Forwarded-For": forwarded}).status

    statuses = [guess(f"203.0.113.{number}, 198.51.100.1") for number in range(40)]
    # What comes back within the time that the guesses take is far less than as many again.
    assert statuses[:5] == [401] * 5
    assert statuses[-1] == 429
    assert statuses.count(401) < 20
    assert guess("198.51.100.2") == 401
    assert guess("198.51.100.2", hasty.token("service")) == 200
    assert guess("198.51.100.1", hasty.token("service")) == 200, "a good token gets in from there too"
    login = {"name": "ann", "password": PASSWORD}
    assert hasty.post("/v1/session", login, headers={"X-Forwarded-For": "198.51.100.1"}).status == 200


def test_passwords_guessed_all_at_once_are_slowed_down_too_and_right_ones_are_not(hasty: Running) -> None:
    def guess(forwarded: str, password: str = "wrong password here") -> int:
        login = {"name": "ann", "password": password}
        return hasty.post("/v1/session", login, headers={"X-Forwarded-For": forwarded}).status

    with ThreadPoolExecutor(40) as at_once:
        statuses = list(at_once.map(guess, ["198.51.100.3"] * 40))
    assert set(statuses) == {401, 429}
    assert 5 <= statuses.count(401) < 20
    assert {guess("198.51.100.4", PASSWORD) for _ in range(25)} == {200}


def test_only_the_origins_of_the_setting_may_ask_from_a_browser(hasty: Running) -> None:
    ask = {"Access-Control-Request-Method": "POST", "Origin": "https://shop.example"}
    allowed = hasty.request("OPTIONS", "/v1/events", headers=ask)
    refused = hasty.request("OPTIONS", "/v1/events", headers=ask | {"Origin": "https://evil.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-credentials" not in allowed.headers
    assert "access-control-allow-origin" not in refused.headers


def test_behind_https_browsers_are_told_to_stay_there(hasty: Running) -> None:
    assert "max-age" in hasty.get("/health").headers["strict-transport-security"]


def test_an_issuer_without_an_audience_is_a_wrong_setting(tmp_path: Path) -> None:
    settings = settings_for("127.0.0.1:1", tmp_path, "x.", jwks_url="http://issuer.example/jwks")
    with pytest.raises(SettingsError, match="jwt_audience"):
        Services(settings, Metrics())


def test_without_a_broker_it_lives_is_not_ready_and_takes_nothing(tmp_path: Path) -> None:
    settings = settings_for(f"127.0.0.1:{pick()}", tmp_path, "x.")

    async def story() -> None:
        headers = {"Authorization": f"Bearer {Tokens(SECRET).create('service', 's', 60)}"}
        event = {"event_id": "e", "type": "login", "user_id": "u", "time": 1_790_000_000_000}
        async with Serving(settings) as serving, aiohttp.ClientSession(serving.url, headers=headers) as session:
            async with session.get("/health") as answer:
                assert answer.status == 200
            async with session.get("/ready") as answer:
                assert answer.status == 503
                assert "the broker cannot be reached" in (await answer.json())["lacking"]
            for path in ("/v1/events", "/v1/score"):
                async with session.post(path, json=event) as answer:
                    assert (answer.status, "Retry-After" in answer.headers) == (503, True)

    asyncio.run(story())
