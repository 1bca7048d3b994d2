"""Addresses: what is one, and the network that it belongs to. Answers are kept, bounded, since users come back."""

from functools import lru_cache
from ipaddress import IPv4Address, ip_address

CACHED_ADDRESSES = 65_536


@lru_cache(maxsize=CACHED_ADDRESSES)
def network_of(ip: str) -> str | None:
    """The /24 of an IPv4 address, the /48 of an IPv6 one, as text in CIDR form; None where `ip` is no address.

    An IPv4 address mapped into IPv6 belongs to its IPv4 network.
    """
    if "%" in ip:
        return None
    try:
        address = ip_address(ip)
    except ValueError:
        return None
    if not isinstance(address, IPv4Address):
        if address.ipv4_mapped is None:
            head = address.exploded.split(":")[:3]
            return ":".join(group.lstrip("0") or "0" for group in head) + "::/48"
        address = address.ipv4_mapped
    return str(address).rpartition(".")[0] + ".0/24"
