"""The gateway's part: `http://NAME.data.nbkeep/KEY` becomes a signed GET of exactly that object.

Read-only by construction: what goes out is made here of a dataset and a checked key, with GET or HEAD and
nothing of the program's request but the part that it wants.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nbkeep.egress import signing, web
from nbkeep.egress.aws_keys import aws_keys
from nbkeep.egress.refusals import Refusal
from nbkeep.egress.tls import verified
from nbkeep.egress.touches import Untouched
from nbkeep.egress.values import Request
from nbkeep.model.errors import NbkeepError

from . import keys, listing
from .fetch import fetch
from .pages import Pages
from .rules import access_to, may_read
from .values import SUFFIX, Reader, Source, Told

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    from nbkeep.egress.leases import Leases
    from nbkeep.egress.rules import Compiled
    from nbkeep.egress.talk import Talk
    from nbkeep.egress.tls import TlsWire
    from nbkeep.model.clock import Clock

    from .rules import Access

    Headers = list[tuple[bytes, bytes]]

_HTTP, _HTTPS = 80, 443
_LOOK_S = 0.25
_LISTINGS = 4
_METHODS = frozenset({b"GET", b"HEAD"})
_PASSED_ON = frozenset({b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since",
                        b"if-unmodified-since"})  # fmt: skip
_PASSED_BACK = frozenset({b"content-type", b"content-length", b"content-range", b"content-encoding", b"etag",
                          b"last-modified", b"accept-ranges", b"transfer-encoding", b"date"})  # fmt: skip
_NOT_THERE, _NO_RANGE = frozenset({403, 404}), 416
_GOOD = frozenset({200, 206, 304, 412})


class Datasets:
    """All datasets, for all sessions. Nothing is open before the office has told.

    `report`: puts on record that a session reads a dataset, and has in force what that leaves of its way out;
    it raises `NbkeepError`: then nothing is read. `recheck`: has a session's connections looked at.
    """

    def __init__(
        self,
        leases: Leases,
        context: ssl.SSLContext,
        clock: Clock,
        report: Callable[[str, str], Awaitable[None]],
        recheck: Callable[[str], None],
    ) -> None:
        self._leases, self._context, self._clock = leases, context, clock
        self._report, self._recheck = report, recheck
        self._sources: dict[str, Source] = {}
        self._readers: dict[str, Reader] = {}
        self._reported: set[tuple[str, str]] = set()
        self._pages = Pages()
        self._asking: dict[str, asyncio.Semaphore] = {}

    def hear(self, told: Mapping[str, Any]) -> None:
        """Take what the office says with the policies; raises ValueError."""
        self.take(Told.from_json(told.get("datasets", {"sources": [], "readers": {}})))

    def take(self, told: Told) -> None:
        """Put these in force, and no others; what is read that may not be any more is cut."""
        before, was = self._readers, self._sources
        self._sources = {one.name: one for one in told.sources}
        self._readers = dict(told.readers)
        self._reported = {one for one in self._reported if one[0] in self._readers}
        self._asking = {one: asking for one, asking in self._asking.items() if one in self._readers}
        for session_id, reader in before.items():
            if self._readers.get(session_id) != reader or self._sources != was:
                self._recheck(session_id)

    async def follow_clock(self) -> None:
        """Have connections looked at when a grant is over, for ever: also while the office is away."""
        last = self._clock.now()
        while True:
            await asyncio.sleep(_LOOK_S)
            before, last = last, self._clock.now()
            for session_id, reader in self._readers.items():
                if any((end := reader.until(name)) and before < end <= last for name in reader.granted):
                    self._recheck(session_id)

    def wants(self, host: str) -> bool:
        """Tell whether a host is a dataset's name, or looks like one."""
        host = host.lower().rstrip(".")
        return host.endswith(SUFFIX) or host == SUFFIX[1:]

    async def serve(self, talk: Talk, asked: web.Asked, target: web.Target) -> None:
        """Answer one request; raises `Refusal`."""
        method = asked.request.method
        talk.begin(target.host, target.port, "http", method.decode("ascii", "replace"))
        name = target.host.lower().rstrip(".").removesuffix(SUFFIX)
        if target.path is None or target.port != _HTTP:
            raise Refusal(400, "dataset-address", "datasets are read by addresses that begin with http://",
                          f"Read http://{name}{SUFFIX}/KEY: that stays in this machine, and goes on by TLS.",
                          target.host, target.port)  # fmt: skip
        _check_reads_only(asked)
        source, access = self._access(talk.session_id, name)
        path, _, query = target.path.partition(b"?")
        is_listing = path == b"/"
        try:
            wanted = self._wanted(talk, asked, source, access, query) if is_listing else None
            key = "" if is_listing else keys.key_of(path, query)
        except ValueError as error:
            said = f"this names nothing in the dataset {name}: {error}"
            remedy = f"List it: {source.address}"
            raise Refusal(400, "dataset-key", said, remedy, target.host, target.port) from error
        if not is_listing and not may_read(source, access, key):
            raise _closed(source, access)
        if not is_listing and method == b"GET":
            await self._note(talk, source)
        talk.narrow(lambda policy: self._narrow(talk.session_id, source, access, key, policy))
        if wanted is None:
            await self._object(talk, asked, source, key)
        else:
            await self._listing(talk, asked, source, access, wanted)

    def _wanted(
        self, talk: Talk, asked: web.Asked, source: Source, access: Access, query: bytes
    ) -> listing.Wanted:
        """Return what to list; raises ValueError."""
        wanted = listing.wanted(query, _accepts(asked))
        if wanted.after and access.level != "whole":
            raise ValueError("without a grant a listing goes on by the address that it gives as next alone")
        if not wanted.page:
            return wanted
        return replace(wanted, after=self._pages.opened(talk.session_id, source.id, wanted.page))

    def _access(self, session_id: str, name: str) -> tuple[Source, Access]:
        source, reader = self._sources.get(name), self._readers.get(session_id, Reader(""))
        if source is None:
            raise Refusal(404, "no-dataset", f"there is no dataset {name[:60]}",
                          "See which there are: `nbkeep dataset list`.", f"{name[:60]}{SUFFIX}")  # fmt: skip
        access = access_to(source, reader, self._clock.now())
        if access.level == "none":
            raise Refusal(403, "dataset-not-granted", access.why, access.remedy, source.name + SUFFIX, _HTTP)
        return source, access

    def _narrow(
        self, session_id: str, source: Source, access: Access, key: str, policy: Compiled
    ) -> Compiled | None:
        """Return what decides about this connection: one host, as long as it may be read; else None."""
        if self._sources.get(source.name) != source:
            return None
        now = access_to(source, self._readers.get(session_id, Reader("")), self._clock.now())
        still = may_read(source, now, key) if key else now.level in {access.level, "whole"}
        return policy.only(source.rule) if still else None

    async def _note(self, talk: Talk, source: Source) -> None:
        """Have it on record before the first byte comes; raises `Refusal`."""
        seen = (talk.session_id, source.id)
        if seen in self._reported:
            return
        try:
            await self._report(*seen)
        except NbkeepError as error:
            said = f"that {source.name} is read cannot be put on record now, so it is not read"
            raise Refusal(503, "dataset-unrecorded", said, error.message) from error
        self._reported.add(seen)

    async def _object(self, talk: Talk, asked: web.Asked, source: Source, key: str) -> None:
        method = asked.request.method
        passed = [one for one in asked.request.headers.raw_items() if one[0].lower() in _PASSED_ON]
        path = f"/{source.bucket}/{quote(source.prefix + key)}".encode()
        server, path, headers = await self._server(talk, source, method, path, passed)
        upstream = web.Target(source.host, source.port, path)
        await web.exchange(talk, asked, upstream, server, _Object(source, path, headers))

    async def _listing(
        self, talk: Talk, asked: web.Asked, source: Source, access: Access, wanted: listing.Wanted
    ) -> None:
        if asked.request.method != b"GET":
            raise Refusal(405, "dataset-reads-only", "a listing is asked for with GET")
        question = listing.question(source, access.level, wanted)
        page = listing.Page() if question is None else await self._page(talk, source, question)
        more = self._pages.sealed(talk.session_id, source.id, page.last) if page.is_cut else ""
        kind, body = listing.told(source, access.level, wanted, page, more)
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        await talk.wire.last_words(head.encode("ascii") + body)

    async def _page(self, talk: Talk, source: Source, question: bytes) -> listing.Page:
        """Return what the bucket holds; a few at once for each session: an answer is in memory as a whole."""
        async with self._asking.setdefault(talk.session_id, asyncio.Semaphore(_LISTINGS)):
            server, path, headers = await self._server(talk, source, b"GET", question, [])
            status, data = await fetch(talk, server, _authority(source), path, headers)
            if status != 200:  # anything else is no listing
                raise _unreadable(source, status)
            try:
                return await asyncio.to_thread(listing.read, data, source.prefix)
            except ValueError as error:
                raise _unreadable(source, status) from error

    async def _server(
        self, talk: Talk, source: Source, method: bytes, path: bytes, headers: Headers
    ) -> tuple[TlsWire, bytes, Headers]:
        """Return a connection to the server, and target and headers as they are sent; raises `Refusal`."""
        keys_of = None
        if source.secret_id:
            lease_id = self._readers.get(talk.session_id, Reader("")).leases.get(source.secret_id, "")
            lease = self._leases.find(talk.session_id, lease_id)
            if lease is None or not lease.covers(source.host, source.port):
                said = f"the keys that read {source.name} have ended"
                raise Refusal(503, "dataset-keys", said, "Tell its owner: `nbkeep dataset show` names them.")
            talk.leases = (lease,)
            keys_of = aws_keys(await self._leases.value(lease))
        upstream = await talk.dial(source.host, source.port, "http", method.decode())
        talk.judge(Request(method.decode(), path.partition(b"?")[0].decode()))
        if talk.record is not None:
            talk.record.reason = f"the dataset {source.name} is read"
        server = await verified(upstream, self._context, source.host, talk.limits.connect_s)
        if keys_of is not None:
            scope = signing.Scope(source.region, "s3")
            path, headers = signing.sign(
                method, _authority(source), path, headers, keys_of, scope, self._clock.now()
            )
        return server, path, headers


