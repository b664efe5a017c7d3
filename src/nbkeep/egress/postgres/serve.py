"""Serves a program that speaks PostgreSQL: reads what it asks for, logs in for it, then carries bytes."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from nbkeep.egress import additions
from nbkeep.egress.authority import root_files
from nbkeep.egress.refusals import Refusal, malformed
from nbkeep.egress.talk import printable
from nbkeep.egress.tls import TlsWire
from nbkeep.egress.tunnel import carry

from . import messages
from .credentials import credential
from .login import ServerError, log_in, receive
from .messages import Cancel, Startup, state_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbkeep.egress.connections import Declared
    from nbkeep.egress.leases import Lease, Leases
    from nbkeep.egress.talk import Talk
    from nbkeep.egress.wire import Wire

    CheckGranted = Callable[[], str]

_LOG_IN_S = 60.0  # as long as PostgreSQL itself waits
_NOT_TAKEN = frozenset({"28P01", "28000"})  # the password, or the role
_QUESTIONS = 3  # TLS? GSSAPI? and then what is asked for


class PostgresDoor:
    """All connections of this kind, and the keys by which their queries may be cancelled."""

    def __init__(self, leases: Leases, extra_roots: Path | None = None) -> None:
        self._leases = leases
        self._contexts = {"verify": _context(extra_roots), "require": _context(None, is_verified=False)}
        self._keys: dict[tuple[str, str], set[bytes]] = {}  # of open connections, by session and name

    async def serve(
        self, talk: Talk, name: str, declared: Declared | None, check_granted: CheckGranted
    ) -> None:
        """Serve one connection; what is refused is told in PostgreSQL's own way."""
        try:
            asked = await _asked(talk)
            lease_id = check_granted()
            if declared is None:
                raise RuntimeError("granted, and not declared")
            if isinstance(asked, Cancel):
                await self._cancel(talk, declared, asked)
                return
            _check_database(asked, declared)
            lease = self._lease(talk, declared, lease_id)
            server, key = await self._begin(talk, declared, asked, lease)
        except ServerError as error:
            await talk.wire.last_words(messages.message(b"E", error.body))
            raise _failed(talk, str(error)) from error
        except Refusal as refusal:
            await talk.wire.last_words(messages.error(refusal))
            raise
        keys = self._keys.setdefault((talk.session_id, name), set())
        keys.add(key)
        try:
            await carry(talk, server)
        finally:
            keys.discard(key)
            if not keys:
                self._keys.pop((talk.session_id, name), None)

    def _lease(self, talk: Talk, declared: Declared, lease_id: str) -> Lease:
        """Return the lease of the password, if it was sealed for exactly this role and place."""
        lease = self._leases.find(talk.session_id, lease_id)
        place = f"{declared.host}:{declared.port}"
        fits = lease is not None and lease.kind == "postgres" and lease.template == declared.role
        if lease is None or not fits or place not in lease.hosts:
            talk.begin(declared.host, declared.port, "postgres")
            raise Refusal(503, "connection-without-password",
                          f"there is no password for the connection {declared.name} now",
                          "Tell an admin: its secret has ended, or is bound to something else.")  # fmt: skip
        talk.leases = (lease,)
        return lease

    async def _begin(
        self, talk: Talk, declared: Declared, asked: Startup, lease: Lease
    ) -> tuple[Wire, bytes]:
        """Return the server, logged in and ready, and the key to cancel with; the program was told so."""
        upstream = await talk.dial(declared.host, declared.port, "postgres")
        lease, value = await self._leases.have(lease)
        talk.leases = (lease,)  # in this version: when what it logged in with ends, it is cut
        try:
            login = credential(declared.role, value)
        except ValueError:
            raise Refusal(503, "connection-without-password",
                          f"what the connection {declared.name} logs in with cannot be used now",
                          "Tell an admin: it is none of a database.") from None  # fmt: skip
        mask = additions.Mask(additions.Added(lease, login.password).forms)
        try:
            async with asyncio.timeout(_LOG_IN_S):
                server, tls = await self._secured(upstream, declared)
                await server.send(messages.startup(login.role, declared.database, asked.settings))
                notices = await log_in(
                    server, login.role, login.password, tls=tls, is_verified=declared.tls == "verify"
                )
        except ServerError as error:
            if state_of(error.body) in _NOT_TAKEN:  # what was made for it may have ended before its time
                self._leases.drop(lease)
            raise ServerError(mask.whole(error.body)) from None
        except TimeoutError as error:
            raise _failed(talk, f"{declared.host} did not finish the log-in in time") from error
        except OSError as error:
            raise _failed(talk, f"{declared.host} ended the connection during the log-in") from error
        told = [messages.negotiate(asked), messages.AUTHENTICATION_OK, *(mask.whole(one) for one in notices)]
        await talk.wire.send(b"".join(told))
        return server, await self._ready(talk, server, mask)

    async def _ready(self, talk: Talk, server: Wire, mask: additions.Mask) -> bytes:
        """Pass on what the server says until it waits for queries; return the key to cancel with."""
        key = b""
        try:
            async with asyncio.timeout(_LOG_IN_S):
                while True:
                    kind, body = await receive(server)
                    if kind == b"E":
                        raise ServerError(mask.whole(body))
                    if kind == b"K":
                        key = body
                        await talk.wire.send(messages.message(kind, body))
                        continue
                    await talk.wire.send(messages.message(kind, mask.whole(body)))
                    if kind == b"Z":
                        return key
        except OSError as error:
            raise _failed(talk, "the server did not become ready") from error

    async def _cancel(self, talk: Talk, declared: Declared, asked: Cancel) -> None:
        """Pass on a wish to cancel, for open connections of this session to this very server alone."""
        if asked.key not in self._keys.get((talk.session_id, declared.name), ()):
            talk.begin(printable(declared.name), 0, "postgres", "CANCEL")
            reason = "none of this session's open connections has the key of this cancel request"
            raise Refusal(403, "connection-foreign-cancel", reason)
        upstream = await talk.dial(declared.host, declared.port, "postgres", "CANCEL")
        try:
            async with asyncio.timeout(talk.limits.connect_s):
                server, _ = await self._secured(upstream, declared)
                await server.send(messages.cancel(asked.key))
                while await server.receive():  # it says nothing, and ends when it is done
                    pass
        except OSError:  # TimeoutError is one; a TLS that just ends, too
            return

    async def _secured(self, upstream: Wire, declared: Declared) -> tuple[Wire, ssl.SSLObject | None]:
        """Return the server with TLS, as the connection was declared. Raises `Refusal`: never without."""
        if declared.tls == "off":
            return upstream, None
        await upstream.send(messages.SSL_REQUEST)
        if await upstream.exactly(1) != b"S":
            remedy = "Tell an admin: turn on ssl at the server, or declare the connection with `--tls off`."
            raise Refusal(502, "connection-without-tls", f"{declared.host} does not speak TLS", remedy)
        server = TlsWire(upstream, self._contexts[declared.tls], declared.host)
        try:
            await server.shake_hands()
        except ssl.SSLCertVerificationError as error:
            remedy = "An admin may add its authority with the setting egress_ca_file."
            why = f"{declared.host} is not trusted: {error.verify_message}"
            raise Refusal(502, "egress-untrusted", why, remedy) from error
        return server, server.tls


