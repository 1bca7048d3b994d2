"""What the settings say of how Kafka is spoken to, checked, and with its certificates read."""

import ssl
from pathlib import Path

from agents.access import OPEN, Access
from argus.settings import Settings, SettingsError


def access_of(settings: Settings) -> Access:
    """Raises `SettingsError` for what does not go together, and for certificates that cannot be read."""
    protocol = settings.kafka_security_protocol
    if protocol == "PLAINTEXT":
        return OPEN
    named = protocol.startswith("SASL_")
    if named and not (settings.kafka_username and settings.kafka_password):
        raise SettingsError(
            f"kafka_security_protocol: {protocol} needs kafka_username and kafka_password (ARGUS_KAFKA_PASSWORD_FILE)"
        )
    return Access(
        protocol=protocol,
        mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username if named else None,
        password=settings.kafka_password if named else None,
        tls=_tls(settings) if protocol.endswith("SSL") else None,
    )


def _tls(settings: Settings) -> ssl.SSLContext:
    """Brokers are verified, their names too; without a file of authorities, by those that the system trusts."""
    ca, certificate, key = settings.kafka_ca_file, settings.kafka_cert_file, settings.kafka_key_file
    for name, path in (("kafka_ca_file", ca), ("kafka_cert_file", certificate), ("kafka_key_file", key)):
        if path is not None:
            _readable(name, path)
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except ssl.SSLError:
        raise SettingsError(f"kafka_ca_file: {ca} holds no certificate in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is None:
        if key is not None:
            raise SettingsError("kafka_key_file: a key needs its certificate, kafka_cert_file")
        return context
    try:
        # With no password at all, OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(certificate, key, password=settings.kafka_key_password or "")
    except ssl.SSLError:
        raise SettingsError(
            f"kafka_cert_file: {certificate} and its key will not do, expected PEM that belongs together and that"
            " kafka_key_password opens"
        ) from None
    return context


def _readable(name: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {path}: {error.strerror}") from None
