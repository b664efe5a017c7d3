"""Examine a copied document and do what the policies say of it. Nothing is decided without a result."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.detection.liveness import asked_providers, rules_of
from nbkeep.detection.records import own_rules, own_rules_sha256
from nbkeep.detection.sending import counts
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
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nbkeep.detection.asking import Asker
    from nbkeep.detection.providers import Alive
    from nbkeep.model.clock import Clock
    from nbkeep.rendering.interface import Page, Value
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
    asker: Asker | None = None,
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
        own = own_rules(tx)
        providers = asked_providers(tx)
        order = Order(row.path, row.form, Keep(**row.keep), own.text, rules_of(providers))
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
        if asker is not None and made.values:
            with store.write() as tx:
                providers = to_ask(tx, clock, release_id, own.sha256, made.values)
            kept.is_asked = bool(counts(providers, made.values))
            kept.alive = asker.ask(providers, made.values)
        made.values = []
    except OSError:  # the office's disk is full: no fault of the document
        with store.write() as tx:
            if (row := _still(tx, release_id)) is not None:
                row.tries -= 1
        raise
    with store.write() as tx:
        if kept.is_asked:
            _note_answers(tx, clock, release_id, kept.alive)
        if (row := _still(tx, release_id)) is not None and own_rules_sha256(tx) == own.sha256:
            # By rules that were changed meanwhile it is not judged: it is examined again.
            _take(row, clock, kept)
            _act(tx, clock, settings, row, found.kinds_of(made))


class _Kept:
    """What was made, put into the documents before a row names it; what is not as was told is a problem."""

    def __init__(self, documents: Documents, into: Path, made: Made) -> None:
        self._documents, self._into = documents, into
        self.made = made
        self.alive: dict[tuple[str, str], Alive] = {}
        self.is_asked = False
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
    row.findings, row.finding_counts = found.kept_findings(made, kept.alive), found.counts_of(made)
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


def to_ask(
    tx: Tx, clock: Clock, release_id: str, own_sha256: str, values: Sequence[Value]
) -> tuple[str, ...]:
    """Return the providers that are to be asked, and put on record first that they are.

    That is those that are turned on still, and none where it is to be examined again, or is examined no more.
    """
    row = _still(tx, release_id)
    if row is None or own_rules_sha256(tx) != own_sha256:
        return ()
    providers = asked_providers(tx)
    if told := counts(providers, values):
        event = events.LivenessAsked(
            session_id=row.session_id,
            release_id=row.id,
            user=tx.get_one(UserRow, row.user_id).name,
            providers=told,
        )
        journal.append(tx, clock, SYSTEM, event)
    return providers


def _note_answers(tx: Tx, clock: Clock, release_id: str, alive: Mapping[tuple[str, str], Alive]) -> None:
    """Put on record what came of asking, also where the document is not judged by it."""
    row = tx.get(ReleaseRow, release_id)
    if row is None:
        return
    answers = [{"rule": rule, "alive": said.value} for (rule, _masked), said in alive.items()]
    user = tx.get_one(UserRow, row.user_id).name
    event = events.LivenessAnswered(session_id=row.session_id, release_id=row.id, user=user, answers=answers)
    journal.append(tx, clock, SYSTEM, event)


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
