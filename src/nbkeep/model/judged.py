"""What was decided elsewhere about what is found, as it is told to those who let things out or not; pure.

The office decides for each gate and each thing that may be found, and tells the decision with the scope of
the rule that says so: `{"secret": {"decision": "deny", "scope": "everywhere"}, "personal": …, …}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .gates import Decision, Found, strictest

if TYPE_CHECKING:
    from collections.abc import Collection

_DECISIONS = frozenset(Decision)
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

    def as_json(self) -> dict[str, Any]:
        """Return it for the browser; `whose`: the rule, in words."""
        return {
            "found": self.found.value,
            "decision": self.decision.value,
            "scope": self.scope,
            "whose": _scope_words(self.scope),
        }


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
            "because": [one.as_json() for one in self.because],
            "words": "" if self.is_allowed else self.words,
        }


def _scope_words(scope: str) -> str:
    kind, _, name = scope.partition(":")
    if kind == "quarantine":
        return "nothing leaves a session in quarantine"
    if kind == "downloads":
        return f"set by the profile {name}"
    if name:
        return f"set for the {kind} {name}"
    return "set for everything" if kind == "everywhere" else "the default"


def judge_told(told: Any, found: Collection[Found]) -> Judgement:
    """Return the strictest of what is told of a gate about each thing that was found; `DENY` for none."""
    because = tuple(said(told, one) for one in sorted(found, key=list(Found).index))
    return Judgement(strictest(one.decision for one in because), because)


def is_all_allowed(told: Any) -> bool:
    """Whether nothing needs to be looked for at a gate: all that may be found may leave."""
    return all(said(told, one).decision is Decision.ALLOW for one in Found)


def said(told: Any, found: Found) -> Because:
    """Return what is told of a gate about one thing that was found; what cannot be understood is `DENY`."""
    decisions = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    one = decisions.get(found.value)
    words = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
    decision, scope = words.get("decision"), words.get("scope")
    is_known = isinstance(decision, str) and decision in _DECISIONS
    decided = Decision(decision) if is_known else Decision.DENY
    return Because(found, decided, scope[:200] if isinstance(scope, str) else "")
