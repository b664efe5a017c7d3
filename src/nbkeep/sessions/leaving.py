"""What may leave a session: by its profile as it is now, its user's projects, the class of what it read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbkeep.data.reads import class_of
from nbkeep.guard.records import context_of, policies_for, profiles_of, told
from nbkeep.model.gates import Gate

if TYPE_CHECKING:
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow


def leaving_rules(tx: Tx, row: SessionRow) -> dict[str, Any]:
    """Return the rules of the gates save and download for a session, as its own server is told them.

    At download the strictest holds over `profiles_of` its user. They are in the view that the server gets
    with each heartbeat, under `leaving`; `guard.records.told` says what is in it:
    `{"save": {"secret": {"decision": "allow", "scope": "default"}, …}, "download": {…}}`.
    """
    context = context_of(tx, row.user_id, profile=row.profile_name, classification=class_of(tx, row.id))
    own = policies_for(tx, context)
    # What is saved stays in the home. What leaves may have been written by another session of the same user.
    others = [one for one in profiles_of(tx, row.user_id, row.profile_name) if one != row.profile_name]
    all_of = [own, *(policies_for(tx, replace(context, profile=one)) for one in others)]
    return told({Gate.SAVE: [own], Gate.DOWNLOAD: all_of})
