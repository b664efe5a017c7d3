"""Which class a document is of, and what the policies say of it now."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from nbkeep.guard.records import judge_home
from nbkeep.guard.rules import strictest_of
from nbkeep.guard.words import sentence
from nbkeep.model.classification import highest
from nbkeep.model.errors import Refused
from nbkeep.model.gates import Found, Gate
from nbkeep.model.session import LIVE
from nbkeep.shares.values import ANYONE
from nbkeep.store.class_tables import ClassifiedFileRow, ClassWalkRow
from nbkeep.store.data_tables import DatasetReadRow
from nbkeep.store.tables import SessionRow

from .rules import still_leaves

if TYPE_CHECKING:
    from nbkeep.guard.values import Judgement
    from nbkeep.store.database import Tx
    from nbkeep.store.release_tables import ReleaseRow

_LIVE = frozenset(state.value for state in LIVE)


def classification_of(tx: Tx, row: ReleaseRow) -> str:
    """Return the highest class that a document may be of, "" for none; never a lower one than it had before.

    What the record of classified files says of its path, of a folder around it that could not be looked into,
    or of the whole home; what its session has read; and what any session of its author has read that is not
    walked for to its end: its files are not on record.
    """
    key, *folders = _keys(row.path)
    on_record = select(ClassifiedFileRow.classification).where(
        ClassifiedFileRow.user_id == row.user_id,
        or_(
            ClassifiedFileRow.key == key,
            and_(ClassifiedFileRow.key.in_(folders), ClassifiedFileRow.changed_at.is_(None)),
        ),
    )
    whole = select(ClassWalkRow.classification).where(
        ClassWalkRow.user_id == row.user_id, ClassWalkRow.whole != ""
    )
    not_walked = or_(
        SessionRow.id == row.session_id,
        SessionRow.state.in_(_LIVE),
        ClassWalkRow.session_id.is_(None),
        ClassWalkRow.walked_at.is_(None),
        ClassWalkRow.final_run < SessionRow.run,
    )
    carried = (
        select(DatasetReadRow.classification)
        .join(SessionRow, SessionRow.id == DatasetReadRow.session_id)
        .outerjoin(ClassWalkRow, ClassWalkRow.session_id == SessionRow.id)
        .where(SessionRow.user_id == row.user_id, not_walked)
    )
    return highest([row.classification, *tx.scalars(on_record), *tx.scalars(whole), *tx.scalars(carried)])


def require_still(tx: Tx, row: ReleaseRow) -> None:
    """Raise `Refused` (409) where what was let out before may not be taken by what holds now."""
    judgement, gate = judged_now(tx, row), Gate(row.gate)
    found = [one for one in Found if one.value in row.found]
    was_reviewed = bool(row.decided_by)
    if still_leaves(judgement.decision, gate, found, variant=row.variant, was_reviewed=was_reviewed):
        return
    raise Refused("not-allowed-any-more", f"{row.id} was let out, and may not leave by now. "
                  f"{sentence(judgement, gate, form=row.form)}",
                  "Ask again: it is judged anew, and reviewed where that is enough.", status=409)  # fmt: skip


def _keys(path: str) -> list[str]:
    """Return the keys of a path in the record, and of all folders around it; that of the home is the last.

    >>> _keys("a/b") == [hashlib.sha256(one).hexdigest() for one in (b"a/b", b"a", b"")]
    True
    """
    parts = path.encode().split(b"/")
    return [hashlib.sha256(b"/".join(parts[:end])).hexdigest() for end in range(len(parts), -1, -1)]


def judged_now(tx: Tx, row: ReleaseRow) -> Judgement:
    """Return what the policies say of an examined document now, of the class that it has by now.

    The strictest holds of what bears on all sessions of its author that may have written it. All projects
    count that its author was in when they asked, or is in by now.
    """
    # Whoever holds a link for anyone takes the file, its author too.
    gates = (Gate(row.gate), Gate.DOWNLOAD) if ANYONE in row.audience else (Gate(row.gate),)
    found = [one for one in Found if one.value in row.found]
    carried = classification_of(tx, row)
    return strictest_of([
        judge_home(
            tx, row.user_id, gate, found,
            profile=row.profile_name, projects=row.projects, classification=carried,
        )
        for gate in gates
    ])  # fmt: skip
