"""Which files of a home were written since a session carried a class of data; walked for by the node.

A file is taken for what was written by the session when it was changed after the class was taken, whoever
of its user's sessions did it. What cannot be walked, or is too much, counts as a whole: the record says more
than is so, never less than was seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, or_, select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.classification import highest, is_higher
from nbkeep.model.errors import not_found
from nbkeep.model.session import LIVE
from nbkeep.store.class_tables import ClassifiedFileRow, ClassWalkRow
from nbkeep.store.data_tables import DatasetReadRow
from nbkeep.store.tables import SessionRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from nbkeep.backends.interface import ChangedFile
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

MOST = 100_000  # files on record of one person; then the whole home counts
AGAIN = timedelta(minutes=5)
_LATELY = timedelta(days=7)  # how long after its end a session is still walked for
# How much older than a reading the time of change of a file may be that was written after it. Who writes by
# memory that is mapped to the file sets it at the first write to a page. Later writes to that page leave it,
# until the kernel has put the page on disk: dirty_expire_centisecs and dirty_writeback_centisecs (30 s and
# 5 s, where nobody set them) and what the disk takes. Ticks of the kernel's clock are in it, too.
_MARGIN = timedelta(minutes=2)
_MOST_FAILURES = 3
_AT_ONCE = 500
_LONGEST_CURSOR = 8
_SHARED = "public"  # files of who has read nothing above this are not on record
_LIVE = frozenset(state.value for state in LIVE)
_TOO_MANY = f"more than {MOST:,} files were changed"
_NOT_WALKED = "its files could not be walked"


@dataclass(frozen=True)
class Due:
    """A walk that is to begin or to go on. `steps`: from when on the session carries which class."""

    session_id: str
    user_id: str
    user: str
    is_over: bool
    run: int
    place: str = ""
    steps: tuple[tuple[datetime, str], ...] = ()

    @property
    def since(self) -> datetime:
        """From when on changes count."""
        return self.steps[0][0] - _MARGIN


@dataclass
class Classified:
    """What is on record of one person. `whole`: why all of the home counts, with the class; often empty."""

    items: list[ClassifiedFileRow]
    total: int
    next: str | None = None
    whole: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    walked_at: datetime | None = None


def class_of_change(steps: Sequence[tuple[datetime, str]], changed_at: datetime | None) -> str:
    """Return the class of what was changed at a moment, "" for none; None is any moment. Pure."""
    return highest(one for at, one in steps if changed_at is None or at - _MARGIN <= changed_at)


def due_walks(tx: Tx, now: datetime) -> list[Due]:
    """Return the walks that are due: of live sessions every five minutes, of ended ones once."""
    query = (
        select(DatasetReadRow.session_id, DatasetReadRow.first_at, DatasetReadRow.classification)
        .join(SessionRow, SessionRow.id == DatasetReadRow.session_id)
        .where(DatasetReadRow.classification != _SHARED)
        .where(
            SessionRow.state.in_(_LIVE)
            | SessionRow.ended_at.is_(None)
            | (SessionRow.ended_at > now - _LATELY)
        )
        .order_by(DatasetReadRow.first_at)
    )
    read: dict[str, list[tuple[datetime, str]]] = {}
    for session_id, at, one in tx.execute(query):
        read.setdefault(session_id, []).append((at, one))
    if not read:
        return []
    sessions = tx.execute(
        select(SessionRow, UserRow.name, ClassWalkRow)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .outerjoin(ClassWalkRow, ClassWalkRow.session_id == SessionRow.id)
        .where(SessionRow.id.in_(read))
        .order_by(SessionRow.id)
    )
    return [
        Due(row.id, row.user_id, user, row.state not in _LIVE, row.run, walk.place if walk else "",
            tuple(read[row.id]))
        for row, user, walk in sessions
        if _is_due(row, walk, now)
    ]  # fmt: skip


def take_part(tx: Tx, clock: Clock, due: Due, files: Sequence[ChangedFile], following: str) -> None:
    """Put a part of a walk on record; `following`: where it goes on, "" at its end. Twice is safe.

    The end of a walk takes what is not there any more off the record, and tells the journal of what is new.
    """
    walk = _walk(tx, clock, due)
    before, walk.failures = walk.whole, 0
    for begin in range(0, len(files), _AT_ONCE):
        _note(tx, due, walk, files[begin : begin + _AT_ONCE])
    walk.place = following
    if not following:
        _end(tx, clock, due, walk)
    if walk.whole != before or (walk.fresh and not following):
        _tell(tx, clock, due, walk)
    tx.flush()


def note_failure(tx: Tx, clock: Clock, due: Due) -> None:
    """Note that a home could not be walked: after the third time all of it counts, until a walk succeeds."""
    walk = _walk(tx, clock, due)
    walk.failures += 1
    if walk.failures >= _MOST_FAILURES:
        is_new, walk.whole = walk.whole != _NOT_WALKED, _NOT_WALKED
        if is_new:
            _tell(tx, clock, due, walk)
        walk.failures, walk.place, walk.began_at = 0, "", None
        walk.walked_at, walk.final_run = clock.now(), walk.over_run
    tx.flush()


def list_classified(
    tx: Tx, actor: Actor, user: str, *, limit: int = 100, cursor: str | None = None
) -> Classified:
    """Return the record of one person's home by path: one's own, or anybody's for admins and auditors.

    Else `Refused` (404), as where there is no such person.
    """
    row = tx.scalar(select(UserRow).where(UserRow.name == user))
    is_own = row is not None and row.id == actor.id and actor.may("self")
    if row is None or not (is_own or actor.may("admin:volumes") or actor.may("audit:read")):
        raise not_found("volume", user[:60])
    is_place = cursor is not None and cursor.isascii() and cursor.isdigit() and len(cursor) < _LONGEST_CURSOR
    begin = int(cursor) if cursor is not None and is_place else 0
    own = ClassifiedFileRow.user_id == row.id
    query = select(ClassifiedFileRow).where(own).order_by(ClassifiedFileRow.path, ClassifiedFileRow.key)
    items = list(tx.scalars(query.offset(begin).limit(limit + 1)))
    walks = list(tx.scalars(select(ClassWalkRow).where(ClassWalkRow.user_id == row.id)))
    return Classified(
        items[:limit],
        int(tx.scalar(select(func.count()).where(own)) or 0),
        str(begin + limit) if len(items) > limit else None,
        sorted({(one.classification, one.whole) for one in walks if one.whole}),
        max((one.walked_at for one in walks if one.walked_at is not None), default=None),
    )


def class_of_home(tx: Tx, user_id: str, session_id: str) -> str:
    """Return the highest class that any file of a home may be of, "" for none; seen from one of its sessions.

    What is on record of its files or of the whole home; what this session has read, and what any other has
    that is live or is not walked for to its end: what that has written is not on record yet.
    """
    return classes_of_homes(tx, [user_id], session_id)[user_id]


def classes_of_homes(tx: Tx, user_ids: Collection[str], session_id: str = "") -> dict[str, str]:
    """Return the same for several people at once, seen from their live sessions; by the person's id."""
    files = select(ClassifiedFileRow.user_id, ClassifiedFileRow.classification).distinct()
    files = files.where(ClassifiedFileRow.user_id.in_(user_ids))
    whole = select(ClassWalkRow.user_id, ClassWalkRow.classification).where(
        ClassWalkRow.user_id.in_(user_ids), ClassWalkRow.whole != ""
    )
    not_walked = or_(
        SessionRow.id == session_id,
        SessionRow.state.in_(_LIVE),
        ClassWalkRow.session_id.is_(None),
        ClassWalkRow.walked_at.is_(None),
        ClassWalkRow.final_run < SessionRow.run,
    )
    carried = (
        select(SessionRow.user_id, DatasetReadRow.classification)
        .select_from(DatasetReadRow)
        .join(SessionRow, SessionRow.id == DatasetReadRow.session_id)
        .outerjoin(ClassWalkRow, ClassWalkRow.session_id == SessionRow.id)
        .where(SessionRow.user_id.in_(user_ids), not_walked)
    )
    found: dict[str, list[str]] = {user_id: [] for user_id in user_ids}
    for query in (files, whole, carried):
        for user_id, classification in tx.execute(query):
            found[user_id].append(classification)
    return {user_id: highest(classes) for user_id, classes in found.items()}


