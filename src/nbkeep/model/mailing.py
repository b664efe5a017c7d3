"""What a mail server may be, and which notices come by mail. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import Refused, invalid

OFF, IMPORTANT, ALL = "off", "important", "all"
CHOICES = (OFF, IMPORTANT, ALL)
ADMINS = "admins"
STARTTLS, TLS, NONE = "starttls", "tls", "none"
PORTS = {STARTTLS: 587, TLS: 465, NONE: 25}
# Narrower than RFC 5321: no quotes, no blanks, ASCII alone, so that what is written here is what is sent to.
_ADDRESS = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*", re.IGNORECASE)
_LONGEST_ADDRESS = 254
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.IGNORECASE)


@dataclass(frozen=True)
class MailServer:
    """Where mail is given to, and how it is reached."""

    host: str
    port: int
    security: str  # starttls | tls | none

    def __str__(self) -> str:
        """Return it for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def mail_server(text: str, security: str) -> MailServer:
    """Return the server of the settings, HOST or HOST:PORT. Raises `Refused` (400)."""
    remedy = "Write it like smtp.acme.com, or smtp.acme.com:587."
    if security not in PORTS:
        raise invalid("mail-security", f"mail_security is {security!r}.", "One of: starttls, tls, none.")
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port or PORTS[security]
    except ValueError as error:
        raise invalid("mail-server", "mail_server is not the address of a server.", remedy) from error
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        raise invalid("mail-server", "mail_server has more than a host and a port.", remedy)
    if not _is_address(host) and not _HOST.fullmatch(host):
        raise invalid("mail-server", f"{text[:80]!r} is not the address of a mail server.", remedy)
    if security == NONE and not is_this_machine(host):
        raise invalid("mail-security", "Without TLS mail is given to a server on this machine alone.",
                      'Set mail_security = "starttls" or "tls".')  # fmt: skip
    return MailServer(host, port, security)


def is_this_machine(host: str) -> bool:
    """Tell whether a host is this machine's loopback, as it is written."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def can_be_sent_to(address: str) -> bool:
    r"""Tell whether an address can be written in mail; that of an account without one (`@localhost`) cannot.

    >>> [can_be_sent_to(one) for one in ("jane@acme.com", "a@b.c\r\nBcc: x@y.z", "admin@localhost")]
    [True, False, False]
    """
    fits = len(address) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(address) is not None
    local, _, domain = address.rpartition("@")
    return fits and domain.lower() != "localhost" and ".." not in address and not local.endswith(".")


def check_address(field: str, address: str) -> str:
    """Return an address to send to. Raises `Refused` (400), which repeats no line break."""
    if not can_be_sent_to(address):
        raise invalid(field, f"{address[:80]!r} cannot be sent to.", "Write it like jane@acme.com.")
    return address


def check_choice(choice: str) -> str:
    """Return which notices come by mail. Raises `Refused` (400)."""
    if choice not in CHOICES:
        raise invalid(
            "mail-notices", f"{choice[:40]!r} is none of the choices.", f"One of: {', '.join(CHOICES)}."
        )
    return choice


def not_set_up() -> Refused:
    """Return the refusal (409) of what needs a mail server."""
    return Refused("mail-not-set-up", "Mail is not set up.",
                   "An operator sets mail_server and mail_from in config.toml; then it can be sent.",
                   status=409)  # fmt: skip


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
