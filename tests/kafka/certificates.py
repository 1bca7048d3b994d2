"""An authority of its own for a test, with a certificate for the broker on loopback and one for a client, as PEM."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from argus.ports import LOOPBACK

KEY_PASSWORD = "opens the key"
Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Certificates:
    """Files. broker: key and certificate in one; client_key: opened by `KEY_PASSWORD`; stranger: an authority that
    has signed none of them."""

    authority: Path
    broker: Path
    client: Path
    client_key: Path
    stranger: Path


def certificates(directory: Path) -> Certificates:
    key, authority = _made("argus tests", None)
    broker_key, broker = _made("broker", (key, authority))
    client_key, client = _made("client", (key, authority))
    _, stranger = _made("stranger", None)
    return Certificates(
        authority=_written(directory / "ca.pem", _pem(authority)),
        broker=_written(directory / "broker.pem", _key_pem(broker_key) + _pem(broker)),
        client=_written(directory / "client.pem", _pem(client)),
        client_key=_written(directory / "client.key", _key_pem(client_key, KEY_PASSWORD)),
        stranger=_written(directory / "stranger.pem", _pem(stranger)),
    )


def _made(name: str, issuer: tuple[Key, x509.Certificate] | None) -> tuple[Key, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
    )
    return key, builder.sign(issuer[0] if issuer else key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: Key, password: str | None = None) -> bytes:
    sealed: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        sealed = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
