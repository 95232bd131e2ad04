"""Network addresses as they are written: the one place that reads them."""

import ipaddress
import re
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):[0-9]{1,5}|\[(?P<v6>[^]]+)\](?::[0-9]{1,5})?")
_V6_OF_ONE_CLIENT = 64

_TRANSLATED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "::/96",  # IPv4-compatible, given up
        "::ffff:0:0:0/96",  # SIIT, RFC 7915
        "64:ff9b::/96",  # NAT64, RFC 6052
        "64:ff9b:1::/48",  # NAT64 of one's own network, RFC 8215
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
    )
)


def read_address(written: str | None) -> Address | None:
    """Read an address, with or without port, brackets, blanks, quotes or zone; None if it is none.

    An IPv4 address mapped into IPv6 is that IPv4 address.
    """
    bare = (written or "").strip().strip('"').strip()
    if found := _WITH_PORT.fullmatch(bare):
        bare = found["v4"] or found["v6"]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def address_behind(
    peer: str | None, forwarded: Sequence[str], *, trusted: Sequence[Network]
) -> str | None:
    """Return the client's address: the nearest one that is no trusted proxy's.

    Each proxy appends the address that called it to X-Forwarded-For. So the header is read from
    the right, and only as far as a trusted proxy wrote it: what stands before is the client's own
    invention. Where an entry is no address, the proxy that wrote it counts as the client.
    """
    nearest = read_address(peer)
    if nearest is None:
        return peer
    for entry in reversed(forwarded):
        if not any(nearest in network for network in trusted):
            break
        if (before := read_address(entry)) is None:
            break
        nearest = before
    return str(nearest)


def network_of(address: str | None) -> str:
    """Return what one client is counted by: its address, or the /64 that an IPv6 client has."""
    found = read_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, _V6_OF_ONE_CLIENT), strict=False))
    return str(found or address or "")


def is_public(address: Address) -> bool:
    """Say whether an address is a public host's own; one that is translated may lead anywhere."""
    if address.version == 6 and any(address in network for network in _TRANSLATED):
        return False
    return address.is_global and not address.is_multicast
