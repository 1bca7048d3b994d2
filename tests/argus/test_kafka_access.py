import re
from pathlib import Path
from typing import Any

import faust
import pytest

import agents
import argus
from agents.access import OPEN, Access
from argus.faust_app import faust_app
from argus.kafka_access import access_of
from argus.settings import Settings, SettingsError, load_settings
from tests.kafka.certificates import KEY_PASSWORD, Certificates, certificates

NAMED = {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_username": "argus", "kafka_password": "hush"}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("pem"))


def test_by_default_kafka_is_spoken_to_in_the_open() -> None:
    assert access_of(Settings()) is OPEN
    assert OPEN.options() == {"security_protocol": "PLAINTEXT"}
    assert OPEN.credentials() is None


def test_a_password_comes_from_a_file_and_is_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush\n")
    settings = load_settings(
        {
            "ARGUS_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "ARGUS_KAFKA_USERNAME": "argus",
            "ARGUS_KAFKA_PASSWORD_FILE": str(tmp_path / "password"),
        }
    )
    access = access_of(settings)
    assert access.options() == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "argus",
        "sasl_plain_password": "hush",
    }
    assert "hush" not in f"{access} {access!r}"


def test_workers_get_the_same_in_fausts_terms(tmp_path: Path, pem: Certificates) -> None:
    named = access_of(Settings(**NAMED)).credentials()
    assert isinstance(named, faust.SASLCredentials)
    assert (named.protocol.value, named.mechanism.value) == ("SASL_PLAINTEXT", "SCRAM-SHA-512")
    settings = Settings(data_dir=tmp_path, kafka_security_protocol="SSL", kafka_ca_file=pem.authority)
    encrypted = faust_app(settings).conf.broker_credentials
    assert isinstance(encrypted, faust.SSLCredentials)
    assert encrypted.protocol.value == "SSL"


def test_certificates_are_read_when_they_are_asked_for(pem: Certificates) -> None:
    access = access_of(
        Settings(
            kafka_security_protocol="SSL",
            kafka_ca_file=pem.authority,
            kafka_cert_file=pem.client,
            kafka_key_file=pem.client_key,
            kafka_key_password=KEY_PASSWORD,
        )
    )
    assert access.tls is not None
    assert access.tls.check_hostname
    assert [each["subject"] for each in access.tls.get_ca_certs()] == [((("commonName", "argus tests"),),)]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kafka_security_protocol": "SASL_SSL"}, "needs kafka_username and kafka_password"),
        ({"kafka_ca_file": Path("/none.pem")}, "kafka_ca_file: cannot read /none.pem: No such file"),
        ({"kafka_ca_file": "client_key"}, "holds no certificate in PEM"),
        ({"kafka_key_file": "client_key"}, "kafka_key_file: a key needs its certificate"),
        ({"kafka_cert_file": "client"}, "and its key will not do"),
        ({"kafka_cert_file": "client", "kafka_key_file": "client_key"}, "that kafka_key_password opens"),
    ],
)
def test_what_will_not_do_is_one_clear_line(given: dict[str, Any], words: str, pem: Certificates) -> None:
    values = {name: getattr(pem, text, text) if isinstance(text, str) else text for name, text in given.items()}
    with pytest.raises(SettingsError, match=words) as raised:
        access_of(Settings(**{"kafka_security_protocol": "SSL", **values}))
    assert "\n" not in str(raised.value)


def test_every_client_is_given_its_access() -> None:
    """A client that forgets it works on a cluster in the open, and nowhere else."""
    without = {"argus/broker.py", "agents/transport.py"}  # the embedded broker; Faust's own way
    forgetful = []
    for package in (agents, argus):
        folder = Path(next(iter(package.__path__)))
        for path in folder.rglob("*.py"):
            where = path.relative_to(folder.parent).as_posix()
            for call in re.finditer(r"AIOKafka\w+\((?!\))", text := path.read_text()):
                if where not in without and not re.search(r"\*\*.*options", arguments(text, call.end())):
                    forgetful.append(f"{where}: {call[0]}")
    assert forgetful == []


def arguments(text: str, begin: int) -> str:
    """What is between a parenthesis, just before `begin`, and its fellow."""
    depth = 1
    for end in range(begin, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if not depth:
            return text[begin:end]
    return ""


def test_the_options_are_what_aiokafka_calls_them() -> None:
    access = Access(protocol="SASL_SSL", username="a", password="b")
    assert set(access.options()) == {
        "security_protocol", "ssl_context", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password",
    }  # fmt: skip
