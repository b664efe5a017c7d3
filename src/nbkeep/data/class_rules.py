"""What classes of data take from sessions that carry them: read, shown, and changed by admins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.audit import events, journal
from nbkeep.egress.lists import edited, rules_of
from nbkeep.egress.policy import Narrowing, check_only, check_rules
from nbkeep.model.classification import CLASSIFICATIONS, PII, is_higher
from nbkeep.model.errors import Refused, invalid, not_found
from nbkeep.store.class_tables import ClassRulesRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

ADMIN = "admin:profiles"  # whoever writes rules of the network
SOURCE = "class "
FIELDS = ("public_internet", "egress_only", "egress_denylist")


def all_narrowings(tx: Tx, settings: Settings) -> dict[str, Narrowing]:
    """Return what each class takes, by class, the lowest first; also where it takes nothing."""
    rows = {row.classification: row for row in tx.scalars(select(ClassRulesRow))}
    return {name: _narrowing(settings, name, rows.get(name)) for name in CLASSIFICATIONS}


def narrowings_of(classification: str, known: Mapping[str, Narrowing]) -> tuple[Narrowing, ...]:
    """Return what holds for a session that carries a class: of that class and of all below it. Pure.

    One that is not known (another release may have written it) is above all; "" carries nothing.
    """
    if classification and classification not in known:
        return tuple(known.values())
    return tuple(one for name, one in known.items() if classification and not is_higher(name, classification))


def list_class_rules(tx: Tx, settings: Settings, actor: Actor) -> list[dict[str, Any]]:
    """Return all classes with their rules as the doors show them. For whoever may see profiles."""
    actor.require("profiles:read")
    return [_view(name, one) for name, one in all_narrowings(tx, settings).items()]


def set_class_rules(
    tx: Tx, clock: Clock, settings: Settings, actor: Actor, classification: str, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Change rules of a class; sessions that carry it, or a higher one, have them within a second.

    `wanted`: of `FIELDS`, lists as in profiles. Needs `admin:profiles`. Twice is safe. Raises `Refused`: 400
    for what is no rule, 404 for no class, 409 for what the setting `pii_closes_internet` keeps closed.
    """
    actor.require(ADMIN)
    if classification not in CLASSIFICATIONS:
        raise not_found("classification", classification[:60])
    row = tx.get(ClassRulesRow, classification)
    before = _narrowing(settings, classification, row)
    after = _read(settings, classification, before, wanted)
    old, new = _view(classification, before), _view(classification, after)
    changes = {name: [old[name], new[name]] for name in FIELDS if old[name] != new[name]}
    if not changes:
        return new
    if row is None:
        row = ClassRulesRow(classification=classification, closes_internet=False)
        tx.add(row)
    if "public_internet" in changes:  # what the setting closes is not written down as if an admin had
        row.closes_internet = after.closes_internet
    row.egress_only, row.egress_denylist = list(after.only), list(after.denylist)
    row.updated_at = clock.now()
    tx.flush()
    event = events.ClassRulesChanged(classification=classification, changes=changes)
    journal.append(tx, clock, actor, event)
    return new


def _read(settings: Settings, name: str, before: Narrowing, wanted: Mapping[str, Any]) -> Narrowing:
    for field in wanted:
        if field not in FIELDS:
            raise invalid("field", f"There is no field {field!r}.", f"Fields: {', '.join(FIELDS)}.")
    is_open = wanted.get("public_internet", not before.closes_internet)
    if not isinstance(is_open, bool):
        raise invalid("public_internet", f"{is_open!r:.60} is neither true nor false.")
    if is_open and is_closed_by_setting(settings, name):
        raise Refused(
            "closed-by-setting",
            "Personal data closes the public internet here (setting pii_closes_internet).",
            "Change it in config.toml, where who runs the platform decides that.",
            status=409,
        )
    only = _list(wanted, "egress_only", before.only)
    check_only("egress_only", only)
    denylist = _list(wanted, "egress_denylist", before.denylist)
    check_rules("egress_denylist", denylist)
    return Narrowing(before.source, not is_open, only, denylist)


def _list(wanted: Mapping[str, Any], field: str, before: tuple[str, ...]) -> tuple[str, ...]:
    return rules_of(edited(wanted[field], field, before), field) if field in wanted else before


def _narrowing(settings: Settings, name: str, row: ClassRulesRow | None) -> Narrowing:
    closes = is_closed_by_setting(settings, name)
    if row is None:
        return Narrowing(SOURCE + name, closes)
    return Narrowing(
        SOURCE + name, closes or row.closes_internet, tuple(row.egress_only), tuple(row.egress_denylist)
    )


def is_closed_by_setting(settings: Settings, name: str) -> bool:
    """Tell whether the platform's settings close the public internet for a class, whatever its rules are."""
    return name == PII and settings.pii_closes_internet


def _view(name: str, one: Narrowing) -> dict[str, Any]:
    return {
        "name": name,
        "public_internet": not one.closes_internet,
        "egress_only": list(one.only),
        "egress_denylist": list(one.denylist),
    }