class _Object(Untouched):
    """One object on its way: a request of ours, and no word of the server's beside the object."""

    default_port = _HTTPS

    def __init__(self, source: Source, path: bytes, headers: Headers) -> None:
        self._source, self._path, self._headers = source, path, headers
        self._status = 0

    def request(self, target: bytes, headers: Headers) -> tuple[bytes, Headers]:
        """Return what was signed."""
        return self._path, self._headers

    def begun(self, status: int) -> None:
        """Note the status."""
        self._status = status

    def answer(self, headers: Headers, *, has_body: bool) -> Headers:
        """Return what programs need of them; raises `Refusal` for what is no object."""
        name, host = self._source.name, f"{self._source.name}{SUFFIX}"
        if self._status in _NOT_THERE:
            raise Refusal(404, "no-object", f"the dataset {name} has no such object",
                          f"List it: {self._source.address}", host, _HTTP, is_answer=True)  # fmt: skip
        if self._status == _NO_RANGE:
            raise Refusal(416, "no-range", "the object has no such part", "", host, _HTTP, is_answer=True)
        if self._status and self._status not in _GOOD:
            raise _unreadable(self._source, self._status)
        return [one for one in headers if one[0].lower() in _PASSED_BACK]

    def reason(self, reason: bytes) -> bytes:
        """Return none."""
        return b""


def _check_reads_only(asked: web.Asked) -> None:
    headers = dict(asked.request.headers)
    if asked.request.method not in _METHODS:
        raise Refusal(405, "dataset-reads-only", "datasets are read-only: GET and HEAD alone",
                      "Write to your home, or with a secret of yours to a bucket of yours.")  # fmt: skip
    if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
        raise Refusal(405, "dataset-reads-only", "datasets are read-only: nothing is sent to them")


def _closed(source: Source, access: Access) -> Refusal:
    host = f"{source.name}{SUFFIX}"
    return Refusal(403, "dataset-not-granted", access.why, access.remedy, host, _HTTP)


def _accepts(asked: web.Asked) -> bytes:
    return b",".join(value for name, value in asked.request.headers if name == b"accept")


def _authority(source: Source) -> bytes:
    return web.Target(source.host, source.port).authority(_HTTPS)


def _unreadable(source: Source, status: int) -> Refusal:
    said = f"what keeps the dataset {source.name} did not give it ({status})"
    return Refusal(502, "dataset-unreadable", said, f"Tell its owner; `nbkeep dataset show {source.name}`.")
