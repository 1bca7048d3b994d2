"""How a Kafka cluster is spoken to: in the open, encrypted, and as whom. Every client gets its options from here."""

import ssl
from typing import Any, Final

import faust
from faust.types.auth import CredentialsT
from msgspec import Struct


class Access(Struct, frozen=True, kw_only=True):
    """protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. mechanism, username, password: with SASL; tls: with SSL,
    and then never None."""

    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        """Without the password, wherever it may be logged."""
        return f"Access({self.protocol}, username={self.username})"

    @property
    def encrypted(self) -> bool:
        return self.protocol.endswith("SSL")

    @property
    def named(self) -> bool:
        return self.protocol.startswith("SASL_")

    def options(self) -> dict[str, Any]:
        """Arguments of aiokafka's clients, of each kind."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.encrypted:
            options["ssl_context"] = self.tls
        if self.named:
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self.password
        return options

    def credentials(self) -> CredentialsT | None:
        """The same in Faust's terms; None in the open."""
        if self.named:
            return faust.SASLCredentials(
                username=self.username, password=self.password, ssl_context=self.tls, mechanism=self.mechanism
            )
        return faust.SSLCredentials(context=self.tls) if self.encrypted else None


OPEN: Final = Access()
