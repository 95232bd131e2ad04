"""Addresses: how they are written, and which of a chain is the client's."""

import ipaddress

import pytest

from domain.addresses import address_behind, network_of, read_address

PROXIES = [ipaddress.ip_network("10.0.0.0/29"), ipaddress.ip_network("fd00::/64")]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9 ", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ('"[2001:db8::1]:4711"', "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        (None, None),
        ("unknown", None),
        ("203.0.113.9:", None),
        ("203.0.113.9:x", None),
        ("203.0.113", None),
        ("_hidden", None),
        ("２０３.0.113.9", None),
    ],
)
def test_address_is_read_however_it_is_written(written: str | None, found: str | None) -> None:
    address = read_address(written)

    assert (None if address is None else str(address)) == found


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", ["6.6.6.6"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        # Balancer, console, API: the same client by the longer way.
        ("10.0.0.2", ["6.6.6.6", "203.0.113.9", "10.0.0.1"], "203.0.113.9"),
        ("10.0.0.2", ["10.0.0.3", "203.0.113.9", "10.0.0.1"], "203.0.113.9"),
        # The console alone, without a balancer.
        ("10.0.0.2", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1:5000", [" 203.0.113.9 "], "203.0.113.9"),
        ("fd00::5", ["6.6.6.6", "2001:DB8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "unknown"], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6", ""], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.2"),
        (None, ["6.6.6.6"], None),
    ],
)
def test_client_is_the_nearest_that_is_no_proxy(
    peer: str | None, forwarded: list[str], found: str | None
) -> None:
    assert address_behind(peer, forwarded, trusted=PROXIES) == found


def test_nobody_is_trusted_by_default() -> None:
    assert address_behind("10.0.0.1", ["6.6.6.6"], trusted=[]) == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        (None, ""),
    ],
)
def test_clients_of_ipv6_are_counted_by_their_network(address: str | None, network: str) -> None:
    assert network_of(address) == network
