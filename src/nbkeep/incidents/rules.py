"""Who may open and close incidents, about whom, and when a step is tried again. Values in, verdict out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.model.errors import invalid
from nbkeep.model.verdict import Allow, Refuse, Verdict

from .values import ADMIN, READ, REASON_LENGTH

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor

_FIRST_S, _LONGEST_S = 2.0, 300.0
_REASON_MIN = 5
# A home that cannot be listed so often is left out of the evidence, which says so: the rest does not wait.
LISTING_TRIES = 8


def check_reader(actor: Actor) -> None:
    """Raise `Refused` (403) for who may neither read the record nor handle incidents; before any look-up."""
    if not actor.may(ADMIN):
        actor.require(READ)


def may_shut_out(actor: Actor, user_id: str, name: str, *, is_last_admin: bool) -> Verdict:
    """Tell whether somebody may shut a person out: not themselves, nor the last who could let people in."""
    if actor.id == user_id:
        return Refuse(
            "own-account",
            "Not opened: this would shut you out yourself.",
            "Ask another admin, or the operator on the server, to open it.",
        )
    if is_last_admin:
        return Refuse(
            "last-admin",
            f"Not opened: {name} is the last active admin, and nobody could close it.",
            "Make somebody else an admin first: `nbkeep user role NAME admin`.",
        )
    return Allow()


def check_reason(reason: str) -> str:
    """Return a reason without white space around it; raise `Refused` (400) for none, or a very long one."""
    said = reason.strip()
    if not _REASON_MIN <= len(said) <= REASON_LENGTH:
        raise invalid(
            "reason",
            f"The reason has {len(said)} characters; {_REASON_MIN} to {REASON_LENGTH} are asked for.",
            "Say in a sentence what happened, such as the number of an alert.",
        )
    return said


def may_thaw_on_close(
    owner: str, *, is_active: bool, other: str | None, before: str | None, is_let_in: bool
) -> Verdict:
    """Tell whether a session may go on when its incident is closed: its user must be able to use it.

    `is_active`: now, after people were released; of who is not, every session is ended at once. `other`: the
    open incident that goes on shutting them out. `before`: how they were before this one did, None if it did
    not. `is_let_in`: whether closing lets them in.
    """
    if is_active:
        return Allow()
    end = "the sessions (`--sessions end`): what they hold is kept"
    if other is not None:
        remedy = f"Close {other} first, or end {end}."
    elif before is None:
        remedy = f"Let them in first (`nbkeep user enable {owner}`), or end {end}."
    elif before == "active" and not is_let_in:
        remedy = f"Let them in, too (`--let-in`), or end {end}."
    else:  # letting in gives back what was before; anything else has to wait until this one is closed
        remedy = f"End {end}. Then let them in: `nbkeep user enable {owner}`."
    return Refuse(
        "owner-shut-out",
        f"Not closed: {owner} stays shut out, so that no session of theirs can go on.",
        remedy,
    )


def try_again_after(tries: int) -> timedelta:
    """Return how long to wait after that many tries.

    >>> [try_again_after(tries).total_seconds() for tries in (1, 2, 3, 20)]
    [2.0, 4.0, 8.0, 300.0]
    """
    return timedelta(seconds=min(_LONGEST_S, _FIRST_S * 2.0 ** min(tries - 1, 20)))
