"""What becomes of a push, and who decides about one that is held: values in, verdict out."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING

from nbkeep.model.verdict import Allow, Refuse, Verdict

from .values import State

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor

    from .receive import Pushed

ASK, REVIEW, ADMIN = "releases", "reviews", "admin:releases"
MOST_WAITING = 20
MOST_TRIES = 3
"""To examine a push, while rules change: so often its author can wait."""
LAPSES = timedelta(days=14)
"""Of what nobody decides; and for so long an answer holds for the same push."""
_UNHEARD = frozenset({"quiet"})  # how much a terminal shows
_NO = (State.DENIED, State.SENT_BACK)


def fingerprint(repository: str, pushed: Pushed, objects: str) -> str:
    """Return what an approval is for: exactly these objects, ids, refs and options, to that repository.

    Also what git says beside them: nobody but the forge reads it.
    """
    commands = sorted((one.ref, one.old, one.new) for one in pushed.commands)
    beside = [sorted(pushed.capabilities - _UNHEARD), sorted(pushed.shallow)]
    said = json.dumps([repository, commands, objects, list(pushed.options), beside])
    return hashlib.sha256(said.encode()).hexdigest()


def state_now(state: str, now: datetime, requested_at: datetime, lapses_at: datetime | None) -> State:
    """Return where a push stands: what is not pushed again, or not decided, in time is over at its moment."""
    found = State(state)
    is_late = found is State.WAITING and requested_at + LAPSES <= now
    return (
        State.LAPSED
        if is_late or (found is State.APPROVED and (lapses_at is None or lapses_at <= now))
        else found
    )


def still_answers(state: State, now: datetime, decided_at: datetime | None) -> bool:
    """Tell whether a reviewer's no still holds for the same push: it is not asked for again and again."""
    return state in _NO and decided_at is not None and decided_at + LAPSES > now


def may_see(actor: Actor, *, is_author: bool) -> bool:
    """Tell whether somebody is told of a push that is held: its author, reviewers, who looks after all."""
    return actor.may(ADMIN) or actor.may(REVIEW) or (is_author and actor.may(ASK))


def may_review(actor: Actor, *, is_author: bool) -> Verdict:
    """Tell whether somebody who sees a push may decide about it: two people agree on what leaves."""
    if is_author:
        return Refuse("self-review", "Nobody reviews what they push themselves.", "Another reviewer does.")
    if not actor.may(REVIEW):
        return Refuse("not-a-reviewer", "You cannot decide about this.", "Reviewers do. Wait for one.")
    return Allow()
