"""What may leave a session: by its profile as it is now, its user's projects, the class of its data."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbkeep.data.classified import class_of_home, classes_of_homes
from nbkeep.data.reads import class_of
from nbkeep.guard.records import (
    context_of,
    contexts_of_homes,
    policies_for,
    profiles_of,
    rules_of_sending,
    told,
)
from nbkeep.guard.values import SENDING, Policies
from nbkeep.model.gates import Decision, Found, Gate
from nbkeep.model.judged import is_all_allowed

if TYPE_CHECKING:
    from collections.abc import Collection

    from nbkeep.guard.values import Context, Rule
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

QUARANTINE = "quarantine"  # the scope of what no policy says: the session itself is closed
ASKED_FOR = (Gate.EXPORT, Gate.SHARE, Gate.PUBLISH)


def leaving_rules(tx: Tx, row: SessionRow) -> dict[str, Any]:
    """Return the rules of the gates that documents leave by for a session, as its own server is told them.

    They are in the view that the server gets with each heartbeat, under `leaving`; `guard.records.told` says
    what is in it: `{"save": {"secret": {"decision": "allow", "scope": "default"}, …}, "download": {…}, …}`.

    What is saved stays in the home, and is of the class that the session carries. What leaves may have been
    written by another session of the same user: the strictest holds over `profiles_of` that user, of the
    highest class that any file of the home may have. At `download` the session's server decides by them. At
    `ASKED_FOR` they are advice: releases are judged by the office, and that may be milder, as it knows the
    class of each file.
    """
    own = context_of(tx, row.user_id, profile=row.profile_name, classification=class_of(tx, row.id))
    home = replace(own, classification=class_of_home(tx, row.user_id, row.id))
    profiles = dict.fromkeys((row.profile_name, *profiles_of(tx, row.user_id, row.profile_name)))
    leaving = [policies_for(tx, replace(home, profile=one)) for one in profiles]
    ways = dict.fromkeys((Gate.DOWNLOAD, *ASKED_FOR), leaving)
    rules = told({Gate.SAVE: [policies_for(tx, own)]} | ways)
    return _closed(rules) if row.quarantine else rules


def sending_rules(tx: Tx, user_ids: Collection[str]) -> dict[str, str]:
    """Return what gateways are told of what programs of live sessions send out, by the id of their person.

    For each of the gates upload and push what `guard.records.told` says, as JSON; nothing for who may send
    all. A program reads all of the home: as with downloads, the strictest holds over the profiles of all
    sessions of a person that are not over, of the highest class that any file of the home may have.
    """
    rules = rules_of_sending(tx) if user_ids else ()
    if not rules:
        return {}
    made: dict[tuple[Context, ...], str] = {}
    found: dict[str, str] = {}
    for user_id, contexts in contexts_of_homes(tx, classes_of_homes(tx, user_ids)).items():
        if contexts not in made:
            made[contexts] = _sending(contexts, rules)
        if made[contexts]:
            found[user_id] = made[contexts]
    return found


def _sending(contexts: tuple[Context, ...], rules: tuple[Rule, ...]) -> str:
    policies = [Policies(context, rules) for context in contexts]
    decided = told(dict.fromkeys(SENDING, policies))
    return "" if all(map(is_all_allowed, decided.values())) else json.dumps(decided, sort_keys=True)


def _closed(rules: dict[str, Any]) -> dict[str, Any]:
    """Return rules that let nothing leave, whatever was found or not; saving stays within the fresh home."""
    denied = {"decision": Decision.DENY.value, "scope": QUARANTINE}
    return {
        gate: said if gate == Gate.SAVE.value else {found.value: denied for found in Found}
        for gate, said in rules.items()
    }
