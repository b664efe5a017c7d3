"""What may leave a session: by its profile as it is now, its user's projects, the class of its data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbkeep.data.classified import class_of_home
from nbkeep.data.reads import class_of
from nbkeep.guard.records import context_of, policies_for, profiles_of, told
from nbkeep.model.gates import Gate

if TYPE_CHECKING:
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow


def leaving_rules(tx: Tx, row: SessionRow) -> dict[str, Any]:
    """Return the rules of the gates save and download for a session, as its own server is told them.

    They are in the view that the server gets with each heartbeat, under `leaving`; `guard.records.told` says
    what is in it: `{"save": {"secret": {"decision": "allow", "scope": "default"}, …}, "download": {…}}`.

    What is saved stays in the home, and is of the class that the session carries. What is downloaded may have
    been written by another session of the same user: the strictest holds over `profiles_of` that user, of the
    highest class that any file of the home may have.
    """
    own = context_of(tx, row.user_id, profile=row.profile_name, classification=class_of(tx, row.id))
    home = replace(own, classification=class_of_home(tx, row.user_id, row.id))
    profiles = dict.fromkeys((row.profile_name, *profiles_of(tx, row.user_id, row.profile_name)))
    downloads = [policies_for(tx, replace(home, profile=one)) for one in profiles]
    return told({Gate.SAVE: [policies_for(tx, own)], Gate.DOWNLOAD: downloads})
