"""Threat lists from files: read again when they change, and only as a whole."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from core.intelligence import ENTRIES_MAX, Listed, parse_range
from core.reputation import Consulting, Reputation, Reputations

logger = logging.getLogger(__name__)

LINE_MAX_CHARS: Final = 512
KINDS: Final = ("ip", "range", "device")


class BadList(Exception):
    """A list that is refused. line: from 1."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}, line {line}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


def parse_list(path: Path, text: str) -> dict[str, list[str]]:
    """One entry a line: an address, a range (CIDR), or `device:ID`; `#` begins a remark. Raises `BadList`."""
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        if len(entry) > LINE_MAX_CHARS or number > ENTRIES_MAX:
            raise BadList(path, number, "too long")
        if entry.startswith("device:"):
            found["device"].append(entry.removeprefix("device:").strip())
            continue
        try:
            parse_range(entry)
        except ValueError as error:
            raise BadList(path, number, str(error)) from None
        found["range" if "/" in entry else "ip"].append(entry)
    return found


class ThreatLists:
    """All files of a folder or one file. A file with a bad line is named in the log, and what was read of it before
    stands."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._parsed: dict[Path, Mapping[str, list[str]]] = {}
        self.listed = Listed()
        self.faults: dict[Path, str] = {}

    def refresh(self) -> bool:
        """Read what has changed since the last time; answers whether `listed` is new. Call it off the hot loop."""
        changed = False
        paths = self._paths()
        for gone in self._parsed.keys() - paths:
            del self._parsed[gone], self._stamps[gone]
            changed = True
        for path in sorted(paths):
            try:
                stat = path.stat()
                stamp = (stat.st_mtime_ns, stat.st_size)
                if self._stamps.get(path) == stamp:
                    continue
                self._stamps[path] = stamp
                self._parsed[path] = parse_list(path, path.read_text(encoding="utf-8"))
                self.faults.pop(path, None)
                changed = True
            except (OSError, UnicodeDecodeError, BadList) as error:
                self.faults[path] = str(error)
                logger.error("a threat list was refused, what was read of it before stands: %s", error)
        if changed:
            parsed = self._parsed.values()
            self.listed = Listed(
                ips=(ip for lists in parsed for ip in lists["ip"]),
                ranges=(text for lists in parsed for text in lists["range"]),
                devices=(device for lists in parsed for device in lists["device"]),
            )
        return changed

    def _paths(self) -> set[Path]:
        if self._path.is_dir():
            return {path for path in self._path.iterdir() if path.is_file() and not path.name.startswith(".")}
        return {self._path} if self._path.exists() else set()


def known_reputations(lists: ThreatLists | None) -> Reputations:
    """A store of reputations that also asks the lists, as they are at each question. The lists are read now."""
    if lists is None:
        return Reputations()
    lists.refresh()

    def consult(key: str) -> Reputation | None:
        return lists.listed.reputation(key)

    return Consulting(consult)
