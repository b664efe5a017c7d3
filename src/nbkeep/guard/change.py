"""Set and unset what may leave. Each is one transaction with its audit records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.classification import CLASSIFICATIONS
from nbkeep.model.errors import invalid, not_found
from nbkeep.model.gates import Decision, Found, Gate
from nbkeep.store.guard_tables import GatePolicyRow
from nbkeep.store.project_tables import ProjectRow
from nbkeep.store.tables import ProfileRow

from .rules import choices, default_of
from .values import ADMIN, ALL, CLASS, EVERYWHERE, PROFILE, PROJECT, WAYS_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx


@dataclass(frozen=True)
class Scope:
    """What a policy is for: how that is kept (`kind`, `subject`), and its name, "" for everything."""

    kind: str
    subject: str
    name: str

    @property
    def text(self) -> str:
        """It as it is written: everywhere, profile:NAME, project:NAME, class:NAME."""
        return f"{self.kind}:{self.name}" if self.name else self.kind


EVERYTHING = Scope(EVERYWHERE, "", "")


def find_scope(
    tx: Tx,
    *,
    profile: str | None = None,
    project: str | None = None,
    classification: str | None = None,
    deleted: bool = False,
) -> Scope:
    """Return the scope that is named, everything for none; ask only for who may know what there is.

    `deleted`: a profile that is deleted will do, as its rules hold on. Raises `Refused`: 400 for more than
    one, 404 where there is none of that name.
    """
    named = [one for one in (profile, project, classification) if one is not None]
    if len(named) > 1:
        raise invalid("scope", "A policy is for one profile, one project, one class, or for everything.",
                      "Name one of them at a time: of all that apply, the strictest holds.")  # fmt: skip
    if profile is not None:
        row = tx.get(ProfileRow, profile)
        if row is None or (row.deleted_at is not None and not deleted):
            raise not_found("profile", profile[:60])
        return Scope("profile", row.name, row.name)
    if project is not None:
        there = select(ProjectRow).where(ProjectRow.name == project, ProjectRow.archived_at.is_(None))
        found = tx.scalar(there)
        if found is None:
            raise not_found("project", project[:60])
        return Scope("project", found.id, found.name)
    if classification is not None:
        if classification not in CLASSIFICATIONS:
            raise not_found("classification", classification[:60])
        return Scope("class", classification, classification)
    return EVERYTHING


def scope_from(tx: Tx, text: str, *, deleted: bool = False) -> Scope:
    """Return the scope that is written so: everywhere, profile:NAME, project:NAME, class:NAME.

    Raises `Refused`: 400, and 404 as `find_scope` does.
    """
    if text == EVERYWHERE:
        return EVERYTHING
    for prefix, field in ((PROFILE, "profile"), (PROJECT, "project"), (CLASS, "classification")):
        if text.startswith(prefix):
            return find_scope(tx, deleted=deleted, **{field: text.removeprefix(prefix)})
    raise invalid("scope", f"{text[:60]!r} is no scope of policies.",
                  "Write everywhere, profile:NAME, project:NAME or class:NAME.")  # fmt: skip


def set_policy(
    tx: Tx, clock: Clock, actor: Actor, scope: Scope, gates: Sequence[str], wanted: Mapping[str, str]
) -> list[str]:
    """Decide, at a scope, what happens at gates to what is found; return what is worth knowing, as sentences.

    `gates`: words of `Gate`, or `all` for all ways out. `wanted`: {word of `Found`: word of `Decision`}; what
    it does not name stays. Holds from the next question on. Needs `admin:releases`. Twice is safe: nothing
    is recorded the second time. Raises `Refused` (400).
    """
    actor.require(ADMIN)
    decisions = {_found_of(name): word for name, word in wanted.items()}
    if not decisions:
        raise invalid("policy", "It says nothing of what is found.",
                      f"Say what happens to {', '.join(Found)}: for example secret: review.")  # fmt: skip
    read = {
        (gate, found): _decision_of(gate, found, word)
        for gate in read_gates(gates)
        for found, word in decisions.items()
    }
    rows = _rows(tx, scope)
    for gate in dict.fromkeys(gate for gate, _ in read):
        changes: dict[str, list[str | None]] = {}
        for found in decisions:
            row, decision = rows.get((gate, found)), read[gate, found]
            if row is not None and row.decision == decision:
                continue
            changes[found.value] = [row.decision if row is not None else None, decision.value]
            if row is None:
                row = GatePolicyRow(
                    kind=scope.kind, subject=scope.subject, gate=gate.value, found=found.value
                )
                tx.add(row)
            row.decision, row.set_at, row.set_by = decision.value, clock.now(), actor.name
        if changes:
            tx.flush()
            event = events.PolicySet(scope=scope.text, gate=gate.value, decisions=changes)
            journal.append(tx, clock, actor, event)
    return _notes(scope, read)


def unset_policy(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    scope: Scope,
    gates: Sequence[str] = (),
    found: Sequence[str] = (),
) -> int:
    """Take away what is set at a scope, and return how many decisions that were.

    `gates`, `found`: of these alone; all of them for none. Needs `admin:releases`. Twice is safe. Raises
    `Refused` (400) for words that are none.
    """
    actor.require(ADMIN)
    of_gates = read_gates(gates) if gates else tuple(Gate)
    of_found = [_found_of(name) for name in found] or list(Found)
    words = {(gate.value, kind.value) for gate in of_gates for kind in of_found}
    # What another release wrote goes with everything, though it has no name here.
    whole = not gates and not found
    return _take(tx, clock, actor, scope, "", lambda row: whole or (row.gate, row.found) in words)


def forget_profile(tx: Tx, clock: Clock, actor: Actor, name: str) -> None:
    """Take away what was set for an earlier profile of a name, because a new one has it. Whoever asks."""
    _take(tx, clock, actor, Scope("profile", name, name), "a new profile has this name", lambda _: True)


def forget_project(tx: Tx, clock: Clock, actor: Actor, project_id: str, name: str) -> None:
    """Take away what is set for a project that is removed. Whoever asks."""
    _take(tx, clock, actor, Scope("project", project_id, name), "the project was removed", lambda _: True)


def read_gates(words: Sequence[str]) -> tuple[Gate, ...]:
    """Return the gates of these words, each once; `all` for `WAYS_OUT`. Raises `Refused` (400)."""
    named: dict[Gate, None] = {}
    for word in words:
        if word != ALL and word not in tuple(Gate):
            raise invalid("gate", f"There is no gate {word[:60]!r}.", f"Gates: {', '.join(Gate)}; or all.")
        named |= dict.fromkeys(WAYS_OUT if word == ALL else (Gate(word),))
    if not named:
        raise invalid(
            "gate", "It names no gate.", f"Gates: {', '.join(Gate)}; or all, for {', '.join(WAYS_OUT)}."
        )
    return tuple(named)


def _found_of(word: str) -> Found:
    if word not in tuple(Found):
        raise invalid("found", f"Nothing is found that is called {word[:60]!r}.",
                      f"What can be found: {', '.join(Found)}.")  # fmt: skip
    return Found(word)


def _decision_of(gate: Gate, found: Found, word: str) -> Decision:
    may = choices(gate, found)
    if word in may:
        return Decision(word)
    remedy = f"For {gate} and {found} set {' or '.join(may)}."
    if word not in tuple(Decision):
        raise invalid(found.value, f"{word[:60]!r} is no decision.", remedy)
    if gate is Gate.SAVE:
        why = "What is saved is neither redacted nor reviewed: a copy with findings is kept apart, or not."
        if found is Found.NOTHING:
            why = "Where nothing is found, it is saved."
    elif gate is Gate.UPLOAD:
        why = "A program that sends something waits for no review, and what it signed cannot be redacted."
    elif gate is Gate.PUSH:
        why = "Commits are known by their hashes: what is redacted is another commit."
    elif found is Found.UNREAD:
        why = "What could not be read cannot be redacted."
    else:
        why = "Where nothing is found there is nothing to redact."
    raise invalid(found.value, why, remedy)


def _notes(scope: Scope, read: Mapping[tuple[Gate, Found], Decision]) -> list[str]:
    """Return what looks as if it loosened something and does not."""
    if scope.kind in {EVERYWHERE, "profile"} or scope.subject == CLASSIFICATIONS[-1]:
        return []
    order = tuple(Decision)
    milder = [
        f"{gate} of {found}"
        for (gate, found), decision in read.items()
        if order.index(decision) < order.index(default_of(gate, found))
    ]
    if not milder:
        return []
    what = ", ".join(milder)
    if scope.kind == "class":
        return [f"For classes above {scope.name} the default stays, as it is stricter: {what}."]
    return [f"Rules of projects only tighten. The default is stricter, and holds: {what}."]


def _rows(tx: Tx, scope: Scope) -> dict[tuple[str, str], GatePolicyRow]:
    query = select(GatePolicyRow).where(
        GatePolicyRow.kind == scope.kind, GatePolicyRow.subject == scope.subject
    )
    return {(row.gate, row.found): row for row in tx.scalars(query)}


def _take(
    tx: Tx, clock: Clock, actor: Actor, scope: Scope, why: str, is_meant: Callable[[GatePolicyRow], bool]
) -> int:
    taken: dict[str, dict[str, str]] = {}
    for (gate, found), row in sorted(_rows(tx, scope).items()):
        if is_meant(row):
            taken.setdefault(gate, {})[found] = row.decision
            tx.delete(row)
    tx.flush()
    for gate, decisions in taken.items():
        event = events.PolicyUnset(scope=scope.text, gate=gate, decisions=decisions, why=why)
        journal.append(tx, clock, actor, event)
    return sum(len(decisions) for decisions in taken.values())
