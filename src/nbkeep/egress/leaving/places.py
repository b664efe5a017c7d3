"""How what is sent to a host is treated, by what admins wrote of it: the closest entry counts. Pure."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from nbkeep.egress.addresses import unwrapped
from nbkeep.egress.parse import is_address, parse_pattern
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Treatment(StrEnum):
    """How what is sent to a host is treated.

    `EXAMINED`: as the policies at the gate upload say, which is so for all hosts that nothing is said of.
    `TRUSTED`: it is not read. `CLOSED`: nothing is sent there but what asks for something.
    """

    EXAMINED = "examined"
    TRUSTED = "trusted"
    CLOSED = "closed"


class Places:
    """What is said of hosts: of a name, of all below one (`*.name`), of a network, of all (`*`)."""

    def __init__(self, said: Iterable[tuple[str, Treatment]] = ()) -> None:
        self._names: dict[str, Treatment] = {}
        self._networks: dict[ipaddress.IPv4Network | ipaddress.IPv6Network, Treatment] = {}
        for host, treatment in said:
            if "/" in host or is_address(host):
                self._networks[ipaddress.ip_network(host)] = treatment
            else:
                self._names[host] = treatment

    def of(self, host: str, address: str = "") -> tuple[str, Treatment]:
        """Return what counts for a host in its one form, at an address, with the pattern that says so.

        Of a name, then of what it lies below (the closest first), of its address (the smallest network
        first), of all. "" where nothing is said of it.
        """
        for one in _patterns(host):
            if one in self._names:
                return one, self._names[one]
        for text in (host if is_address(host) else "", address):
            if text and (found := self._network(text)) is not None:
                return str(found), self._networks[found]
        return ("*", self._names["*"]) if "*" in self._names else ("", Treatment.EXAMINED)

    def _network(self, text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
        place = ipaddress.ip_address(text)
        places = {place, *unwrapped(place)}
        found = [
            one for one in self._networks if any(at.version == one.version and at in one for at in places)
        ]
        return max(found, key=lambda one: one.prefixlen, default=None)


def read_places(told: object) -> Places:
    """Return what the office tells of hosts; raises ValueError for what it does not say."""
    try:
        listed = cast("list[dict[str, Any]]", told)
        return Places((parse_pattern(str(one["host"])), Treatment(str(one["treatment"]))) for one in listed)
    except (TypeError, KeyError, Refused) as error:
        raise ValueError("not what a gateway is told of uploads") from error


def _patterns(host: str) -> Iterator[str]:
    yield host
    at = host.find(".")
    while at >= 0 and not is_address(host):
        yield f"*{host[at:]}"
        at = host.find(".", at + 1)
