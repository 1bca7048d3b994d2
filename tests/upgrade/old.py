"""Earlier versions of Argus: what a worker runs of them (`tests/upgrade/keep`), and what it leaves behind
(`tests/upgrade/record.py`)."""

import lzma
import tarfile
from pathlib import Path

import msgspec
from msgspec import Struct

HERE = Path(__file__).parent / "versions"
# By the newest version of a user's state that each reads and writes.
VERSIONS = ("users-3", "users-4", "users-5")

# Key and value of a changelog, the epoch in front of the value.
Row = tuple[bytes, bytes]


class Recorded(Struct):
    """What a worker left. counts: of distinct events, by user; newest: the last event that it decided; tables: the
    changelogs, in order."""

    counts: dict[str, int]
    newest: bytes
    tables: dict[str, list[Row]]


def unpacked(name: str, directory: Path) -> Path:
    """The packages of a version, in a directory of their own below this one."""
    code = directory / name
    with tarfile.open(HERE / f"{name}.tar.xz") as kept:
        kept.extractall(code, filter="data")
    return code


def recorded_file(name: str) -> Path:
    return HERE / f"{name}.states.xz"


def recorded(name: str) -> Recorded:
    return msgspec.msgpack.decode(lzma.decompress(recorded_file(name).read_bytes()), type=Recorded)
