"""Who may see, change and remove projects: values in, verdict out (or `Refused`, for bad input)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbkeep.model.errors import invalid
from nbkeep.model.grantee import is_name
from nbkeep.model.verdict import Allow, Refuse, Verdict

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor

SEE, ADMIN = "projects", "admin:projects"
DESCRIPTION_LENGTH = 400


@dataclass(frozen=True)
class Standing:
    """How somebody stands to a project."""

    is_member: bool = False
    is_lead: bool = False


def project_name(text: str) -> str:
    """Return a project's name; raise `Refused` (400) for anything else."""
    if not is_name(text):
        raise invalid("name", f"{text[:60]!r} is not a name for a project.",
                      "Use up to 30 small letters, digits and hyphens; a letter first.")  # fmt: skip
    return text


def project_description(text: str) -> str:
    """Return a description as one line without blanks around it; raise `Refused` (400) for anything else."""
    clean = text.strip()
    if len(clean) > DESCRIPTION_LENGTH or not clean.isprintable():
        raise invalid("description", f"A description is one line of up to {DESCRIPTION_LENGTH} characters.",
                      "Shorten it.")  # fmt: skip
    return clean


def may_see(actor: Actor, standing: Standing) -> bool:
    """Tell whether somebody is told that a project exists."""
    return actor.may(ADMIN) or (actor.may(SEE) and standing.is_member)


def may_lead(actor: Actor, standing: Standing) -> bool:
    """Tell whether somebody chooses who is in a project."""
    return actor.may(ADMIN) or (actor.may(SEE) and standing.is_member and standing.is_lead)


def may_add(actor: Actor, standing: Standing, *, wants_lead: bool | None) -> Verdict:
    """Tell whether somebody may add a member; who leads is said by admins alone (None: nothing is said)."""
    if not may_lead(actor, standing):
        return _NOT_A_LEAD
    if wants_lead is not None and not actor.may(ADMIN):
        return Refuse("lead-by-admins", "Only admins say who leads a project.", "Ask an admin.")
    return Allow()


def may_take(actor: Actor, standing: Standing, *, is_own: bool, leads: bool) -> Verdict:
    """Tell whether somebody may take a member out of a project.

    `is_own`: it is they themselves. Everybody may leave: what is granted to a project is added to the
    requests of whoever is in it, and nobody needs to put up with that. `leads`: the member is a lead.
    """
    if is_own:
        return Allow()
    if not may_lead(actor, standing):
        return _NOT_A_LEAD
    if leads and not actor.may(ADMIN):
        return Refuse("lead-by-admins", "Only admins take a lead out of a project.", "Ask an admin.")
    return Allow()


_NOT_A_LEAD = Refuse(
    "not-a-lead", "Only its leads and admins choose who is in a project.", "Ask a lead of it."
)
