"""Policies as the doors show them: what is set, what the defaults are, and what decides for a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.model.errors import invalid
from nbkeep.model.gates import Found, Gate
from nbkeep.store.guard_tables import GatePolicyRow
from nbkeep.store.project_tables import ProjectRow
from nbkeep.store.tables import ProfileRow

from .change import find_scope
from .records import policies_for
from .rules import applies, decide, default_of, judge, may_loosen
from .values import ADMIN, EVERYWHERE, READ, Context
from .words import scope_words, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

    from .values import Because, Policies, Rule

_KINDS = (EVERYWHERE, "class", "profile", "project")
_GATES, _FOUND = tuple(Gate), tuple(Found)


def list_policies(tx: Tx, actor: Actor) -> list[dict[str, Any]]:
    """Return what is set: an entry for each scope and gate, the widest scopes first.

    For `admin:releases` and `audit:read`. `is_deleted`: of a profile that is deleted; its rules hold for what
    comes from it, until a new one has its name.
    """
    require_read(actor)
    projects = {one.id: one.name for one in tx.execute(select(ProjectRow.id, ProjectRow.name))}
    gone = set(tx.scalars(select(ProfileRow.name).where(ProfileRow.deleted_at.is_not(None))))
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in tx.scalars(select(GatePolicyRow)):
        name = projects.get(row.subject, row.subject) if row.kind == "project" else row.subject
        entry = found.setdefault(
            (row.kind, row.subject, row.gate),
            {
                "scope": f"{row.kind}:{name}" if name else row.kind,
                "kind": row.kind,
                "name": name,
                "words": scope_words(f"{row.kind}:{name}" if name else row.kind),
                "is_deleted": row.kind == "profile" and name in gone,
                "gate": row.gate,
                "decisions": {},
                "set_at": row.set_at.isoformat(),
                "set_by": row.set_by,
            },
        )
        entry["decisions"][row.found] = row.decision
        if row.set_at.isoformat() >= entry["set_at"]:
            entry["set_at"], entry["set_by"] = row.set_at.isoformat(), row.set_by
    for entry in found.values():
        entry["decisions"] = dict(sorted(entry["decisions"].items(), key=lambda one: _place(_FOUND, one[0])))
    return sorted(
        found.values(),
        key=lambda one: (_place(_KINDS, one["kind"]), one["name"], _place(_GATES, one["gate"])),
    )


def defaults() -> dict[str, dict[str, str]]:
    """Return what holds where nothing is set: {gate: {what is found: decision}}."""
    return {gate.value: {found.value: default_of(gate, found).value for found in Found} for gate in Gate}


def explain(
    tx: Tx,
    actor: Actor,
    gate: str,
    *,
    profile: str = "",
    projects: Sequence[str] = (),
    classification: str = "",
    found: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what happens at a gate to a document of this profile, these projects, this class, and why.

    `found`: what a scan would find; for none, each is decided by itself and there is no `decision`. For
    `admin:releases` and `audit:read`. Raises `Refused`: 400 for words that are none, 404 for what is not
    there.
    """
    require_read(actor)
    if gate not in _GATES:
        raise invalid("gate", f"There is no gate {gate[:60]!r}.", f"Gates: {', '.join(Gate)}.")
    for word in found:
        if word not in _FOUND:
            raise invalid("found", f"Nothing is found that is called {word[:60]!r}.",
                          f"What can be found: {', '.join(Found)}.")  # fmt: skip
    named = [find_scope(tx, project=one).name for one in projects]
    if profile:
        find_scope(tx, profile=profile, deleted=True)
    if classification:
        find_scope(tx, classification=classification)
    context, at = Context(profile, tuple(sorted(set(named))), classification), Gate(gate)
    policies = policies_for(tx, context)
    kinds = [Found(word) for word in found]
    judged = judge(policies, at, kinds)
    because = judged.because if kinds else tuple(decide(policies, at, one) for one in Found)
    return {
        "gate": gate,
        "profile": profile,
        "projects": list(context.projects),
        "classification": classification,
        "decision": judged.decision.value if kinds else None,
        "words": sentence(judged, at) if kinds else "",
        "because": [_because(one) for one in because],
        "rules": _rules(policies, at, kinds or list(Found)),
    }


def scope_names(tx: Tx, actor: Actor) -> dict[str, list[str]]:
    """Return the names of profiles and projects for which something can be set; for who may see policies."""
    require_read(actor)
    profiles = select(ProfileRow.name).where(ProfileRow.deleted_at.is_(None)).order_by(ProfileRow.name)
    projects = select(ProjectRow.name).where(ProjectRow.archived_at.is_(None)).order_by(ProjectRow.name)
    return {"profiles": list(tx.scalars(profiles)), "projects": list(tx.scalars(projects))}


def require_read(actor: Actor) -> None:
    """Raise `Refused` (403) for who may see no policies."""
    if not actor.may(ADMIN):
        actor.require(READ)


def _because(one: Because) -> dict[str, str]:
    return {
        "found": one.found.value,
        "decision": one.decision.value,
        "scope": one.scope,
        "words": scope_words(one.scope),
    }


def _rules(policies: Policies, gate: Gate, kinds: Sequence[Found]) -> list[dict[str, Any]]:
    """Return all rules that were asked, those that tighten only marked as such."""

    def is_asked(rule: Rule) -> bool:
        return (
            rule.gate is gate
            and (rule.found in kinds or rule.found is Found.NOTHING)
            and applies(rule.scope, policies.context)
        )

    return [
        {
            "scope": rule.scope,
            "words": scope_words(rule.scope),
            "found": rule.found.value,
            "decision": rule.decision.value,
            "may_loosen": may_loosen(rule.scope, policies.context),
        }
        for rule in policies.rules
        if is_asked(rule)
    ]


def _place(order: Sequence[str], word: str) -> int:
    return order.index(word) if word in order else len(order)
