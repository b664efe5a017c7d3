"""The words of this room: states of a push that is held, and what an examination tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from nbkeep.rendering.interface import Made


class State(StrEnum):
    """Where a push that needs a review is. The first three are open, the others are ends."""

    WAITING = "waiting"
    APPROVED = "approved"
    """It passes once, when its author pushes the same again in time."""
    SENDING = "sending"
    """It passes at this moment. The approval is used up, unless the forge is known not to have taken it."""
    PUSHED = "pushed"
    DENIED = "denied"
    SENT_BACK = "sent-back"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """Nobody decided, or its author did not push again, in time."""


OPEN = (State.WAITING, State.APPROVED, State.SENDING)


class Page(TypedDict):
    """What a reviewer is shown: commits and files, values masked."""

    commits: list[dict[str, Any]]
    files: list[dict[str, Any]]


@dataclass
class Examined:
    """What is in a push. `made.problem`: why it was not read, a sentence; then all else is empty.

    `objects`: a hash of the ids of all that its pack holds. `refs`: the address and the names of refs, as
    they can be shown. `more`: findings that `made` has not. `has_page`: whether `page` was made.
    """

    made: Made
    objects: str = ""
    refs: list[str] = field(default_factory=list[str])
    more: int = 0
    commits: int = 0
    files: int = 0
    page: Page = field(default_factory=lambda: Page(commits=[], files=[]))
    has_page: bool = True


@dataclass(frozen=True)
class Answer:
    """What becomes of a push. `lines`: what git shows to its author; `why`: the same in a few words.

    `passed_at`: names this pass by an approval (ISO 8601), of which the office is to be told what came of it.
    """

    passes: bool
    why: str = ""
    lines: tuple[str, ...] = ()
    push_id: str = ""
    passed_at: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as the gateway is told."""
        return {
            "passes": self.passes,
            "why": self.why,
            "lines": list(self.lines),
            "push_id": self.push_id,
            "passed_at": self.passed_at,
        }
