"""Which session has read what, and of which class it is since: told before the first byte comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import Actor
from nbkeep.model.classification import PII, highest, is_higher
from nbkeep.model.errors import Refused
from nbkeep.model.session import LIVE, SessionState
from nbkeep.model.verdict import Refuse
from nbkeep.outbox.notices import add_notice
from nbkeep.store.data_tables import DatasetReadRow, DatasetRow
from nbkeep.store.tables import SessionRow, UserRow

from .class_rules import all_narrowings, narrowings_of
from .records import ceiling_of
from .rules import fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.egress.policy import Narrowing
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

_CLOSED = "it reaches the public internet no more. Start another one for work that needs it."
_NARROWED = (
    "the rules of that class hold for it from now on. What it reaches says "
    "`nbkeep network explain HOST --session {}`."
)


def class_of(tx: Tx, session_id: str) -> str:
    """Return the highest class that a session has read, "" for none. A resumed session keeps it."""
    query = select(DatasetReadRow.classification).where(DatasetReadRow.session_id == session_id)
    return highest(tx.scalars(query))


def narrowings(tx: Tx, settings: Settings, session_ids: Sequence[str]) -> dict[str, tuple[Narrowing, ...]]:
    """Return what the classes that sessions carry take from them; nothing for one that has read none."""
    if not session_ids:
        return {}
    query = select(DatasetReadRow.session_id, DatasetReadRow.classification).distinct()
    read: dict[str, list[str]] = {}
    for session_id, one in tx.execute(query.where(DatasetReadRow.session_id.in_(session_ids))):
        read.setdefault(session_id, []).append(one)
    if not read:
        return {}
    known = all_narrowings(tx, settings)
    return {session_id: narrowings_of(highest(classes), known) for session_id, classes in read.items()}


def closed_sessions(tx: Tx, settings: Settings, session_ids: Sequence[str]) -> set[str]:
    """Return those of these sessions that may not reach the public internet, for what they have read."""
    found = narrowings(tx, settings, session_ids)
    return {session_id for session_id, taken in found.items() if any(one.closes_internet for one in taken)}


def no_reader() -> Refused:
    """Return the refusal (404) for a session or dataset that is not there any more."""
    return Refused("no-reader", "There is no such session or dataset now.", "Try again.", status=404)


def note_read(tx: Tx, clock: Clock, settings: Settings, session_id: str, dataset_id: str) -> None:
    """Put on record that a session reads a dataset. Twice is safe: what is on record stays.

    Raises `Refused`: 404 where session or dataset are not there any more, 403 where its profile is not
    cleared for that class.
    """
    session, dataset = tx.get(SessionRow, session_id), tx.get(DatasetRow, dataset_id)
    if session is None or session.quarantine or dataset is None or not _runs(session):
        raise no_reader()
    verdict = fits(dataset.classification, ceiling_of(tx, session.profile_name), dataset.name)
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    if tx.get(DatasetReadRow, (session_id, dataset_id)) is None:
        _note(tx, clock, settings, session, dataset)


def _note(tx: Tx, clock: Clock, settings: Settings, session: SessionRow, dataset: DatasetRow) -> None:
    user, now, before = tx.get_one(UserRow, session.user_id), clock.now(), class_of(tx, session.id)
    taken_before = narrowings(tx, settings, [session.id]).get(session.id, ())
    row = DatasetReadRow(session_id=session.id, dataset_id=dataset.id, dataset=dataset.name,
                         classification=dataset.classification, first_at=now)  # fmt: skip
    tx.add(row)
    tx.flush()
    actor = Actor(id=user.id, name=user.name, scopes=frozenset(), kind="session", via="gateway")
    read = events.DataRead(session_id=session.id, user=user.name, dataset_id=dataset.id, name=dataset.name,
                           classification=dataset.classification)  # fmt: skip
    journal.append(tx, clock, actor, read)
    if is_higher(dataset.classification, before):
        raised = events.SessionClassRaised(session_id=session.id, user=user.name, before=before,
                                           after=dataset.classification, name=dataset.name)  # fmt: skip
        journal.append(tx, clock, actor, raised)
    taken = narrowings(tx, settings, [session.id])[session.id]
    if text := _told(dataset, session.id, taken_before, taken):
        add_notice(tx, clock, user.id, "data", text, session_id=session.id)


def _told(
    dataset: DatasetRow, session_id: str, before: tuple[Narrowing, ...], taken: tuple[Narrowing, ...]
) -> str:
    """Return what its user is told of what the session has lost, "" where that is nothing new."""
    kind = "personal" if dataset.classification == PII else dataset.classification
    has_read = f"This session has read {kind} data ({dataset.name})"
    if any(one.closes_internet for one in taken) and not any(one.closes_internet for one in before):
        return f"{has_read}: {_CLOSED}"
    if any(one.only or one.denylist for one in taken[len(before) :]):
        return f"{has_read}: {_NARROWED.format(session_id)}"
    return ""


def _runs(session: SessionRow) -> bool:
    state = SessionState(session.state)
    return state in LIVE and state != SessionState.STOPPING
