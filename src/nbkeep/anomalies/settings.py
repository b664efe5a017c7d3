"""How alarms are set: read by everybody who sees alarms, changed by admins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.model.errors import invalid, not_found
from nbkeep.model.money import parse_microcents, price_words
from nbkeep.model.units import exact_size, format_duration, parse_duration_s, parse_size_bytes
from nbkeep.store.alarm_tables import AlarmRuleRow

from .rules import words
from .values import ADMIN, KINDS, READ, USUAL, Kind, Rule

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

MOST_TOKENS = 10**15
_MOST_MICROCENTS = 10**17
_LEAST_FACTOR, _MOST_FACTOR = 1.1, 1000.0


def rules(tx: Tx) -> dict[Kind, Rule]:
    """Return how each kind is set."""
    found = dict(USUAL)
    for row in tx.scalars(select(AlarmRuleRow)):
        if row.kind in found:
            found[row.kind] = Rule(row.kind, row.least, row.factor_percent, row.enabled)
    return found


def list_rules(tx: Tx, actor: Actor, currency: str) -> list[dict[str, Any]]:
    """Return how each kind is set, for the doors. Needs `audit:read`."""
    actor.require(READ)
    changed = {row.kind: row for row in tx.scalars(select(AlarmRuleRow))}
    return [_view(rule, changed.get(kind), currency) for kind, rule in rules(tx).items()]


def set_rule(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    kind: str,
    currency: str,
    *,
    least: str | None = None,
    factor: float | None = None,
    enabled: bool | None = None,
) -> dict[str, Any]:
    """Set what is given of one kind, and leave the rest. Raises `Refused` (400, 403, 404). Twice is safe.

    `least` is an amount as people write it: 50 (of the currency), 2GiB, 5000000 (tokens), 3h.
    """
    actor.require(ADMIN)
    if kind not in KINDS:
        raise not_found("alarm", kind)
    old = rules(tx)[kind]
    rule = old
    if least is not None:
        rule = replace(rule, least=_least(kind, least))
    if factor is not None:
        if kind == "gpu-idle":
            raise invalid("factor", "Idle GPUs are compared with nothing usual.", "Leave the factor out.")
        if not _LEAST_FACTOR <= factor <= _MOST_FACTOR:
            raise invalid("factor", f"{factor:g} is out of range for a factor.",
                          f"Give {_LEAST_FACTOR} to {_MOST_FACTOR:g}.")  # fmt: skip
        rule = replace(rule, factor_percent=round(factor * 100))
    if enabled is not None:
        rule = replace(rule, enabled=enabled)
    row = tx.get(AlarmRuleRow, kind)
    if rule != old:
        if row is None:
            row = AlarmRuleRow(kind=kind)
            tx.add(row)
        row.least, row.factor_percent, row.enabled = rule.least, rule.factor_percent, rule.enabled
        row.changed_at, row.changed_by = clock.now(), actor.name
        tx.flush()
        event = events.AlarmRuleSet(
            kind=kind, enabled=rule.enabled, least=words(rule.kind, rule.least, currency),
            factor=f"{rule.factor_percent / 100:g}",
        )  # fmt: skip
        journal.append(tx, clock, actor, event)
    return _view(rule, row, currency)


def _least(kind: Kind, text: str) -> int:
    if kind == "spend":
        return parse_microcents(text, "least", _MOST_MICROCENTS)
    if kind == "egress":
        return parse_size_bytes(text, "least")
    if kind == "gpu-idle":
        return parse_duration_s(text, "least")
    digits = text.strip().replace(",", "").replace("_", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MOST_TOKENS))):
        raise invalid("least", f"{text[:40]!r} is not a number of tokens.", "Write it like 5000000.")
    return min(int(digits), MOST_TOKENS)


def _written(rule: Rule) -> str:
    """Return the least amount as `set_rule` reads it back."""
    match rule.kind:
        case "spend":
            return price_words(rule.least)
        case "egress":
            return exact_size(rule.least)
        case "gpu-idle":
            return format_duration(rule.least)
        case "tokens":
            return str(rule.least)


def _view(rule: Rule, row: AlarmRuleRow | None, currency: str) -> dict[str, Any]:
    return {
        "kind": rule.kind,
        "enabled": rule.enabled,
        "least": _written(rule),
        "least_words": words(rule.kind, rule.least, currency),
        "factor": None if rule.kind == "gpu-idle" else rule.factor_percent / 100,
        "changed_at": row.changed_at.isoformat() if row else None,
        "changed_by": row.changed_by if row else "",
    }
