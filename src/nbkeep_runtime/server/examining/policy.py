"""What the office decided about saving and downloading in this session; pure.

The session's view tells under `leaving`, for each gate and each thing that may be found, what is decided, and
by the rule of which scope: `{"save": {"secret": {"decision": "deny", "scope": "everywhere"}, …}, …}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from nbkeep.model.gates import Decision, Found, Gate, strictest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_DECISIONS = frozenset(Decision)
LOOKED_FOR = (Found.SECRET, Found.PERSONAL, Found.UNREAD)
_FOUND_WORDS = {
    Found.SECRET: "secrets",
    Found.PERSONAL: "personal data",
    Found.UNREAD: "what could not be examined",
    Found.NOTHING: "everything",
}


@dataclass(frozen=True, slots=True)
class Because:
    """One reason of a judgement: what was found, what is decided about it, and at which scope."""

    found: Found
    decision: Decision
    scope: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What happens, and why."""

    decision: Decision
    because: tuple[Because, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """Whether it goes on as if nobody had looked."""
        return self.decision is Decision.ALLOW

    @property
    def words(self) -> str:
        """The policy in a sentence.

        >>> Judgement(Decision.DENY, (Because(Found.SECRET, Decision.DENY, "profile:lab"),)).words
        'The policy for secrets says deny (set for the profile lab).'
        """
        reasons = [one for one in self.because if one.decision is not Decision.ALLOW]
        if not reasons:
            return "The platform has not told what may leave; try again in a moment."
        return " ".join(
            f"The policy for {_FOUND_WORDS[one.found]} says {one.decision.value} ({_scope_words(one.scope)})."
            for one in reasons
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for the browser."""
        return {
            "decision": self.decision.value,
            "because": [
                {"found": one.found.value, "decision": one.decision.value, "scope": one.scope}
                for one in self.because
            ],
            "words": "" if self.is_allowed else self.words,
        }


def _scope_words(scope: str) -> str:
    kind, _, name = scope.partition(":")
    if kind == "downloads":
        return f"set by the profile {name}"
    if name:
        return f"set for the {kind} {name}"
    return "set for everything" if kind == "everywhere" else "the default"


def judge(view: Mapping[str, Any] | None, gate: Gate, found: Collection[Found]) -> Judgement:
    """Return the strictest of what is decided about each thing that was found.

    Before the office has answered once, a save goes on (nothing leaves by it), and a download does not.
    """
    leaving: Any = (view or {}).get("leaving")
    if not isinstance(leaving, dict):
        return Judgement(Decision.ALLOW if gate is Gate.SAVE else Decision.DENY)
    told: Any = cast("dict[str, Any]", leaving).get(gate.value)
    because = tuple(_said(told, one) for one in sorted(found, key=list(Found).index))
    return Judgement(strictest(one.decision for one in because), because)


def is_decided(view: Mapping[str, Any] | None, gate: Gate) -> Judgement | None:
    """Return the judgement where nothing need be examined for it: all that may be found comes to the same."""
    each = [judge(view, gate, [found]) for found in Found]
    if len({one.decision for one in each}) > 1:
        return None
    return judge(view, gate, [Found.NOTHING])


def _said(told: Any, found: Found) -> Because:
    decisions = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    one = decisions.get(found.value)
    said = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
    decision, scope = said.get("decision"), said.get("scope")
    # What cannot be understood is no leave.
    is_known = isinstance(decision, str) and decision in _DECISIONS
    decided = Decision(decision) if is_known else Decision.DENY
    return Because(found, decided, scope[:200] if isinstance(scope, str) else "")
