"""What may leave a session: by its profile as it is now, its user's projects, the class of its data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbkeep.data.classified import class_of_home
from nbkeep.data.reads import class_of
from nbkeep.guard.records import context_of, policies_for, told
from nbkeep.model.gates import Gate

if TYPE_CHECKING:
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow


def leaving_rules(tx: Tx, row: SessionRow) -> dict[str, Any]:
    """Return the rules of the gates save and download for a session, as its own server is told them.

    They are in the view that the server gets with each heartbeat, under `leaving`; `guard.records.told` says
    what is in it: `{"save": {"secret": {"decision": "allow", "scope": "default"}, …}, "download": {…}}`.

    A save is of the class that the session carries. A download may be of any file of the home, so it is
    judged by the highest class that one of these may have: another session may have written it.
    """
    context = context_of(tx, row.user_id, profile=row.profile_name, classification=class_of(tx, row.id))
    leaving = replace(context, classification=class_of_home(tx, row.user_id, row.id))
    save, download = policies_for(tx, context), policies_for(tx, leaving)
    return {**told(save, (Gate.SAVE,)), **told(download, (Gate.DOWNLOAD,))}
