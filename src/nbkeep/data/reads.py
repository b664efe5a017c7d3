"""Which session has read what, and of which class it is since: told before the first byte comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.actor import Actor
from nbkeep.model.classification import CLASSIFICATIONS, PII, highest, is_higher
from nbkeep.model.errors import Refused
from nbkeep.model.ids import new_id
from nbkeep.model.session import LIVE, SessionState
from nbkeep.model.verdict import Refuse
from nbkeep.store.data_tables import DatasetReadRow, DatasetRow
from nbkeep.store.tables import NoticeRow, SessionRow, UserRow

from .records import ceiling_of
from .rules import fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

_CLOSED = (
    "This session has read personal data ({}): it reaches the public internet no more. Start another one "
    "for work that needs it."
)


def class_of(tx: Tx, session_id: str) -> str:
    """Return the highest class that a session has read, "" for none. A resumed session keeps it."""
    query = select(DatasetReadRow.classification).where(DatasetReadRow.session_id == session_id)
    return highest(tx.scalars(query))


def closed_sessions(tx: Tx, settings: Settings, session_ids: Sequence[str]) -> set[str]:
    """Return those of these sessions that may not reach the public internet, for what they have read."""
    if not settings.pii_closes_internet or not session_ids:
        return set()
    harmless = [one for one in CLASSIFICATIONS if one != PII]  # what is not known closes it, too
    query = select(DatasetReadRow.session_id).where(DatasetReadRow.classification.not_in(harmless))
    return set(tx.scalars(query.where(DatasetReadRow.session_id.in_(session_ids))))


def note_read(tx: Tx, clock: Clock, settings: Settings, session_id: str, dataset_id: str) -> bool:
    """Put on record that a session reads a dataset; return whether that closes the public internet for it.

    Twice is safe: what is on record stays, and the answer is the same. Raises `Refused`: 404 where session or
    dataset are not there any more, 403 where its profile is not cleared for that class.
    """
    session, dataset = tx.get(SessionRow, session_id), tx.get(DatasetRow, dataset_id)
    if session is None or dataset is None or not _runs(session):
        raise Refused("no-reader", "There is no such session or dataset now.", "Try again.", status=404)
    verdict = fits(dataset.classification, ceiling_of(tx, session.profile_name), dataset.name)
    if isinstance(verdict, Refuse):
        raise verdict.as_error()
    if tx.get(DatasetReadRow, (session_id, dataset_id)) is None:
        _note(tx, clock, settings, session, dataset)
    return session_id in closed_sessions(tx, settings, [session_id])


def _note(tx: Tx, clock: Clock, settings: Settings, session: SessionRow, dataset: DatasetRow) -> None:
    user, now, before = tx.get_one(UserRow, session.user_id), clock.now(), class_of(tx, session.id)
    was_closed = session.id in closed_sessions(tx, settings, [session.id])
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
    if not was_closed and session.id in closed_sessions(tx, settings, [session.id]):
        tx.add(NoticeRow(id=new_id("not", now), user_id=user.id, session_id=session.id, kind="data",
                         text=_CLOSED.format(dataset.name), at=now))  # fmt: skip
        tx.flush()


def _runs(session: SessionRow) -> bool:
    state = SessionState(session.state)
    return state in LIVE and state != SessionState.STOPPING
