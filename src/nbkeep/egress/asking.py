"""Whether one rule reaches as far as another, and how closely it speaks of hosts: for ask-lists. Pure."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, cast

from .addresses import kind, opens
from .parse import is_address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .addresses import Network
    from .values import Rule

_EXACT = 1000  # longer than any name, and than any prefix


def covering(asks: Iterable[Rule], wanted: Rule) -> Rule | None:
    """Return the first of these rules that is as wide as the wanted one, or wider; None where there is none.

    An address of a private network, or of this machine, is covered only by a rule that is about such
    addresses: whoever wrote `*` hardly had them in mind.
    """
    wide = (ask for ask in asks if covers_host(ask.host, wanted.host) and _covers_ports(ask, wanted))
    return next(wide, None)


def covers_host(wide: str, narrow: str) -> bool:
    """Tell whether the host of one rule reaches as far as that of another, as `parse_pattern` makes them.

    >>> covers_host("*.pypi.org", "files.pypi.org"), covers_host("*.pypi.org", "pypi.org")
    (True, False)
    >>> covers_host("*", "*.pypi.org"), covers_host("*", "10.0.0.1"), covers_host("10.0.0.0/8", "10.0.0.1")
    (True, False, True)
    """
    if wide == narrow:
        return True
    if _is_network(narrow):
        inner = ipaddress.ip_network(narrow)
        if wide == "*":
            return inner.prefixlen == inner.max_prefixlen and kind(inner.network_address) == "public"
        return _is_network(wide) and _holds(ipaddress.ip_network(wide), inner)
    if wide == "*":
        return True
    # `*.b.org` lies below `*.org`, as `a.b.org` does; for that, the star is a label like any other.
    return wide.startswith("*.") and narrow.endswith(wide[1:])


def closeness(rule: Rule) -> int:
    """Return how closely a rule is about the hosts that it speaks of; comparable for rules about one host."""
    if rule.host == "*":
        return 0
    if rule.host.startswith("*."):
        return len(rule.host)
    return ipaddress.ip_network(rule.host).prefixlen + 1 if "/" in rule.host else _EXACT


def _is_network(host: str) -> bool:
    return "/" in host or is_address(host)


def _holds(wide: Network, narrow: Network) -> bool:
    if wide.version != narrow.version or not cast("ipaddress.IPv4Network", narrow).subnet_of(
        cast("ipaddress.IPv4Network", wide)
    ):
        return False
    return opens(wide, kind(narrow.network_address)) and opens(wide, kind(narrow.broadcast_address))


def _covers_ports(ask: Rule, wanted: Rule) -> bool:
    return not ask.ports or (bool(wanted.ports) and wanted.ports <= ask.ports)
