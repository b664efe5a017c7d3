"""Who may keep, change, grant, see and use a secret: values in, verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbkeep.model.actor import OPERATOR
from nbkeep.model.grantee import EVERYONE, PROJECT, ROLE, USER
from nbkeep.model.verdict import Allow, Refuse, Verdict

from .values import ONLY_THROUGH, THROUGH, THROUGH_DATA

if TYPE_CHECKING:
    from collections.abc import Collection

    from nbkeep.model.actor import Actor

    from .values import Kind

KEEP = "secrets"
ADMIN = "admin:secrets"
# Who may say where a value lies elsewhere. nbkeep reads it there with rights of its own: whoever may say so
# could have it sent to a host of theirs.
REFER = ADMIN


@dataclass(frozen=True)
class Person:
    """Somebody who may be granted something."""

    id: str
    name: str
    role: str
    is_active: bool = True
    projects: tuple[str, ...] = ()  # names of those they are in
    connections: tuple[str, ...] = ()  # names of the declared ones that were granted
    # Names of all datasets: the gateway has a lease for each session, and decides what is read with it.
    datasets: tuple[str, ...] = ()

    @property
    def grantees(self) -> tuple[str, ...]:
        """All that grants to this person may be made out to, the closest first."""
        projects = (PROJECT + one for one in self.projects)
        through = (
            *(THROUGH + one for one in self.connections),
            *(THROUGH_DATA + one for one in self.datasets),
        )
        return (USER + self.name, *projects, ROLE + self.role, EVERYONE, *through)


def may_use(person: Person, grants: Collection[str]) -> bool:
    """Tell whether a session of that person is leased a secret with those grants."""
    return person.is_active and any(one in grants for one in person.grantees)


def may_see(actor: Actor, owner_id: str, *, is_granted: bool) -> bool:
    """Tell whether somebody is told that a secret exists. Nobody is told its value."""
    return actor.may(ADMIN) or (actor.may(KEEP) and (actor.id == owner_id or is_granted))


def may_change(actor: Actor, owner_id: str) -> bool:
    """Tell whether somebody may rotate a secret, end it, or take grants away."""
    return actor.may(ADMIN) or (actor.may(KEEP) and actor.id == owner_id)


def may_grant(actor: Actor, owner_id: str, to: str, kind: Kind = "header") -> Verdict:
    """Tell whether somebody may let others use a secret.

    An owner alone may widen who uses theirs. And what is added to somebody's requests decides in whose name
    they are made, so that only admins grant to others than themselves: else anybody could have the work of
    others arrive in an account of their own.
    """
    through = next((one for one in ONLY_THROUGH.values() if to.startswith(one)), None)
    if ONLY_THROUGH.get(kind) != through:
        if kind == "s3" or through == THROUGH_DATA:
            return Refuse(
                "grant-of-a-key-for-data",
                "A key of datasets is used to read datasets, and nothing else is.",
                "Publish the dataset with it: `nbkeep dataset add NAME --secret SECRET`.",
            )
        return Refuse(
            "grant-of-a-password",
            "A database's password is used at declared connections, and nothing else is.",
            "Grant the connection: `nbkeep connection grant NAME user:NAME`.",
        )
    owns = actor.id == owner_id or (owner_id == OPERATOR.id and actor.may(ADMIN))
    if not owns:
        return Refuse("not-the-owner", "Only its owner may grant a secret.", "Ask its owner.")
    if to != USER + actor.name and not actor.may(ADMIN):
        return Refuse(
            "grant-to-others",
            "A secret is granted to others by an admin who owns it.",
            "Grant it to yourself, or have an admin set it for all of you.",
        )
    return Allow()
