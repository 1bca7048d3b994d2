"""Threat intelligence: lists of addresses, ranges and devices that somebody else found to be hostile."""

from bisect import bisect_right
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from core.reputation import FOREVER_MS, LISTED, Reputation

ENTRIES_MAX: Final = 1_000_000
ANSWERS_KEPT: Final = 65_536
RULE_ID: Final = "threat_list"


class Listed:
    """What is on the lists. Ranges are merged, so that a look-up is one search whatever overlaps."""

    def __init__(self, ips: Iterable[str] = (), ranges: Iterable[str] = (), devices: Iterable[str] = ()) -> None:
        """Raises ValueError for an address or a range that is none."""
        self._devices = frozenset(devices)
        self._answers: dict[str, bool] = {}
        spans: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for text in (*ips, *ranges):
            network = parse_range(text)
            spans[network.version].append((int(network.network_address), int(network.broadcast_address)))
        self._spans = {version: _merged(found) for version, found in spans.items()}

    def __len__(self) -> int:
        return len(self._devices) + sum(len(firsts) for firsts, _ in self._spans.values())

    def reputation(self, key: str) -> Reputation | None:
        """What the lists say of a source; None for one that isn't on them."""
        type_, _, id_ = key.partition(":")
        if type_ == "device":
            return _LISTED if id_ in self._devices else None
        if type_ == "ip":
            answer = self._answers.get(id_)
            if answer is None:
                if len(self._answers) >= ANSWERS_KEPT:
                    self._answers.clear()
                answer = self._answers[id_] = self._has(id_)
            return _LISTED if answer else None
        return None

    def _has(self, ip: str) -> bool:
        try:
            address = ip_address(ip)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        firsts, lasts = self._spans[address.version]
        at = bisect_right(firsts, int(address)) - 1
        return at >= 0 and int(address) <= lasts[at]


_LISTED: Final = Reputation(LISTED, RULE_ID, 0, FOREVER_MS, 0.0, "On a list of hostile sources")


def parse_range(text: str) -> IPv4Network | IPv6Network:
    """An address or a range in CIDR form, its host bits ignored. Raises ValueError."""
    return ip_network(text, strict=False)


def _merged(spans: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    firsts: list[int] = []
    lasts: list[int] = []
    for first, last in sorted(spans):
        if lasts and first <= lasts[-1] + 1:
            lasts[-1] = max(lasts[-1], last)
        else:
            firsts.append(first)
            lasts.append(last)
    return firsts, lasts
