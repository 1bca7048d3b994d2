"""Certificates and keys from files, for connections of ours with TLS."""

import ssl
from pathlib import Path

from argus.settings import Settings, SettingsError


def readable(name: str, path: Path | None) -> None:
    """Raises `SettingsError` where the setting of that name has a file that can't be read."""
    if path is None:
        return
    try:
        path.open("rb").close()
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {path}: {error.strerror}") from None


def trusting(name: str, authorities: Path | None) -> ssl.SSLContext:
    """For connections to others: verified by a file of authorities, or without one by those that the system trusts.
    name: of the setting. Raises `SettingsError`."""
    readable(name, authorities)
    try:
        context = ssl.create_default_context(cafile=None if authorities is None else str(authorities))
    except ssl.SSLError:
        raise SettingsError(f"{name}: {authorities} holds no certificate in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def show(context: ssl.SSLContext, prefix: str, certificate: Path, key: Path | None, password: str | None) -> None:
    """Have a context show a certificate. prefix: of the settings that it comes from. Raises `SettingsError`."""
    readable(f"{prefix}_cert_file", certificate)
    readable(f"{prefix}_key_file", key)
    try:
        # With no password at all, OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(certificate, key, password=password or "")
    except ssl.SSLError:
        raise SettingsError(
            f"{prefix}_cert_file: {certificate} and its key will not do, expected PEM that belongs together and that"
            f" {prefix}_key_password opens"
        ) from None


def without_certificate(prefix: str, key: Path | None) -> None:
    """Raises `SettingsError` where there is a key and nothing that it belongs to."""
    if key is not None:
        raise SettingsError(f"{prefix}_key_file: a key needs its certificate, {prefix}_cert_file")


def of_api(settings: Settings) -> ssl.SSLContext | None:
    """How the API listens; None for plain HTTP. Raises `SettingsError`."""
    if settings.api_cert_file is None:
        without_certificate("api", settings.api_key_file)
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    show(context, "api", settings.api_cert_file, settings.api_key_file, settings.api_key_password)
    return context


def of_own_api(settings: Settings) -> ssl.SSLContext | None:
    """How a process on this machine asks the API: by that very certificate, whatever names are in it."""
    if settings.api_cert_file is None:
        return None
    context = trusting("api_cert_file", settings.api_cert_file)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
