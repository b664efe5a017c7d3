"""Which class a document is of, and what the policies say of it now."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from nbkeep.guard.records import judge_home
from nbkeep.guard.rules import strictest_of
from nbkeep.model.classification import highest
from nbkeep.model.gates import Found, Gate
from nbkeep.model.session import LIVE
from nbkeep.shares.values import ANYONE
from nbkeep.store.class_tables import ClassifiedFileRow, ClassWalkRow
from nbkeep.store.data_tables import DatasetReadRow
from nbkeep.store.tables import SessionRow

if TYPE_CHECKING:
    from nbkeep.guard.values import Judgement
    from nbkeep.store.database import Tx
    from nbkeep.store.release_tables import ReleaseRow

_LIVE = frozenset(state.value for state in LIVE)


def classification_of(tx: Tx, row: ReleaseRow) -> str:
    """Return the highest class that a document may be of, "" for none; never a lower one than it had before.

    What the record of classified files says of its path or of the whole home; what its session has read; and
    what any session of its author has read that is not walked for to its end: its files are not on record.
    """
    key = hashlib.sha256(row.path.encode()).hexdigest()
    file = tx.get(ClassifiedFileRow, (row.user_id, key))
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
    classes = [row.classification, file.classification if file is not None else ""]
    return highest([*classes, *tx.scalars(whole), *tx.scalars(carried)])


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
