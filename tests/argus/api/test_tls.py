"""The API with a certificate of its own."""

import asyncio
import http.client
import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from argus.asking import ask
from argus.certificates import of_api, of_own_api
from argus.settings import Settings, SettingsError
from tests.argus.api.running import PASSWORD, Running, settings_for
from tests.kafka.certificates import KEY_PASSWORD, Certificates, certificates

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("pem"))


@pytest.fixture(scope="module")
def api(tansu: str, pem: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    prefix = f"tls-{uuid.uuid4().hex[:8]}."
    settings = settings_for(tansu, tmp_path_factory.mktemp("tls"), prefix, api_cert_file=pem.broker)
    with Running(settings, tls=ssl.create_default_context(cafile=str(pem.authority))) as running:
        yield running


@pytest.mark.broker
def test_whoever_trusts_its_authority_is_served(api: Running) -> None:
    assert api.url == f"https://{HOST}:{api.port}"
    answer = api.get("/v1/alerts", role="analyst")
    assert (answer.status, answer.json["items"]) == (200, [])
    assert answer.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.broker
def test_others_are_not(api: Running, pem: Certificates) -> None:
    stranger = ssl.create_default_context(cafile=str(pem.stranger))
    with pytest.raises(ssl.SSLCertVerificationError):
        http.client.HTTPSConnection(HOST, api.port, timeout=30, context=stranger).request("GET", "/health")
    plain = http.client.HTTPConnection(HOST, api.port, timeout=30)
    plain.request("GET", "/health")
    with pytest.raises((http.client.HTTPException, OSError)):
        plain.getresponse()
    assert api.get("/health").status == 200


@pytest.mark.broker
def test_cookies_are_sent_over_nothing_else_and_forms_are_of_that_origin(api: Running) -> None:
    who = {"name": "ann", "password": PASSWORD}
    answer = api.post("/v1/session", who, headers={"Origin": api.url})
    assert answer.status == 200
    assert "Secure" in answer.headers["set-cookie"].split("; ")
    assert api.post("/v1/session", who, headers={"Origin": api.url.replace("https", "http")}).status == 403


@pytest.mark.broker
def test_alerts_come_live(api: Running) -> None:
    async def story() -> bool:
        headers = {"Authorization": f"Bearer {api.token('analyst')}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.ws_connect(f"{api.url}/ws/alerts", ssl=api.tls or True) as live,
        ):
            return not live.closed

    assert asyncio.run(story())


@pytest.mark.broker
def test_the_machine_itself_asks_by_the_very_certificate(api: Running, pem: Certificates) -> None:
    assert ask(HOST, api.port, "/ready", of_own_api(api.settings))[0]
    other = of_own_api(Settings(api_cert_file=pem.stranger))
    good, why = ask(HOST, api.port, "/ready", other)
    assert not good
    assert "CERTIFICATE_VERIFY_FAILED" in why
    assert of_own_api(Settings()) is None


def test_a_key_may_be_a_file_of_its_own_with_a_password(pem: Certificates) -> None:
    settings = Settings(api_cert_file=pem.client, api_key_file=pem.client_key, api_key_password=KEY_PASSWORD)
    context = of_api(settings)
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"api_cert_file": Path("/none.pem")}, "api_cert_file: cannot read /none.pem: No such file"),
        ({"api_key_file": "client_key"}, "api_key_file: a key needs its certificate, api_cert_file"),
        ({"api_cert_file": "client"}, "and its key will not do"),
        ({"api_cert_file": "client", "api_key_file": "client_key"}, "that api_key_password opens"),
    ],
)
def test_what_will_not_do_is_one_clear_line(given: dict[str, Any], words: str, pem: Certificates) -> None:
    values = {name: getattr(pem, text, text) if isinstance(text, str) else text for name, text in given.items()}
    with pytest.raises(SettingsError, match=words) as raised:
        of_api(Settings(**values))
    assert "\n" not in str(raised.value)


def test_a_file_without_a_certificate_is_told_to_who_asks_by_it(pem: Certificates) -> None:
    with pytest.raises(SettingsError, match=r"api_cert_file: .* holds no certificate in PEM"):
        of_own_api(Settings(api_cert_file=pem.client_key))
