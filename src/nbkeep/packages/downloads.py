"""One file of a package on its way: hashed as it passes, cut off when it is another one, and on record."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from nbkeep.egress.refusals import Refusal
from nbkeep.egress.touches import Untouched
from nbkeep.egress.wire import CutError
from nbkeep.model.errors import Unavailable

from .project_page import asked_whole

if TYPE_CHECKING:
    from nbkeep.egress.spool import Spool
    from nbkeep.egress.talk import Talk
    from nbkeep.egress.web import Headers

    from .fetched import PackageRecord

_OK, _FIRST_ERROR = 200, 400
# No cached copy goes round what is decided later; parts of a file could not be compared.
_DROPPED = frozenset({b"cache-control", b"expires", b"etag", b"last-modified", b"accept-ranges", b"age"})


class Download(Untouched):
    """Its last piece is kept back until the whole has the promised hash. `record`: None for metadata."""

    def __init__(self, talk: Talk, record: PackageRecord | None, records: Spool, promised: str) -> None:
        self._talk, self._record, self._records, self._promised = talk, record, records, promised
        self._status, self._hash, self._held, self._count = 0, hashlib.sha256(), b"", 0
        self._is_checked = False

    def request(self, target: bytes, headers: Headers) -> tuple[bytes, Headers]:
        """Ask for all of it; raises `Refusal` when it cannot be recorded."""
        if self._record is not None:
            try:
                self._records.opened(self._record)
            except Unavailable as error:
                self._record = None
                raise Refusal(503, error.code, error.message.rstrip("."), error.remedy) from error
        return target, asked_whole(headers)

    def begun(self, status: int) -> None:
        """Note the status."""
        self._status = status

    def answer(self, headers: Headers, *, has_body: bool) -> Headers:
        """Return them without what lets clients keep it; raises `Refusal` for what is not the file itself."""
        if not self._status or self._status >= _FIRST_ERROR:
            return headers
        if self._status != _OK:
            said = f"the index sent no whole file but a part or another place ({self._status})"
            remedy = "Tell an admin: the index has to send its files itself."
            raise Refusal(502, "package-index-failed", f"{said}, which could not be checked", remedy)
        told = {key.lower(): value for key, value in headers}
        if has_body and told.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            raise Refusal(
                502, "package-index-failed", "the index sent a packed file though it was asked not to"
            )
        self._is_checked = has_body
        kept = [one for one in headers if one[0].lower() not in _DROPPED]
        return [*kept, (b"Cache-Control", b"no-store")]

    def body(self, data: bytes) -> bytes:
        """Return what came before it."""
        if not self._is_checked:
            return data
        self._hash.update(data)
        self._count += len(data)
        before, self._held = self._held, data
        return before

    async def rest(self) -> bytes:
        """Return the last piece; raises `CutError` when the file is not the one that the index promised."""
        if not self._is_checked:
            return b""
        found = self._hash.hexdigest()
        if self._promised and found != self._promised:
            why = "the file is not the one that the index promised: its SHA-256 differs"
            self._finish("altered", why)
            if self._talk.record is not None:
                self._talk.record.reason += f"; {why}"
            raise CutError(why)
        self._finish("installed", "" if self._promised else "the index has no SHA-256 to compare with")
        return self._held

    def ended(self) -> None:
        """Put on record that it was not passed on whole, unless it was."""
        self._finish("unfinished", "it was not fetched whole")

    def _finish(self, outcome: str, reason: str) -> None:
        record, self._record = self._record, None
        if record is None:
            return
        record.outcome, record.reason = outcome, reason  # pyright: ignore[reportAttributeAccessIssue]
        record.sha256, record.size_bytes = self._hash.hexdigest() if self._count else "", self._count
        self._records.ended(record)
