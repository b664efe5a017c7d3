"""Who may ask, decide and end, for how long and how often: values in, verdict out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.model.errors import invalid
from nbkeep.model.units import format_duration, parse_duration_s
from nbkeep.model.verdict import Allow, Refuse, Verdict

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor

ASK = "grants"
DECIDE = "admin:grants"
MAX_OPEN = 20
LAPSES = timedelta(days=14)  # of requests that nobody decides
_LONGEST_REASON = 500
_SHORTEST_S = 10


def read_reason(text: str, *, field: str = "reason") -> str:
    """Return a reason without white space around it; raise `Refused` (400) for none, and for one too long."""
    said = " ".join(text.split())
    if not said or len(said) > _LONGEST_REASON or not said.isprintable():
        raise invalid(field, f"A reason has 1 to {_LONGEST_REASON} characters.",
                      "Say in a sentence what it is for: whoever decides reads it.")  # fmt: skip
    return said


def read_duration_s(text: str | float, most_s: int) -> int:
    """Return the seconds of a duration that may be asked for; raise `Refused` (400) for any other."""
    wanted_s = parse_duration_s(text)
    if not _SHORTEST_S <= wanted_s <= most_s:
        raise invalid("duration", f"{format_duration(wanted_s)} is out of range.",
                      f"Ask for 10s to {format_duration(most_s)} (the setting grants_max_s).")  # fmt: skip
    return wanted_s


def may_open_another(count: int) -> Verdict:
    """Tell whether somebody with that many open requests may make one more."""
    if count < MAX_OPEN:
        return Allow()
    return Refuse(
        "too-many-requests",
        f"You have {count} requests that nobody has decided yet; {MAX_OPEN} are the most.",
        "Withdraw some: `nbkeep grant list`, `nbkeep grant withdraw ID`.",
    )


def may_see(actor: Actor, user_id: str) -> bool:
    """Tell whether somebody is told of a request: who made it, and who decides."""
    return actor.may(DECIDE) or (actor.may(ASK) and actor.id == user_id)


def decides(actor: Actor, owner_id: str) -> bool:
    """Tell whether somebody decides about a request: admins, and who owns what was asked for ("": nobody)."""
    return actor.may(DECIDE) or (actor.may(ASK) and bool(owner_id) and actor.id == owner_id)


def may_approve(actor: Actor, user_id: str, *, self_approval: bool, owner_id: str = "") -> Verdict:
    """Tell whether somebody may grant what that person asked for: two people agree on every grant.

    What has an owner nobody approves for themselves, whatever the setting says.
    """
    if not decides(actor, owner_id):
        return Refuse("not-an-approver", "You cannot decide about requests.", "Admins do. Wait for one.")
    if actor.id == user_id and (owner_id or not self_approval):
        return Refuse(
            "self-approval",
            "Nobody approves their own request.",
            "Another admin decides. (The setting grants_self_approval would allow it.)",
        )
    return Allow()


def may_last(wanted_s: int, given_s: int) -> Verdict:
    """Tell whether a grant may last that long: an approver may shorten what was asked for, not widen it."""
    if given_s <= wanted_s:
        return Allow()
    asked = format_duration(wanted_s)
    return Refuse(
        "longer-than-asked",
        f"{format_duration(given_s)} is longer than the {asked} that were asked for.",
        f"Approve it for {asked} or less; for longer, have them ask again.",
    )
