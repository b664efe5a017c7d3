"""What kind of place an IP address is: the internet, an organisation's network, this machine. Pure."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Literal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# `public`: anybody's. `private`: an organisation's. `special`: this machine, its link, its cloud's metadata.
Kind = Literal["public", "private", "special"]

_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/127",
        "fe80::/10",
        "ff00::/8",
        # What clouds tell their machines, keys among it, where it is not link-local: Azure, Alibaba, Oracle,
        # AWS.
        "168.63.129.16/32",
        "100.100.100.200/32",
        "192.0.0.192/32",
        "fd00:ec2::/32",
    )
)
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10")
)
# RFC 6052 and 8215: an IPv4 address stands in the last 32 bits.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291, 2.5.5.1: deprecated, and still routed by some
_NAMED_BITS = {4: 8, 6: 16}  # what has fewer was hardly written with some place in mind
_LOW_32 = (1 << 32) - 1
_ALL = ipaddress.IPv4Network("0.0.0.0/0")
# Networks in whose addresses one of IPv4 stands: behind how many bits, and what it is changed by.
_CARRY = (
    (_NAT64, 96, 0),
    (_NAT64_LOCAL, 96, 0),
    (_COMPATIBLE, 96, 0),
    (ipaddress.IPv6Network("::ffff:0:0/96"), 96, 0),
    (ipaddress.IPv6Network("2002::/16"), 16, 0),  # 6to4: RFC 3056
    (ipaddress.IPv6Network("2001::/32"), 96, _LOW_32),  # Teredo: RFC 4380
)


def unwrapped(address: Address) -> tuple[Address, ...]:
    """Return the address, and the IPv4 addresses that it carries inside (mapped, NAT64, 6to4, Teredo)."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    inner: list[ipaddress.IPv4Address] = []
    if address in _NAT64 or address in _NAT64_LOCAL or (address in _COMPATIBLE and int(address) > 1):
        inner.append(ipaddress.IPv4Address(int(address) & _LOW_32))
    inner += [one for one in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())) if one]
    # A mapped address is the same place as the one inside; the others are tunnels' own addresses as well.
    return tuple(inner) if address.ipv4_mapped else (address, *inner)


@lru_cache(maxsize=4096)  # sessions go to the same places again and again
def kind(address: Address, own: frozenset[Address] = frozenset()) -> Kind:
    """Return the most closely guarded kind that the address, or one that it carries inside, is of.

    `own`: the addresses of this machine. What is neither public nor known is private.
    """
    found = {_kind_of_one(one, own) for one in unwrapped(address)}
    return "special" if "special" in found else "private" if "private" in found else "public"


def _kind_of_one(address: Address, own: frozenset[Address]) -> Kind:
    if address in own or any(address in network for network in _SPECIAL):
        return "special"
    if isinstance(address, ipaddress.IPv6Address) and (
        address in _NAT64 or address.sixtofour or address.teredo or address in _COMPATIBLE
    ):
        return "public"  # as far as this address goes: the one inside is looked at, too
    return "public" if address.is_global and not _within(address, _PRIVATE) else "private"


@lru_cache(maxsize=4096)
def opens(network: Network, wanted: Kind) -> bool:
    """Tell whether a rule about this network is explicit enough for addresses of a kind.

    A wide one such as 0.0.0.0/0 opens public addresses: it was hardly written with the machine's own in mind.
    """
    if wanted == "public" or network.prefixlen == network.max_prefixlen:
        return True
    among = _SPECIAL if wanted == "special" else (*_PRIVATE, *_SPECIAL)
    inside = any(
        network.prefixlen >= one.prefixlen and network.network_address in one
        for one in among
        if network.version == one.version
    )
    return inside or (wanted == "private" and not network.is_global and network.prefixlen > 0)


def is_internet(host: str) -> bool:
    """Tell whether a rule's host is nobody's in particular: `*`, or a network as wide as the public internet.

    >>> [is_internet(one) for one in ("*", "0.0.0.0/0", "128.0.0.0/1", "2000::/3")]
    [True, True, True, True]
    >>> [is_internet(one) for one in ("*.bd", "10.0.0.0/8", "fc00::/7", "1.1.1.1")]
    [False, False, False, False]
    >>> [is_internet(one) for one in ("64:ff9b::/96", "2002::/16", "64:ff9b::a00:0/104", "2002:808:808::/48")]
    [True, True, False, False]
    """
    if "/" not in host:
        return host == "*"
    network = ipaddress.ip_network(host)
    inner = _carried(network) if isinstance(network, ipaddress.IPv6Network) else None
    return any(
        one.is_global and one.prefixlen < _NAMED_BITS[one.version]
        for one in (network, inner)
        if one is not None
    )


def _carried(network: ipaddress.IPv6Network) -> ipaddress.IPv4Network | None:
    """Return the network of IPv4 that addresses of this one lead to, None where they lead to none."""
    for among, begin, change in _CARRY:
        if among.subnet_of(network):
            return _ALL
        if network.subnet_of(among):
            first = ((int(network.network_address) >> (96 - begin)) & _LOW_32) ^ change
            bits = min(32, max(0, network.prefixlen - begin))
            return ipaddress.IPv4Network((first, bits), strict=False)
    return None


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
