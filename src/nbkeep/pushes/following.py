"""The gateway's part: what becomes at the forge of a push that passes by an approval."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from nbkeep.egress.touches import Untouched

from .report import Outcome, Report

if TYPE_CHECKING:
    from nbkeep.egress.spool import Spooled
    from nbkeep.egress.touches import Headers

_RESULT = b"application/x-git-receive-pack-result"
_OK, _ANSWERS, _ERRORS = 200, 300, 500
_AWAY = 503  # RFC 9110, 15.6.4: it is not handled. Of other errors of servers nobody knows how far they got.


@dataclass
class PushRecord:
    """What became of one pass of an approved push. `passed_at`: ISO 8601, as the office named this pass.

    `reason`: in a few words of ours, for people.
    """

    id: str
    session_id: str
    push_id: str
    passed_at: str
    outcome: Outcome = Outcome.UNKNOWN
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as the office takes it."""
        return asdict(self)


class Kept(Protocol):
    """Where such records are kept until the office has them; a `Spool` is one."""

    def opened(self, record: Spooled) -> None:
        """Note that something goes out; raises `Unavailable`: then it does not."""
        ...

    def ended(self, record: Spooled) -> None:
        """Note what became of it."""
        ...


class Following(Untouched):
    """Follows one push to its forge and changes nothing of it. Its end is on record exactly once.

    As long as its last byte was not sent, no forge can have taken it: what git packs ends with its checksum.
    """

    def __init__(self, record: PushRecord, kept: Kept, *, is_banded: bool) -> None:
        self._record, self._kept, self._report = record, kept, Report(is_banded=is_banded)
        self._is_whole = self._is_over = self._is_answered = self._is_result = False
        self._status = 0

    def completing(self) -> None:
        """Note that from now on the forge may have all of it."""
        self._is_whole = True

    def begun(self, status: int) -> None:
        """Note the forge's answer."""
        self._status = status

    def answer(self, headers: Headers, *, has_body: bool) -> Headers:
        """Return them; what is compressed is no report that is read."""
        values = {name.lower(): value.lower().strip() for name, value in headers}
        self._is_result = (
            has_body
            and values.get(b"content-type", b"").startswith(_RESULT)
            and values.get(b"content-encoding", b"identity") == b"identity"
        )
        return headers

    def body(self, data: bytes) -> bytes:
        """Return it, read."""
        if self._is_result:
            self._report.feed(data)
        return data

    async def rest(self) -> bytes:
        """Note that the answer is whole."""
        self._is_answered = True
        return b""

    def ended(self) -> None:
        """Put on record what became of it; twice is safe, and also where it was never sent."""
        if self._is_over:
            return
        self._is_over = True
        self._record.outcome, self._record.reason = self._outcome()
        self._kept.ended(self._record)

    def _outcome(self) -> tuple[Outcome, str]:
        if _ANSWERS <= self._status < _ERRORS or self._status == _AWAY:
            return Outcome.REFUSED, f"the forge answered {self._status}"
        if not self._is_whole:
            return Outcome.REFUSED, "it did not get to the forge as a whole"
        if self._status == _OK and self._is_result and self._is_answered:
            found = self._report.outcome()
            words = {
                Outcome.TAKEN: "the forge has taken it",
                Outcome.REFUSED: "the forge refused all of it",
                Outcome.UNKNOWN: "the forge did not say what became of it",
            }
            return found, words[found]
        said = f"the forge answered {self._status}" if self._status else "the forge did not answer"
        return Outcome.UNKNOWN, said
