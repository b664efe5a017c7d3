"""Which rules of the organisation hold now."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.store.detection_tables import OwnRulesRow

from .values import ADMIN, NONE, READ, OwnRules

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx

NAME = "organisation"


def own_rules(tx: Tx) -> OwnRules:
    """Return the rules by which every document is examined now, beside the built-in ones."""
    row = tx.get(OwnRulesRow, NAME)
    return OwnRules(row.text, row.sha256) if row is not None else NONE


def own_rules_sha256(tx: Tx) -> str:
    """Return the SHA-256 of these rules, "" for none: sessions and gateways are told it, and ask for them."""
    # Without their text: it is asked for all the time.
    return tx.scalar(select(OwnRulesRow.sha256).where(OwnRulesRow.name == NAME)) or ""


def told(rules: OwnRules) -> dict[str, str]:
    """Return rules as JSON, as sessions and gateways are told them."""
    return {"sha256": rules.sha256, "text": rules.text}


def show_rules(tx: Tx, actor: Actor) -> dict[str, Any]:
    """Return the rules with their text, and who set them when; for `admin:releases` and `audit:read`.

    `is_set` is false, and the rest empty, where there are none.
    """
    if not actor.may(ADMIN):
        actor.require(READ)
    row = tx.get(OwnRulesRow, NAME)
    if row is None:
        return {"is_set": False, "sha256": "", "rules": [], "text": "", "set_at": None, "set_by": ""}
    return {
        "is_set": True,
        "sha256": row.sha256,
        "rules": row.rules,
        "text": row.text,
        "set_at": row.set_at.isoformat(),
        "set_by": row.set_by,
    }


def hash_of(text: str) -> str:
    """Return the SHA-256 of rules, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
