"""What the policies say of a push."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.data.classified import class_of_home
from nbkeep.guard.records import judge_home
from nbkeep.model.gates import Gate

if TYPE_CHECKING:
    from collections.abc import Collection

    from nbkeep.guard.values import Judgement
    from nbkeep.model.gates import Found
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow


def judged_for(tx: Tx, row: SessionRow, found: Collection[Found]) -> Judgement:
    """Return what the policies say now of a push from a session in which this was found.

    It may be what another session of the same person has written: the strictest holds, of the highest class
    that any file of their home may be of.
    """
    carried = class_of_home(tx, row.user_id, row.id)
    return judge_home(tx, row.user_id, Gate.PUSH, found, profile=row.profile_name, classification=carried)