def classified_view(found: Classified) -> dict[str, Any]:
    """Return the record for the doors."""
    return {
        "items": [
            {
                "path": one.path,
                "classification": one.classification,
                "session_id": one.session_id,
                "changed_at": one.changed_at.isoformat() if one.changed_at else None,
                "bytes": one.bytes,
                "note": one.note,
            }
            for one in found.items
        ],
        "next": found.next,
        "total": found.total,
        "whole": [{"classification": name, "why": why} for name, why in found.whole],
        "walked_at": found.walked_at.isoformat() if found.walked_at else None,
    }


def _is_due(row: SessionRow, walk: ClassWalkRow | None, now: datetime) -> bool:
    if walk is None or walk.began_at is not None or walk.walked_at is None:
        return True
    if row.state in _LIVE:
        return walk.walked_at <= now - AGAIN
    return walk.final_run < row.run


def _walk(tx: Tx, clock: Clock, due: Due) -> ClassWalkRow:
    """Return the walk, begun where it has not."""
    walk = tx.get(ClassWalkRow, due.session_id)
    if walk is None:
        walk = ClassWalkRow(session_id=due.session_id, user_id=due.user_id, place="", final_run=0, over_run=0,
                            fresh=0, failures=0, whole="", classification="", left_out=False)  # fmt: skip
        tx.add(walk)
    if walk.began_at is None:
        walk.began_at, walk.fresh, walk.left_out = clock.now(), 0, False
        walk.over_run = due.run if due.is_over else walk.final_run
    walk.classification = class_of_change(due.steps, None)
    return walk


