"""Which network addresses a server-side fetch may reach: the public internet, never our own surroundings."""

import ipaddress

# Ranges that hold an IPv4 address and so lead anywhere, and some that older Pythons count as global.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "::/96",  # IPv4-compatible, deprecated (RFC 4291 §2.5.5.1)
        "64:ff9b::/96",  # NAT64 (RFC 6052)
        "64:ff9b:1::/48",  # local NAT64 (RFC 8215)
        "2001::/32",  # Teredo (RFC 4380)
        "2002::/16",  # 6to4 (RFC 3056)
        "fec0::/10",  # site-local, deprecated (RFC 3879)
    )
)


def is_public(text: str) -> bool:
    """Whether the address is an ordinary unicast address of the public internet.

    False for private, shared (CGNAT), loopback, link-local, multicast, documentation and reserved ranges, and for
    IPv6 ranges that stand for IPv4 addresses. Raises ValueError for text that is no address.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped is not None or address.scope_id is not None):
        return False
    if any(address in network for network in _REFUSED):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def is_loopback(text: str) -> bool:
    """Whether the address leads to this machine itself. Raises ValueError for text that is no address."""
    return ipaddress.ip_address(text).is_loopback
