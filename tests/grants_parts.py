"""Steps that tests of grants repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.audit.search import Wanted, search
from nbkeep.egress.rules import Compiled
from nbkeep.grants.decide import approve_grant
from nbkeep.grants.request import request_grant
from nbkeep.model.actor import OPERATOR
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from nbkeep.sessions.policies import live_policies

if TYPE_CHECKING:
    from nbkeep.egress.values import Decision
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

PROFILE = "notebook-cpu-small"


def change(office: OfficeForTests, **fields: object) -> None:
    """Change the profile, such as `egress_asklist="huggingface.co"`."""
    with office.store.write() as tx:
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, fields, known_to(office.settings))


def ask(
    office: OfficeForTests, actor: Actor, session_id: str, what: str = "huggingface.co", lasts: str = "2h"
) -> str:
    """Ask from a session; return the request's id."""
    with office.store.write() as tx:
        return request_grant(
            tx, office.clock, office.settings, actor, what,
            reason="Weights to compare with", duration=lasts, session_id=session_id,
        ).id  # fmt: skip


def approve(office: OfficeForTests, actor: Actor, grant_id: str, lasts: str | None = None) -> None:
    """Approve a request."""
    with office.store.write() as tx:
        approve_grant(tx, office.clock, office.settings, actor, grant_id, lasts)


def decided(
    office: OfficeForTests, session_id: str, host: str = "huggingface.co", port: int = 443, address: str = ""
) -> Decision:
    """Return what a gateway decides that has been told the policies of now."""
    now = office.clock.now()
    with office.store.read() as tx:
        found = {one.session_id: one for one in live_policies(tx, office.settings, now)}[session_id]
    compiled = Compiled(found)
    return compiled.decide_address(host, port, address) if address else compiled.decide(host, port)


def told(office: OfficeForTests) -> list[str]:
    """Return the types of the records about grants, oldest first."""
    with office.store.read() as tx:
        found = search(tx, OPERATOR, Wanted(), limit=1000).records[::-1]
    return [one["type"] for one in found if one["type"].startswith("grant.")]