def _note(tx: Tx, due: Due, walk: ClassWalkRow, files: Sequence[ChangedFile]) -> None:
    began_at = walk.began_at or datetime.min.replace(tzinfo=UTC)
    keys = [one.key for one in files]
    query = select(ClassifiedFileRow).where(
        ClassifiedFileRow.user_id == due.user_id, ClassifiedFileRow.key.in_(keys)
    )
    there = {row.key: row for row in tx.scalars(query)}
    count = int(tx.scalar(select(func.count()).where(ClassifiedFileRow.user_id == due.user_id)) or 0)
    for one in files:
        changed_at = datetime.fromisoformat(one.changed_at) if one.changed_at else None
        classification = class_of_change(due.steps, changed_at)
        row = there.get(one.key)
        if not classification:
            continue
        if row is None:
            if count >= MOST:
                walk.left_out, walk.whole = True, _TOO_MANY
                continue
            row = ClassifiedFileRow(user_id=due.user_id, key=one.key, path=one.path, classification="",
                                    seen_at=began_at)  # fmt: skip
            tx.add(row)
            there[one.key] = row
            count += 1
            walk.fresh += 1
        if is_higher(classification, row.classification):
            row.classification, row.session_id = classification, due.session_id
        row.changed_at, row.bytes, row.note = changed_at, one.bytes, one.note[:200]
        row.seen_at = max(row.seen_at, began_at)
    tx.flush()


def _end(tx: Tx, clock: Clock, due: Due, walk: ClassWalkRow) -> None:
    """Take what this session wrote and is gone off the record.

    What another one wrote stays: it may have carried a higher class, which would not come back with the file.
    So does all where something could not be looked into: a folder may have been closed around files.
    """
    mine = ClassifiedFileRow.user_id == due.user_id
    unseen = select(ClassifiedFileRow.key).where(
        mine, ClassifiedFileRow.seen_at >= walk.began_at, ClassifiedFileRow.changed_at.is_(None)
    )
    if tx.scalar(unseen.limit(1)) is None:
        gone = delete(ClassifiedFileRow).where(
            mine, ClassifiedFileRow.session_id == due.session_id, ClassifiedFileRow.seen_at < walk.began_at,
            (ClassifiedFileRow.changed_at >= due.since) | ClassifiedFileRow.changed_at.is_(None),
        )  # fmt: skip
        tx.execute(gone)
    if not walk.left_out:
        walk.whole = ""
    walk.walked_at, walk.final_run, walk.began_at = clock.now(), walk.over_run, None


def _tell(tx: Tx, clock: Clock, due: Due, walk: ClassWalkRow) -> None:
    """Tell the journal what is new since it was told last."""
    told = events.FilesClassified(
        session_id=due.session_id,
        user=due.user,
        classification=walk.classification,
        files=walk.fresh,
        whole=walk.whole,
    )
    journal.append(tx, clock, SYSTEM, told)
    walk.fresh = 0
