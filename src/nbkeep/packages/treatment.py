"""Requests to a package index on their way: pages are filtered, files decided again, hashed and recorded."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING
from urllib.parse import unquote

from nbkeep.egress.refusals import Refusal
from nbkeep.model.errors import NbkeepError
from nbkeep.model.ids import new_id

from .downloads import Download
from .fetch import METADATA, fetch_metadata, fetch_page
from .fetched import PackageRecord
from .known import Known
from .licences import is_allowed, licence_of
from .pages import JSON_TYPE, normalised, parse_filename, write_refusal
from .project_page import Page
from .rules import refuse_file, refuse_project
from .values import NO_FACTS, Facts, IndexFile, InForce, in_force

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    from nbkeep.egress.office_client import OfficeClient
    from nbkeep.egress.rules import Compiled
    from nbkeep.egress.spool import Spool
    from nbkeep.egress.talk import Talk
    from nbkeep.egress.touches import Untouched
    from nbkeep.egress.web import Asked, Target
    from nbkeep.model.clock import Clock

_METHODS = frozenset({b"GET", b"HEAD"})
_MOST_FACTS = 20_000
_PAGES_AT_ONCE = 4
_ASK = "Ask an admin: `nbkeep packages policy show PROFILE` says what your profile allows."


class Packages:
    """The treatment of package indexes. `ask` tells what the office knows of a project."""

    def __init__(
        self,
        policies: Mapping[str, Compiled],
        ask: Callable[[str], Awaitable[Facts]],
        records: Spool,
        context: ssl.SSLContext,
        clock: Clock,
    ) -> None:
        self._policies, self._ask, self._records = policies, ask, records
        self._context, self._clock = context, clock
        self._known = Known(clock)
        # By index: each holds a whole page in memory, and one that hangs keeps nobody from another one.
        self._asking: dict[str, asyncio.Semaphore] = {}
        self._licences: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._facts: OrderedDict[tuple[str, str], Facts] = OrderedDict()

    def wants(self, session_id: str, host: str, port: int) -> bool:
        """Tell whether a host belongs to the index of the session's policy."""
        try:
            found = self._in_force(session_id)
        except ValueError:
            return True  # what cannot be read is refused in `begin`
        return found is not None and any(host == one for one, _ in found.policy.hosts)

    async def begin(self, talk: Talk, asked: Asked, target: Target) -> Untouched:
        """Return what is done to a page or a file; raises `Refusal` for all else."""
        try:
            found = self._in_force(talk.session_id)
        except ValueError as error:
            raise _refusal("the package policy cannot be read, so nothing is fetched", 503) from error
        if found is None or talk.record is None:
            raise _refusal("the package policy has just changed: try again", 503)
        host, port = talk.record.host, talk.record.port
        if (host, port) not in found.policy.hosts:
            raise _refusal(f"packages do not come from port {port} of {host} ({found.source})")
        headers = dict(asked.request.headers)
        if asked.request.method not in _METHODS or headers.get(b"content-length", b"0") != b"0" or (
            b"transfer-encoding" in headers
        ):  # fmt: skip
            raise _refusal(f"packages may be fetched from {host}, and nothing sent to it ({found.source})")
        path = (target.path or b"/").decode("latin-1")
        if (host, port) == found.policy.index_host and (name := _project(found.policy.prefix, path)):
            return await self._page(talk, asked, found, name)
        return await self._file(talk, asked, found, f"{host}:{port}{path}")

    async def _page(self, talk: Talk, asked: Asked, found: InForce, name: str) -> Untouched:
        agent = next((value for key, value in asked.request.headers if key == b"user-agent"), b"")
        accepts = b",".join(value for key, value in asked.request.headers if key == b"accept")
        as_json, for_pip = JSON_TYPE.encode() in accepts, agent.startswith(b"pip/")
        if why := refuse_project(found.policy, name):
            self._refused(talk, found, name, "", "", why)
            page = write_refusal(name, f"{why} ({found.source})", as_json=as_json, for_pip=for_pip)
            raise _Told(f"{why} ({found.source})", page, JSON_TYPE if as_json else "text/html")
        facts = await self._facts_of(found, name)
        return Page(talk, found, name, facts, self._known, self._clock, as_json=as_json, for_pip=for_pip)

    async def _file(self, talk: Talk, asked: Asked, found: InForce, place: str) -> Untouched:
        is_metadata = place.endswith(METADATA)
        place = place.removesuffix(METADATA)
        filename = unquote(place.partition("?")[0].rpartition("/")[2])
        parsed = parse_filename(filename)
        if parsed is None or not (name := normalised(parsed[0])):
            raise _refusal(f"this is no package of the index {found.policy.index} ({found.source})")
        version = str(parsed[1])
        if why := refuse_project(found.policy, name):
            raise self._refused(talk, found, name, version, filename, why)
        file = await self._find(talk, found, name, place)
        if file is None:
            why = f"the index {found.policy.index} has no such file of {name}"
            raise self._refused(talk, found, name, version, filename, why)
        facts = await self._facts_of(found, name)
        if why := refuse_file(found.policy, file, facts, self._clock.now()):
            raise self._refused(talk, found, name, version, filename, why)
        if why := await self._refuse_licence(talk, found, file):
            raise self._refused(talk, found, name, version, filename, why)
        is_whole = asked.request.method == b"GET" and not is_metadata
        record = self._record(talk, found, name, version, filename)
        digest = file.metadata_sha256 if is_metadata else file.sha256
        return Download(talk, record if is_whole else None, self._records, digest)

    def _in_force(self, session_id: str) -> InForce | None:
        compiled = self._policies.get(session_id)
        return in_force(compiled.policy.packages) if compiled and compiled.policy.packages else None

    async def _facts_of(self, found: InForce, name: str) -> Facts:
        """Return what the office knows of a project, asked for once until that changes; raises `Refusal`."""
        if not found.policy.needs_facts:
            return NO_FACTS
        key = (found.facts, name)
        if key not in self._facts:
            try:
                self._facts[key] = await self._ask(name)
            except NbkeepError as error:
                raise _refusal(f"what is known of {name} cannot be had now, so nothing of it is fetched", 503,
                               "Try again in a moment; tell an admin if it stays.") from error  # fmt: skip
            if len(self._facts) > _MOST_FACTS:
                self._facts.popitem(last=False)
        return self._facts.get(key, NO_FACTS)

    async def _find(self, talk: Talk, found: InForce, name: str, place: str) -> IndexFile | None:
        """Return what the index says of a place; its page is asked for when that is not known."""
        index = found.policy.index
        if (file := self._known.find(index, name, place)) is not None:
            return file
        async with self._asking.setdefault(index, asyncio.Semaphore(_PAGES_AT_ONCE)):
            if self._known.find(index, name, place) is None and not self._known.is_new(index, name):
                files = await fetch_page(talk, found.policy, name, self._context)
                if files or not self._known.has(index, name):  # others may have seen it with a password
                    self._known.learn(index, name, files)
            return self._known.find(index, name, place)

    async def _refuse_licence(self, talk: Talk, found: InForce, file: IndexFile) -> str:
        """Return why a file's licence forbids it, or "". Asked of each file once; raises `Refusal`."""
        if not found.policy.licences:
            return ""
        key = (file.place, file.sha256)
        if key not in self._licences:
            self._licences[key] = licence_of(await fetch_metadata(talk, file, self._context))
            if len(self._licences) > _MOST_FACTS:
                self._licences.popitem(last=False)
        licence = self._licences.get(key, "")
        if is_allowed(licence, found.policy.licences):
            return ""
        said = f"the licence {licence}" if licence else "a licence that the index does not tell"
        return f"{file.name} {file.version} has {said}"

    def _record(self, talk: Talk, found: InForce, name: str, version: str, file: str) -> PackageRecord:
        now = self._clock.now()
        return PackageRecord(new_id("pkg", now), talk.session_id, now.isoformat(), name, version, file,
                             found.policy.index)  # fmt: skip

    def _refused(self, talk: Talk, found: InForce, name: str, version: str, file: str, why: str) -> Refusal:
        """Put a refusal on record, and return it."""
        record = self._record(talk, found, name, version, file)
        record.outcome, record.reason = "refused", f"{why} ({found.source})"
        self._records.ended(record)
        return _refusal(record.reason)


