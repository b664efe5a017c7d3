"""Logs in to a PostgreSQL server with a password that the server, if it can, never learns (SCRAM)."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, cast

import scramp  # pyright: ignore[reportMissingTypeStubs]  it has no types; see `_client`

from nbkeep.egress.refusals import Refusal

from .messages import message, state_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from nbkeep.egress.wire import Wire

MOST_BYTES = 256 << 10  # of a message before the first query
_MOST_NOTICES = 20
_MOST_ITERATIONS = 600_000
_OK, _CLEAR, _MD5, _SASL, _SASL_GOES_ON, _SASL_ENDS = 0, 3, 5, 10, 11, 12
_MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS")


class ServerError(Exception):
    """The server's own error, to be told as it is. `body`: of its message."""

    def __init__(self, body: bytes) -> None:
        super().__init__(f"the server refused the log-in ({state_of(body)})")
        self.body = body


async def receive(server: Wire) -> tuple[bytes, bytes]:
    """Return kind and body of a message; raises `Refusal` for one that PostgreSQL would not send now."""
    head = await server.exactly(5)
    length = int.from_bytes(head[1:], "big") - 4
    if not 0 <= length <= MOST_BYTES:
        raise _strange()
    return head[:1], await server.exactly(length)


async def log_in(
    server: Wire, role: str, password: str, *, tls: ssl.SSLObject | None, is_verified: bool
) -> list[bytes]:
    """Prove the password after the first message was sent; return notices that came meanwhile.

    Raises `ServerError`, `Refusal`, OSError. What would show the password or a hash of it is sent only by
    TLS to a server whose certificate was verified.
    """
    notices: list[bytes] = []
    is_proven = False
    while True:
        kind, body = await receive(server)
        if kind == b"E":
            raise ServerError(body)
        if kind == b"N":
            if len(notices) < _MOST_NOTICES:
                notices.append(message(kind, body))
            continue
        asked, rest = _number(kind, body)
        if asked == _OK:
            if not is_proven:
                raise _unproven()
            return notices
        if is_proven:
            raise _strange()
        if asked == _SASL:
            await _scram(server, rest.split(b"\0"), role, password, tls)
        elif asked in {_CLEAR, _MD5} and is_verified:
            said = password.encode() if asked == _CLEAR else _md5(role, password, rest)
            await server.send(message(b"p", said + b"\0"))
        else:
            raise _weak() if asked in {_CLEAR, _MD5} else _unknown()
        is_proven = True  # by SCRAM, or by the certificate


async def _scram(
    server: Wire, offered: Sequence[bytes], role: str, password: str, tls: ssl.SSLObject | None
) -> None:
    """RFC 5802 and 7677; with TLS bound to the server's certificate (RFC 5929), where the server can."""
    known = [one for one in _MECHANISMS if one.encode() in offered]
    try:
        client = _client(known, role, password, tls)
        first = cast("str", client.get_client_first()).encode()
        name = cast("str", client.mechanism_name).encode()
        await server.send(message(b"p", name + b"\0" + len(first).to_bytes(4, "big") + first))
        client.set_server_first((await _sasl(server, _SASL_GOES_ON)).decode())
        # The server says how often the password is hashed: not in the loop that serves all sessions, and not
        # as often as it likes. PostgreSQL has 4096, OWASP advises 600,000.
        if int(client.iterations) > _MOST_ITERATIONS:
            raise _unproven()
        final = cast("str", await asyncio.to_thread(client.get_client_final))
        await server.send(message(b"p", final.encode()))
        client.set_server_final((await _sasl(server, _SASL_ENDS)).decode())
    except (scramp.ScramException, UnicodeDecodeError) as error:
        raise _unproven() from error


def _client(known: list[str], role: str, password: str, tls: ssl.SSLObject | None) -> Any:
    make = cast("Any", scramp.ScramClient)
    if tls is not None:
        try:
            return make(known, role, password, channel_binding=("tls-server-end-point", tls))
        except scramp.ScramException:
            pass  # of a certificate whose hash is not defined, as for Ed25519, no binding is made
    return make(known, role, password)


async def _sasl(server: Wire, expected: int) -> bytes:
    while True:
        kind, body = await receive(server)
        if kind == b"E":
            raise ServerError(body)
        if kind == b"N":
            continue
        asked, rest = _number(kind, body)
        if asked != expected:
            raise _strange()
        return rest


def _number(kind: bytes, body: bytes) -> tuple[int, bytes]:
    """Return what kind of authentication is asked for, and the rest of the message."""
    if kind != b"R" or len(body) < 4:  # the number comes first
        raise _strange()
    return int.from_bytes(body[:4], "big"), body[4:]


def _md5(role: str, password: str, salt: bytes) -> bytes:
    """Return it as older servers ask for it; the salt keeps nobody from repeating it, hence verified TLS."""
    inner = hashlib.md5(f"{password}{role}".encode(), usedforsecurity=False).hexdigest()
    return b"md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest().encode()


def _strange() -> Refusal:
    return Refusal(502, "connection-strange", "the server does not speak as PostgreSQL does",
                   "Tell an admin: is the address of the connection right?")  # fmt: skip


def _unproven() -> Refusal:
    return Refusal(
        502,
        "connection-unproven",
        "the server did not prove that it knows the password, so that it may be another one",
        "Tell an admin: the server must ask for a password (scram-sha-256 in pg_hba.conf).",
    )


def _weak() -> Refusal:
    return Refusal(
        502,
        "connection-weak-authentication",
        "the server asks for the password in a way that shows it, which is done by verified TLS alone",
        "Tell an admin: use scram-sha-256 in the server's pg_hba.conf, or `--tls verify`.",
    )


def _unknown() -> Refusal:
    return Refusal(
        502,
        "connection-authentication",
        "the server asks for a kind of authentication that nbkeep does not know",
        "Tell an admin: passwords work, with scram-sha-256 in pg_hba.conf.",
    )
