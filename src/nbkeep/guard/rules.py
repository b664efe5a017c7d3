"""What happens to a document at a gate. Policies and what was found in; a judgement out.

The strictest of what is set holds. The default holds where nothing is set that may stand in its place: rules
for everything, of the profile and of the document's own class may. Rules of projects and of lower classes
only tighten: leads choose who is in a project, and what is let out of a lower class says nothing of a higher
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.classification import CLASSIFICATIONS, is_higher
from nbkeep.model.gates import Decision, Found, Gate, strictest

from .values import (
    CLASS,
    DEFAULT,
    DOWNLOADS,
    EVERYWHERE,
    PROFILE,
    PROJECT,
    SENDING,
    TAKING,
    Because,
    Judgement,
    Rule,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from .values import Context, Policies

# The widest first: of two rules that say the same, this one is named.
_WIDEST = (EVERYWHERE, CLASS, PROFILE, DOWNLOADS, PROJECT)
_ORDER = tuple(Decision)


def judge(policies: Policies, gate: Gate, found: Collection[Found]) -> Judgement:
    """Return what happens at a gate to a document in which this was found.

    No result of a scan means no: for an empty `found` it is `DENY`. What was found is never judged more
    mildly than nothing is.
    """
    because = tuple(decide(policies, gate, one) for one in Found if one in found)
    return Judgement(strictest(one.decision for one in because), because)


def decide(policies: Policies, gate: Gate, found: Found) -> Because:
    """Return what one thing that was found means at a gate, and by whose rule."""
    own = _decide(policies, gate, found)
    if found is Found.NOTHING:
        return own
    # What holds for a document without a finding holds for every one.
    clean = _decide(policies, gate, Found.NOTHING)
    return own if _is_stricter_or_same(own.decision, clean.decision) else _for(found, clean)


def strictest_of(judgements: Sequence[Judgement]) -> Judgement:
    """Return what holds for a document of several places: for each thing that was found the strictest.

    No judgement at all is `DENY`. A rule loosens something only where it does so for all of them.
    """
    because = tuple(
        max(all_of, key=lambda one: _ORDER.index(one.decision))
        for kind in Found
        if (all_of := [one for each in judgements for one in each.because if one.found is kind])
    )
    return Judgement(strictest(each.decision for each in judgements), because)


def default_of(gate: Gate, found: Found) -> Decision:
    """Return what holds where nothing is set.

    >>> default_of(Gate.EXPORT, Found.SECRET).value, default_of(Gate.SAVE, Found.SECRET).value
    ('review', 'allow')
    """
    if gate in {Gate.SAVE, Gate.DOWNLOAD, *SENDING} or found is Found.NOTHING:
        return Decision.ALLOW
    return Decision.REVIEW


def choices(gate: Gate, found: Found) -> tuple[Decision, ...]:
    """Return what may be decided, the mildest first.

    Nobody reviews what is saved, and what is not saved at all is lost; what was not read, and what was not
    found, cannot be redacted. A program that uploads waits for nobody's review, and commits are not redacted.
    """
    if gate is Gate.SAVE:
        return (Decision.ALLOW,) if found is Found.NOTHING else (Decision.ALLOW, Decision.DENY)
    if gate is Gate.UPLOAD:
        return (Decision.ALLOW, Decision.DENY)
    if gate is Gate.PUSH:
        return (Decision.ALLOW, Decision.REVIEW, Decision.DENY)
    if found in {Found.UNREAD, Found.NOTHING}:
        return (Decision.ALLOW, Decision.REVIEW, Decision.DENY)
    return tuple(Decision)


def read_decision(word: str, gate: Gate, found: Found) -> Decision:
    """Return the decision that a kept word means: the next stricter choice, and `DENY` for unknown words.

    >>> read_decision("redact", Gate.EXPORT, Found.UNREAD).value
    'review'
    >>> read_decision("ask-nicely", Gate.EXPORT, Found.NOTHING).value
    'deny'
    """
    if word not in _ORDER:
        return Decision.DENY
    told = Decision(word)
    return next((one for one in choices(gate, found) if _is_stricter_or_same(one, told)), Decision.DENY)


def applies(scope: str, context: Context) -> bool:
    """Tell whether rules of a scope bear on a context. A scope that is not known bears on all."""
    if scope == EVERYWHERE:
        return True
    if scope.startswith((PROFILE, DOWNLOADS)):
        return scope.partition(":")[2] == context.profile
    if scope.startswith(PROJECT):
        return scope.removeprefix(PROJECT) in context.projects
    if scope.startswith(CLASS):
        carried = context.classification
        if carried and carried not in CLASSIFICATIONS:  # another release wrote it: it is above all
            return True
        return bool(carried) and not is_higher(scope.removeprefix(CLASS), carried)
    return True


def may_loosen(scope: str, context: Context) -> bool:
    """Tell whether a rule of a scope stands in the place of the default; the others tighten it only."""
    if scope == CLASS + context.classification:
        return context.classification in CLASSIFICATIONS
    return scope == EVERYWHERE or scope.startswith(PROFILE)


def rules_of_downloads(profile: str, word: str) -> tuple[Rule, ...]:
    """Return what the field `downloads` of a profile says; an unknown word is `deny`.

    `allow` says nothing. `review`: what was found, and what could not be read, is reviewed. `deny`: nothing
    is downloaded. It is for both gates by which an author takes the file themselves: an export in the form
    original is the same bytes.
    """
    if word == Decision.ALLOW:
        return ()
    kinds: Iterable[Found] = Found
    decision = Decision.DENY
    if word == Decision.REVIEW:
        decision, kinds = Decision.REVIEW, (Found.SECRET, Found.PERSONAL, Found.UNREAD)
    return tuple(Rule(DOWNLOADS + profile, gate, kind, decision) for gate in TAKING for kind in kinds)


def _decide(policies: Policies, gate: Gate, found: Found) -> Because:
    context = policies.context
    held = [
        rule
        for rule in policies.rules
        if rule.gate is gate and rule.found is found and applies(rule.scope, context)
    ]
    said = [
        Because(found, rule.decision, rule.scope) for rule in sorted(held, key=lambda one: _width(one.scope))
    ]
    if not any(may_loosen(rule.scope, context) for rule in held):
        default = Because(found, default_of(gate, found), DEFAULT)
        said.append(default)
    return max(said, key=lambda one: _ORDER.index(one.decision))


def _for(found: Found, one: Because) -> Because:
    return Because(found, one.decision, one.scope)


def _width(scope: str) -> tuple[int, str]:
    at = next((index for index, kind in enumerate(_WIDEST) if scope.startswith(kind)), len(_WIDEST))
    return at, scope


def _is_stricter_or_same(one: Decision, other: Decision) -> bool:
    return _ORDER.index(one) >= _ORDER.index(other)
