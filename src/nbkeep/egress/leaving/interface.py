"""The contract between what reads requests on their way out and those who examine what is in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.egress.refusals import Refusal
    from nbkeep.egress.touches import Untouched
    from nbkeep.model.gates import Found

    from .body import Body
    from .told import Told


@dataclass(frozen=True)
class Place:
    """Where something of a session goes: as it was dialled, in its one form. `address`: "" if not known.

    `person`: as in `Policy`.
    """

    session_id: str
    host: str
    port: int
    address: str = ""
    person: str = ""

    @property
    def whose(self) -> str:
        """Whose shares and turns count: all sessions of a person have them together."""
        return self.person or self.session_id


@dataclass(frozen=True)
class Sent:
    """One request as the program sent it, before any secret is added.

    `target`: path and query. `headers`: their names in small letters. `told`: what is decided now: it may
    change while a body comes, so it is asked when something is judged.
    """

    place: Place
    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    told: Callable[[], Told]
    names: tuple[bytes, ...] = ()  # of the headers, as the program wrote them

    def header(self, name: bytes) -> bytes:
        """Return the first value of a header, b"" where there is none."""
        return next((value for one, value in self.headers if one == name), b"")


@dataclass(frozen=True)
class Verdict:
    """What becomes of it. `refusal`: what the program is told; None: it goes on, `note` on record.

    `may_upgrade`: it may become another protocol, of which nothing is read. `touch`: follows the request and
    its answer; its `ended` is called in any case, also where nothing is sent after all, and may be twice.
    """

    refusal: Refusal | None = None
    note: str = ""
    may_upgrade: bool = False
    touch: Untouched | None = None


class Examiner(Protocol):
    """Judges what is sent to some places. One object for all sessions; of several the first counts."""

    def wants(self, place: Place, told: Told) -> bool:
        """Tell whether requests to a place are read for it. Asked for every connection, so it is quick."""
        ...

    def about(self, request: Sent) -> bool:
        """Tell whether a request, of which no body has come yet, is its; nobody else looks at it then."""
        ...

    async def examine(self, request: Sent, body: Body | None) -> Verdict:
        """Judge a request by its body, None where it has none. Nothing of it is sent before. Raises nothing.

        `body`: as long as it is read; whoever fails to understand it judges it as unread.
        """
        ...

    def unread(self, place: Place, told: Told) -> Verdict:
        """Judge what goes to a place and cannot be read as requests: another protocol, a web socket."""
        ...


@dataclass(frozen=True)
class Looked:
    """What a scan came to. `titles`: what people call what was found; `reasons`: why a part was not read.

    `is_by_nobody`: there is none who looks, whatever the document is; it says nothing of it.
    No value is in it, and no name that the document gives to its parts.
    """

    found: frozenset[Found]
    titles: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    is_by_nobody: bool = False


@dataclass(frozen=True)
class Document:
    """What is to be looked at. `file`: a descriptor to read it by, None for no bytes; `name`: of the file.

    `headers`: of the request that carries it, for its encoding and its kind: by these it is taken apart.
    `words`: text that goes with it, such as a query; looked at as well.
    """

    file: int | None
    name: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    words: str = field(default="", repr=False)


class Scanner(Protocol):
    """Looks at what strangers wrote in a process that holds nothing: each document in one of its own."""

    async def look(self, document: Document) -> Looked:
        """Return what is in it; raises nothing. What crashed, hung or is too large is `UNREAD`."""
        ...
