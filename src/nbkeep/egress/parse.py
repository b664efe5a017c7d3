"""Hosts and rules as people and programs write them, made into the one form that is compared. Pure.

A host that could be read in two ways (`127.1`, `0x7f000001`, `010.0.0.1`) is refused, because whoever
connects later might read it in the other one.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import idna

from nbkeep.model.errors import Refused, invalid

from .paths import AmbiguousError, spelled
from .values import METHOD, Rule

if TYPE_CHECKING:
    from .values import Effect

WEB_PORTS = frozenset({80, 443})
_ANY_PORT: frozenset[int] = frozenset()
_MAX_PORT = 65535
_MAX_NAME = 253
# As in host names, and the underscore that some internal names have.
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# An ordinary name, as nearly all are; what is none is looked at closely.
_PLAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_LONGEST_RULE = 300  # as long as a record has room for
_REQUEST_EXAMPLES = "Write it like GET|HEAD@github.com/acme/*, DELETE@*.acme.local or pypi.org/simple/*."
_EXAMPLES = "Write it like pypi.org, *.acme.local:443, 10.0.0.0/8:5432 or [2001:db8::1]:443."


def parse_host(text: str) -> str:
    """Return a host in its one form: an IP address, or a name in small ASCII letters without a last dot.

    IPv6 addresses may be in brackets. Raises `Refused` (400) for what is neither, and for numbers that only
    some programs take for an address.
    """
    if len(text) <= _MAX_NAME and "xn--" not in text and _PLAIN.fullmatch(text):
        return text
    if text.startswith("[") and text.endswith("]"):
        return str(_address(text[1:-1], text, version=6))
    if ":" in text:
        return str(_address(text, text, version=6))
    name = _ascii(text)
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return str(_address(name, text, version=4))
    return name


def parse_rule(text: str, *, effect: Effect, source: str, rule_id: str = "") -> Rule:
    """Return the rule that an admin wrote: `host`, `host:443`, `host:80,443`, `host:*` (any port).

    `GET|HEAD@host/acme/*` is about some requests to it.

    Without a port, an allow or ask rule means 80 and 443, a deny rule every port. The id, if none
    is given, is the rule in words. Raises `Refused` (400) that names the text.
    """
    try:
        methods, place, path = _restriction(text.strip(), effect)
        host, ports = _apart(place)
        if not host:
            raise invalid("egress", f"{text!r} names no host.", _EXAMPLES)
        pattern = parse_pattern(host)
        numbers = (_ANY_PORT if effect == "deny" else WEB_PORTS) if ports is None else _ports(ports)
    except Refused as error:
        raise invalid(
            "egress", f"The rule {text[:260]!r} is not valid: {error.message}", error.remedy
        ) from error
    rule = Rule(rule_id, effect, pattern, numbers, source, methods=methods, path=path)
    if rule.is_restricted and len(str(rule)) > _LONGEST_RULE:
        raise invalid("egress", f"The rule {text[:80]!r}… has more than {_LONGEST_RULE} letters.",
                      "Shorten its path with a *.")  # fmt: skip
    return rule if rule_id else replace(rule, id=str(rule))


def parse_pattern(text: str) -> str:
    """Return the host of a rule in its one form; raises `Refused` (400). Twice is once."""
    if text == "*":
        return text
    if "/" in text:
        return str(_network(text))
    if text.startswith("*."):
        below = parse_host(text[2:])
        if is_address(below):
            raise invalid("egress", f"{text!r} is no name.", "Write a network like 10.0.0.0/8 instead.")
        return f"*.{below}"
    if "*" in text:
        raise invalid("egress", f"{text!r} has a * where none can be.",
                      "It stands alone, or at the front with a dot: *.acme.local.")  # fmt: skip
    return parse_host(text)


def is_address(host: str) -> bool:
    """Tell whether a host in its one form is an IP address: no name ends in a number."""
    return ":" in host or (host[-1:].isdigit() and _NUMBER.fullmatch(host.rpartition(".")[2]) is not None)


def parse_port(text: str) -> int:
    """Return a port; raises `Refused` (400)."""
    if not _PORT.fullmatch(text) or not 0 < int(text) <= _MAX_PORT:
        raise invalid("egress", f"{text[:40]!r} is no port.", "Give a number from 1 to 65535.")
    return int(text)


def _restriction(text: str, effect: Effect) -> tuple[frozenset[str], str, str]:
    """Return methods, host with ports, and path; no methods and no path where the rule is about its host."""
    if "://" in text:
        raise invalid("egress", "it begins like the address of a page.", _EXAMPLES)
    methods, at, rest = text.partition("@")
    if not at or "/" in methods:
        methods, at, rest = "", "", text
    place, slash, path = rest.partition("/")
    name = place.partition(":")[0]
    if name == "*" or _is_network(place):
        if at or (slash and name == "*"):
            raise invalid("egress", "methods and paths go with names.", _REQUEST_EXAMPLES)
        return frozenset(), rest, ""
    if (at or slash) and effect == "ask":
        raise invalid("egress", "what may be asked for is a whole host, without methods and paths.",
                      "Put requests into the allow-list, and the host into the ask-list.")  # fmt: skip
    return _methods(methods) if at else frozenset(), place, _path(path) if slash else ""


def _is_network(place: str) -> bool:
    """Tell whether an address stands where a slash would begin the size of a network."""
    last = place.partition(":")[0].rpartition(".")[2]
    return place.startswith("[") or place.count(":") > 1 or _NUMBER.fullmatch(last) is not None


def _methods(text: str) -> frozenset[str]:
    methods = frozenset(text.split("|"))  # in capitals: what stands in `user@host` is none
    if not all(METHOD.fullmatch(one) and one != "CONNECT" for one in methods):
        raise invalid("egress", f"{text[:80]!r} is no list of methods in capitals.", _REQUEST_EXAMPLES)
    return methods


def _path(text: str) -> str:
    if "," in text or " " in text:
        raise invalid("egress", "its path has a comma or a blank.", "Write them as %2C and %20.")
    try:
        return spelled(f"/{text}")
    except AmbiguousError as error:
        raise invalid("egress", f"its path can be read in two ways: {error}.", _REQUEST_EXAMPLES) from error


def _apart(text: str) -> tuple[str, str | None]:
    """Return host and ports, which only follow an IPv6 address after its bracket or its network's size."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        network, colon, ports = rest.partition(":")
        if not bracket or (network and not network.startswith("/")):
            raise invalid("egress", f"{text!r} has no closed bracket.", _EXAMPLES)
        return host + network, ports if colon else None
    if text.count(":") > 1:
        return text, None  # an IPv6 address or network without brackets cannot have ports
    host, colon, ports = text.partition(":")
    return host, ports if colon else None


def _ports(text: str) -> frozenset[int]:
    return frozenset() if text == "*" else frozenset(parse_port(one.strip()) for one in text.split(","))


def _ascii(text: str) -> str:
    name = text
    try:
        if not name.isascii():
            name = idna.encode(name, uts46=True, std3_rules=False).decode("ascii")
        name = name.lower().removesuffix(".")
        labels = name.split(".")
        for label in labels:
            if label.startswith("xn--"):
                idna.ulabel(label)
    except (idna.IDNAError, UnicodeError) as error:
        raise invalid("egress", f"{text[:260]!r} is no host name ({error}).", _EXAMPLES) from error
    if len(name) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise invalid("egress", f"{text[:260]!r} is no host name.", _EXAMPLES)
    return name


def _address(text: str, written: str, *, version: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        found = None
    if found is None or found.version != version or "%" in text:
        raise invalid(
            "egress",
            f"{written[:260]!r} is no IP address in the usual form.",
            "Write four decimal numbers without zeros in front, as in 10.0.0.1, or IPv6 without a zone.",
        )
    return getattr(found, "ipv4_mapped", None) or found  # the same place, so the same form


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise invalid("egress", f"{text!r} is no network ({error}).", "Write it like 10.0.0.0/8.") from error
