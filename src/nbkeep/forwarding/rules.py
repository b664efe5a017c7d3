"""What a destination may be, how long to wait after a failure, and how much to send at once. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from nbkeep.egress.addresses import Address, kind
from nbkeep.model.errors import Refused, invalid

Kind = Literal["webhook", "syslog"]
MOST = 10  # destinations
LONGEST_WAIT_S = 300.0
BATCH_RECORDS, BATCH_BYTES = 500, 512 << 10
_FIRST_WAIT_S = 1.0
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\.?")
_HTTPS, _SYSLOG_TLS, _SYSLOG = 443, 6514, 514
_PORTS = range(1, 1 << 16)


@dataclass(frozen=True)
class Place:
    """Where a destination is. `path` is of webhooks, `tls` False of syslog on this machine alone."""

    kind: Kind
    host: str
    port: int
    path: str = ""
    tls: bool = True

    def __str__(self) -> str:
        """Return it for people, without the path: some receivers have a secret there."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "https" if self.kind == "webhook" else "syslog+tls" if self.tls else "syslog"
        return f"{scheme}://{host}:{self.port}"


def webhook(url: str) -> Place:
    """Return the place of a webhook. Raises `Refused` (400), which repeats nothing of the address."""
    remedy = "Write it like https://siem.acme.com/nbkeep."
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or _HTTPS
    except ValueError as error:
        raise invalid("webhook", "This is not the address of a webhook.", remedy) from error
    if parts.scheme != "https":
        raise invalid("webhook", "A webhook is sent to over https alone.", remedy)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise invalid(
            "webhook",
            "The address has a user, a password, a query or a fragment: they would be kept in clear.",
            f"{remedy} Requests are signed with the secret of --secret.",
        )
    if not parts.path.isascii() or not parts.path.isprintable() or " " in parts.path:
        raise invalid("webhook", "The path of the address is not spelled as in a URL.", remedy)
    return Place("webhook", _host(host, "webhook", remedy), port, parts.path or "/")


def syslog(text: str, *, tls: bool = True) -> Place:
    """Return the place of a syslog server, HOST or HOST:PORT. Raises `Refused` (400)."""
    remedy = "Write it like siem.acme.com:6514."
    try:
        parts = urlsplit(f"//{text}")
        host, port = (parts.hostname or "").lower(), parts.port or (_SYSLOG_TLS if tls else _SYSLOG)
    except ValueError as error:
        raise invalid("syslog", "This is not the address of a syslog server.", remedy) from error
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        raise invalid("syslog", "This is not the address of a syslog server.", remedy)
    place = Place("syslog", _host(host, "syslog", remedy), port, tls=tls)
    if not tls and not _is_loopback(place.host):
        raise invalid("syslog", "Without TLS the audit is sent within this machine alone.",
                      "Give 127.0.0.1 or ::1 with --plain, or a server with TLS.")  # fmt: skip
    return place


def check_name(name: str) -> str:
    """Return a destination's name. Raises `Refused` (400)."""
    if not _NAME.fullmatch(name):
        raise invalid("name", f"{name[:40]!r} is not a name of a destination.",
                      "Use up to 40 lower-case letters, digits and dashes.")  # fmt: skip
    return name


def check_ca_file(path: str) -> str:
    """Return the path of a file of certificates, "" for none. Raises `Refused` (400)."""
    if path and not Path(path).is_absolute():
        raise invalid("ca-file", "The file of certificates is looked for on the server, by its whole path.",
                      "Write it like /etc/nbkeep/siem-ca.pem.")  # fmt: skip
    return path


def check_address(place: Place, address: Address, allowed: tuple[str, ...]) -> None:
    """Raise `Refused` (403) for addresses of this machine, its link and its cloud's metadata.

    `allowed`: the hosts of the setting forward_special_hosts. A log collector on this machine is usual:
    syslog may go there.
    """
    if kind(address) != "special" or place.host in allowed:
        return
    if place.kind == "syslog" and address.is_loopback:
        return
    raise Refused(
        "forward-address",
        f"{place.host} is an address of this machine, its link or its cloud's metadata: none to send to.",
        "If that is meant, name the host in the setting forward_special_hosts.",
    )


def literal(host: str) -> Address | None:
    """Return the address that a host is written as, or None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def wait_s(failures: int, chance: float) -> float:
    """Return how long to wait after so many failures in a row; `chance`: 0 to 1, lest all come at once.

    >>> [wait_s(count, 1) for count in (1, 2, 3, 9, 10_000)]
    [1.0, 2.0, 4.0, 256.0, 300.0]
    """
    whole = min(LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(failures - 1, 30))
    return whole * (0.5 + chance / 2)


def batch_records(failures: int) -> int:
    """Return how many records to send at once: fewer after failures, lest it was too much."""
    return max(1, BATCH_RECORDS >> min(failures, 30))


def _host(host: str, field: str, remedy: str) -> str:
    if literal(host) is None and not _HOST.fullmatch(host):
        raise invalid(field, "The address has no host that could be.", remedy)
    return host


def _is_loopback(host: str) -> bool:
    address = literal(host)
    return address is not None and address.is_loopback
