"""Examine a copied document and do what the policies say of it. Nothing is decided without a result."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.guard.words import sentence
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.model.gates import Found, Gate
from nbkeep.rendering.interface import Keep, Made, Order
from nbkeep.store.release_tables import ReleaseRow
from nbkeep.store.tables import UserRow

from . import found, rules
from .copy import fail
from .decide import turn_down
from .judge import classification_of, judged_now
from .let_out import let_out, tell_let_out
from .tell import named, tell_author, tell_waiting
from .values import PLAIN, REDACTED, State

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.model.clock import Clock
    from nbkeep.rendering.interface import Page
    from nbkeep.rendering.kept import Documents
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store, Tx

    from .interface import Make

TIMEOUT_S = 120.0
_LARGEST_PAGE = 512 << 20
_log = logging.getLogger("nbkeep.releases")
_NO_END = f"Its examination came to no end {rules.MOST_TRIES} times."
_BROKE = "Its examination broke off."
_DENIED = "Take out what was found and ask again, or ask an admin about the policy."


def examine_document(
    store: Store,
    clock: Clock,
    settings: Settings,
    documents: Documents,
    make: Make,
    release_id: str,
    work: Path,
) -> None:
    """Examine the copy of a release, judge it, and let out, keep for review, or deny what was made of it.

    Twice is safe: a killed office begins it again, a few times. A crash, a time-out and what cannot be read
    are a result, too: unread, which is never allowed without somebody saying so. Raises OSError where the
    disk is full: it is examined later then.
    """
    with store.write() as tx:
        row = tx.get(ReleaseRow, release_id)
        if row is None or row.state != State.EXAMINING:
            return
        row.tries += 1
        if row.tries > 2 * rules.MOST_TRIES:
            fail(tx, clock, row, "It could not be judged. The log of the office tells more.")
            return
        order = Order(row.path, row.form, Keep(**row.keep))
        source_sha256, tries = row.source_sha256, row.tries
    try:
        data = documents.read(source_sha256)
    except Unavailable as error:
        with store.write() as tx:
            if (row := _still(tx, release_id)) is not None:
                fail(tx, clock, row, str(error))
        return
    source, into = work / "source", work / "made"
    try:
        source.write_bytes(data)
        into.mkdir()
        made = Made(problem=_NO_END) if tries > rules.MOST_TRIES else _made(make, source, order, into)
        kept = _Kept(documents, into, made)
    except OSError:  # the office's disk is full: no fault of the document
        with store.write() as tx:
            if (row := _still(tx, release_id)) is not None:
                row.tries -= 1
        raise
    with store.write() as tx:
        if (row := _still(tx, release_id)) is not None:
            _take(row, clock, kept)
            _act(tx, clock, settings, row, found.kinds_of(made))


class _Kept:
    """What was made, put into the documents before a row names it; what is not as was told is a problem."""

    def __init__(self, documents: Documents, into: Path, made: Made) -> None:
        self._documents, self._into = documents, into
        self.made = made
        self.plain = self._keep(made.plain)
        self.redacted = self._keep(made.redacted)
        self.preview = self._keep(made.preview)
        if made.problem:
            self.plain = self.redacted = ""

    def _keep(self, page: Page | None) -> str:
        if page is None:
            return ""
        beneath = self._into.resolve()
        is_own = page.file.resolve().is_relative_to(beneath) and not page.file.is_symlink()
        if is_own and page.file.is_file() and page.file.stat().st_size <= _LARGEST_PAGE:
            data = page.file.read_bytes()
            sha256 = self._documents.put(data)
            if sha256 == page.sha256 and len(data) == page.size_bytes:
                return sha256
        self.made.problem = self.made.problem or "What was made of it is not what was examined."
        return ""


def _made(make: Make, source: Path, order: Order, into: Path) -> Made:
    try:
        return make(source, order, into, timeout_s=TIMEOUT_S)
    except Exception:  # noqa: BLE001 - logged with its trace; whatever it was, nothing was examined
        _log.exception("Making what leaves failed; it counts as unread")
        return Made(problem=_BROKE)


def _take(row: ReleaseRow, clock: Clock, kept: _Kept) -> None:
    """Note what was found and made."""
    made = kept.made
    row.examined_at, row.problem, row.not_redacted = clock.now(), made.problem, made.not_redacted
    row.found = [one.value for one in found.found_in(made)]
    row.findings, row.finding_counts = found.kept_findings(made), found.counts_of(made)
    row.not_read, row.left_out = found.kept_not_read(made), [one[:400] for one in made.left_out[:100]]
    row.plain_sha256, row.redacted_sha256, row.preview_sha256 = kept.plain, kept.redacted, kept.preview
    pages = {PLAIN: made.plain if kept.plain else None, REDACTED: made.redacted if kept.redacted else None}
    row.pages = {
        variant: {"media_type": page.media_type, "name": page.name, "size_bytes": page.size_bytes}
        for variant, page in pages.items()
        if page is not None
    }
    if made.problem and row.form == "original":
        # The file itself would leave: somebody may let it out unread, knowing that nobody has read it.
        name = row.path.rpartition("/")[2]
        row.plain_sha256 = row.source_sha256
        row.pages = {PLAIN: {"media_type": "application/octet-stream", "name": name,
                             "size_bytes": row.source_bytes}}  # fmt: skip


def _act(tx: Tx, clock: Clock, settings: Settings, row: ReleaseRow, counts: dict[Found, int]) -> None:
    """Judge what was found and do what follows, on record and told."""
    user = tx.get_one(UserRow, row.user_id)
    row.classification = classification_of(tx, row)
    judgement = judged_now(tx, row)
    row.decision = judgement.decision.value
    row.because = [
        {"found": one.found.value, "decision": one.decision.value, "scope": one.scope}
        for one in judgement.because
    ]
    event = events.ReleaseExamined(
        session_id=row.session_id,
        release_id=row.id,
        user=user.name,
        gate=row.gate,
        source_sha256=row.source_sha256,
        plain_sha256=row.plain_sha256,
        redacted_sha256=row.redacted_sha256,
        found=row.found,
        findings=sum(row.finding_counts.values()),
        classification=row.classification,
        decision=row.decision,
        because=row.because,
        problem=row.problem,
    )
    journal.append(tx, clock, SYSTEM, event)
    what = rules.outcome(
        judgement.decision,
        Gate(row.gate),
        [Found(one) for one in row.found],
        has_plain=bool(row.plain_sha256),
        has_redacted=bool(row.redacted_sha256),
    )
    said = sentence(judgement, Gate(row.gate), form=row.form, counts=counts)
    if user.status != "active":
        fail(tx, clock, row, "Its author is not active any more.")
    elif what.state is State.DENIED:
        row.answer, row.decided_at = f"{said} {_DENIED}", clock.now()
        turn_down(tx, clock, SYSTEM, row, user)
        tell_author(tx, clock, row, f"{named(row)} may not leave. {row.answer}")
    elif what.state is State.FAILED:
        fail(tx, clock, row, row.problem or "Nothing could be made of it.")
    elif what.state is State.WAITING:
        row.state, row.needs_review = State.WAITING.value, True
        tell_waiting(tx, clock, row, user, said)
    else:
        _let_out(tx, clock, settings, row, user, what.variant)


def _let_out(tx: Tx, clock: Clock, settings: Settings, row: ReleaseRow, user: UserRow, variant: str) -> None:
    row.decided_at = clock.now()
    try:
        let_out(tx, clock, settings, SYSTEM, row, user, variant)
    except Refused as refused:
        row.variant = row.approved_sha256 = ""
        fail(tx, clock, row, str(refused))
    else:
        tell_let_out(tx, clock, row, "")


def _still(tx: Tx, release_id: str) -> ReleaseRow | None:
    """Return a release that is still to be examined: it may have been withdrawn meanwhile."""
    row = tx.get(ReleaseRow, release_id)
    return row if row is not None and row.state == State.EXAMINING else None
