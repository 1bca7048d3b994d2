from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.net import network_of


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("0.0.0.0", "0.0.0.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("2001:DB8:0001::", "2001:db8:1::/48"),
        ("::1", "0:0:0::/48"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
    ],
)
def test_an_address_belongs_to_its_network(ip: str, network: str) -> None:
    assert network_of(ip) == network


@pytest.mark.parametrize(
    "text",
    ["", " 1.2.3.4", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "fe80::1%eth0", "1.2.3.4/24", "localhost", "::g"],
)
def test_what_is_no_address_has_no_network(text: str) -> None:
    assert network_of(text) is None


@given(st.ip_addresses())
def test_every_address_lies_within_its_network(address: object) -> None:
    network = network_of(str(address))
    assert network is not None
    plain = ip_address(str(address))
    mapped = getattr(plain, "ipv4_mapped", None)
    assert (mapped or plain) in ip_network(network)


@given(st.text(max_size=60))
def test_any_text_has_an_answer(text: str) -> None:
    assert network_of(text) is None or "/" in str(network_of(text))
