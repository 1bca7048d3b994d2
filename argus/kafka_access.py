"""What the settings say of how Kafka is spoken to, checked, and with its certificates read."""

import ssl

from agents.access import OPEN, Access
from argus.certificates import show, trusting, without_certificate
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
    """Brokers are verified, their names too."""
    context = trusting("kafka_ca_file", settings.kafka_ca_file)
    if settings.kafka_cert_file is None:
        without_certificate("kafka", settings.kafka_key_file)
    else:
        show(context, "kafka", settings.kafka_cert_file, settings.kafka_key_file, settings.kafka_key_password)
    return context
