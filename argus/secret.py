"""The secret that Argus signs with: given by a setting, or made at first start and kept in the data directory."""

import os
import secrets
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Final

from argus.settings import Settings, SettingsError

FILE: Final = "secret"
SECRET_BYTES: Final = 32


def secret_of(settings: Settings) -> str:
    """The setting, or the text of `DATA_DIR/secret` (mode 0600), which is made where it is missing. Workers that
    share partitions must share it. Raises `SettingsError` for a file that cannot be read, OSError where none can be
    made."""
    if settings.secret:
        return settings.secret
    path = settings.data_dir / FILE
    while True:
        try:
            found = path.read_text("ascii").strip()
        except FileNotFoundError:
            _make(path)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise SettingsError(f"secret: {path} cannot be read: {why}") from None
        else:
            if not found:
                raise SettingsError(f"secret: {path} is empty; without the file a new one is made")
            return found


def derived_key(secret: str, purpose: bytes) -> bytes:
    """A key for one purpose (at most 16 bytes of name), so that none gives another away."""
    return blake2b(secret.encode(), person=purpose, digest_size=SECRET_BYTES).digest()


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Of mode 0600, and of a name that nobody else uses: two containers may share the directory and a process id.
    opened, name = tempfile.mkstemp(prefix=f"{FILE}.", dir=path.parent)
    fresh = Path(name)
    with os.fdopen(opened, "w") as file:
        file.write(secrets.token_hex(SECRET_BYTES) + "\n")
    try:
        # Whole or not at all, and never over one that another process has made meanwhile.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