async def _asked(talk: Talk) -> Startup | Cancel:
    """Return what the program asks for. No TLS with it: it is in the same sandbox as the relay."""
    try:
        async with asyncio.timeout(talk.limits.head_s):
            for _ in range(_QUESTIONS):
                length = int.from_bytes(await talk.wire.exactly(4), "big") - 4
                if not 4 <= length <= messages.MOST_STARTUP:  # a code comes first
                    remedy = "Connect without TLS (sslmode=disable): the gateway adds it."
                    raise malformed("this is no start of PostgreSQL's protocol", remedy)
                asked = messages.read_startup(await talk.wire.exactly(length))
                if asked is not None:
                    return asked
                await talk.wire.send(b"N")
    except TimeoutError as error:
        raise Refusal(408, "egress-slow", "the program was too slow to say what it wants") from error
    raise malformed("the program asks for encryption again and again")


def _check_database(asked: Startup, declared: Declared) -> None:
    """Refuse another database than the declared one; drivers that are given none send the user's name."""
    if asked.database not in {None, asked.user, declared.database}:
        raise Refusal(
            403,
            "connection-other-database",
            f"the connection {declared.name} leads to the database {declared.database} alone",
            f"Connect with dbname={declared.database}, or ask an admin for another connection.",
        )


def _failed(talk: Talk, reason: str) -> Refusal:
    if talk.record is not None:
        talk.record.reason += f"; {reason}"
    return Refusal(502, "connection-failed", f"allowed, but {reason}")


def _context(extra_roots: Path | None, *, is_verified: bool = True) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["postgresql"])
    if is_verified:
        for file in root_files(extra_roots):
            context.load_verify_locations(file)
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
