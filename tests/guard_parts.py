"""Steps that tests of policies repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.audit.search import Wanted, search
from nbkeep.guard import change
from nbkeep.guard.records import context_of, policies_for
from nbkeep.guard.rules import judge
from nbkeep.model.actor import OPERATOR, Actor
from nbkeep.model.gates import Found, Gate
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to

if TYPE_CHECKING:
    from office_parts import OfficeForTests

PROFILE = "notebook-cpu-small"


def say(
    office: OfficeForTests, scope: str, gates: str = "export", by: Actor = OPERATOR, **decisions: str
) -> list[str]:
    """Set decisions of a scope at gates, joined by commas; return the notes."""
    with office.store.write() as tx:
        found = change.scope_from(tx, scope)
        return change.set_policy(tx, office.clock, by, found, gates.split(","), decisions)


def unsay(office: OfficeForTests, scope: str, gates: str = "", found: str = "", by: Actor = OPERATOR) -> int:
    """Unset decisions of a scope; return how many."""
    with office.store.write() as tx:
        at = change.scope_from(tx, scope, deleted=True)
        return change.unset_policy(
            tx, office.clock, by, at, [one for one in gates.split(",") if one],
            [one for one in found.split(",") if one],
        )  # fmt: skip


def judged(
    office: OfficeForTests, of: Actor, *found: Found, gate: Gate = Gate.EXPORT, **where: str
) -> tuple[str, str]:
    """Return the decision about a document of somebody, and the scope that decides; `where`: as `context_of`."""
    with office.store.read() as tx:
        policies = policies_for(tx, context_of(tx, of.id, **where))
    told = judge(policies, gate, found)
    return told.decision.value, next(one.scope for one in told.because if one.decision is told.decision)


def change_profile(office: OfficeForTests, name: str = PROFILE, **fields: object) -> None:
    """Change a profile."""
    with office.store.write() as tx:
        profiles.change_profile(tx, office.clock, OPERATOR, name, fields, known_to(office.settings))


def renew_profile(office: OfficeForTests, name: str = PROFILE) -> None:
    """Delete a profile and make another of its name."""
    with office.store.write() as tx:
        profiles.delete_profile(tx, office.clock, OPERATOR, name)
        wanted = {"name": name, "image": "base", "flavor": "notebook-cpu-small"}
        profiles.create_profile(tx, office.clock, OPERATOR, wanted, known_to(office.settings))


def policy_events(office: OfficeForTests) -> list[dict[str, Any]]:
    """Return what is on record of policies, the oldest first, without the session's id."""
    with office.store.read() as tx:
        found = search(tx, OPERATOR, Wanted(type="policy"), limit=1000).records[::-1]
    return [
        {"type": one["type"], **{key: value for key, value in one["data"].items() if key != "session_id"}}
        for one in found
    ]