def facts_from(office: OfficeClient) -> Callable[[str], Awaitable[Facts]]:
    """Return what asks the office about a project."""

    async def ask(name: str) -> Facts:
        told = await office.package(name)
        advisories, approved = tuple(told.get("advisories", ())), frozenset(told.get("approved", ()))
        return Facts(advisories, approved, is_loaded=told.get("loaded") is True)

    return ask


class _Told(Refusal):
    """A refusal in the form that package clients show to people: a page (see `pages.write_refusal`)."""

    def __init__(self, reason: str, page: bytes, kind: str) -> None:
        super().__init__(403, "package-refused", reason, _ASK)
        self._page, self._kind = page, kind

    def http(self, *, as_json: bool = False) -> bytes:
        """Return the whole answer."""
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {self._kind}\r\nContent-Length: {len(self._page)}\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        return head.encode("ascii") + self._page


def _project(prefix: str, path: str) -> str:
    """Return the project whose page a path is, in normal form; "" when it is none."""
    if not path.startswith(prefix):
        return ""
    name = path.removeprefix(prefix).removesuffix("/")
    return normalised(name) if "/" not in name else ""


def _refusal(reason: str, status: int = 403, remedy: str = _ASK) -> Refusal:
    return Refusal(status, "package-refused", reason, remedy)
