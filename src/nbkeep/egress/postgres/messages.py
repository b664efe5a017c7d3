"""Messages of PostgreSQL's protocol 3.0 that a log-in is made of. Pure.

Source: PostgreSQL's documentation, "Frontend/Backend Protocol", "Message Formats".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from nbkeep.egress.refusals import Refusal, malformed

SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
SSL_CODE, GSS_CODE, CANCEL_CODE = 80877103, 80877104, 80877102
MOST_STARTUP = 10_000  # as PostgreSQL itself has it
_MAJOR, _VERSION = 3, 3 << 16
_MOST_PARAMETERS = 100
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}", re.ASCII)
_NO = frozenset({"", "0", "false", "off", "no", "f", "n"})
# Of what is told to programs; 28000: invalid_authorization_specification, 08001: cannot connect, 08006: it
# broke, 08P01: protocol violation, 57P03: cannot connect now.
_STATES = {400: "08P01", 403: "28000", 408: "08P01", 502: "08001", 503: "57P03", 504: "08001"}
_CANNOT = "28000"

AUTHENTICATION_OK = b"R" + (8).to_bytes(4, "big") + (0).to_bytes(4, "big")


@dataclass(frozen=True)
class Startup:
    """What a program asks for. `settings`: all but user, database and replication."""

    user: str
    database: str | None
    minor: int
    settings: dict[str, str] = field(default_factory=dict[str, str])
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cancel:
    """A wish to cancel what another connection does, which `key` (process and secret) names."""

    key: bytes


def read_startup(data: bytes) -> Startup | Cancel | None:
    """Return what the first packet (without its length) asks for, None for one that asks for encryption.

    Raises `Refusal` for what is none of them, and for what is not served.
    """
    code, body = int.from_bytes(data[:4], "big"), data[4:]
    if code in {SSL_CODE, GSS_CODE} and not body:
        return None
    if code == CANCEL_CODE and len(body) == 8:  # process and key of protocol 3.0
        return Cancel(body)
    if code >> 16 != _MAJOR:
        raise malformed("this is no start of PostgreSQL's protocol 3", "Connect with a PostgreSQL driver.")
    words = body.split(b"\0")
    # name, value, name, value, …, "" (the end), and what split finds after the last zero
    if len(words) % 2 or words[-2:] != [b"", b""] or b"" in words[:-2:2]:
        raise malformed("the first message of PostgreSQL's protocol is broken")
    if len(words) > 2 * _MOST_PARAMETERS:
        raise malformed("the first message sets too many parameters")
    names = [one.decode(errors="replace") for one in words[:-2:2]]
    values = [one.decode(errors="surrogateescape") for one in words[1:-2:2]]
    return _startup(dict(zip(names, values, strict=True)), code & 0xFFFF)


def _startup(told: dict[str, str], minor: int) -> Startup:
    user, database = told.pop("user", ""), told.pop("database", None)
    if told.pop("replication", "").lower() not in _NO:
        raise Refusal(403, "connection-replication", "replication is not served through a connection",
                      "Connect without the parameter replication.")  # fmt: skip
    extensions = tuple(sorted(one for one in told if one.startswith("_pq_.")))
    settings = {name: value for name, value in told.items() if name not in extensions}
    for name in settings:
        if not _SETTING.fullmatch(name):
            raise malformed("a parameter of the first message has a name that no setting has")
    return Startup(user, database or None, minor, settings, extensions)


def startup(role: str, database: str, settings: dict[str, str]) -> bytes:
    """Return the first message to a server."""
    told = {"user": role, "database": database, **settings}
    words = b"".join(
        name.encode() + b"\0" + value.encode(errors="surrogateescape") + b"\0" for name, value in told.items()
    )
    body = _VERSION.to_bytes(4, "big") + words + b"\0"
    return (len(body) + 4).to_bytes(4, "big") + body


def cancel(key: bytes) -> bytes:
    """Return the whole of a cancel request."""
    return (16).to_bytes(4, "big") + CANCEL_CODE.to_bytes(4, "big") + key


def message(kind: bytes, body: bytes) -> bytes:
    """Return a message of any kind."""
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def negotiate(asked: Startup) -> bytes:
    """Return what tells a program that only protocol 3.0 is spoken, b"" where it asks for no more."""
    if not asked.minor and not asked.extensions:
        return b""
    names = b"".join(one.encode() + b"\0" for one in asked.extensions)
    return message(b"v", _VERSION.to_bytes(4, "big") + len(asked.extensions).to_bytes(4, "big") + names)


def error(refusal: Refusal) -> bytes:
    """Return a refusal as PostgreSQL tells errors: what is wrong, and as a hint what to do."""
    remedy = refusal.remedy
    if refusal.code == "egress-blocked":  # its words are about profiles
        remedy = "Ask an admin: what is denied stays denied for declared connections, too."
    fields = {"S": "FATAL", "V": "FATAL", "C": _STATES.get(refusal.status, _CANNOT),
              "M": f"nbkeep: {refusal.reason}"}  # fmt: skip
    if remedy:
        fields["H"] = remedy
    body = b"".join(name.encode() + _text(value) + b"\0" for name, value in fields.items())
    return message(b"E", body + b"\0")


def state_of(body: bytes) -> str:
    """Return the SQLSTATE of a server's error."""
    for one in body.split(b"\0"):
        if one[:1] == b"C":
            return one[1:6].decode("ascii", "replace")
    return ""


def _text(value: str) -> bytes:
    return value.encode(errors="replace").replace(b"\0", b"?")[:2000]
