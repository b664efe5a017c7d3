"""What the browser's person asked for and was granted of one kind of thing, for the page that lists it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.grants.records import LIMIT_MAX, list_grants
from nbkeep.grants.values import State
from nbkeep.grants.view import grant_view

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.store.database import Tx

    from .browser import Browser


def standings(tx: Tx, office: Office, browser: Browser, kind: str) -> dict[str, list[dict[str, Any]]]:
    """Return by name what the person has of each now: what is open until when, and what waits."""
    now, actor = office.clock.now(), browser.actor
    found: dict[str, list[dict[str, Any]]] = {}
    for state in (State.GRANTED, State.REQUESTED):
        for row, user in list_grants(tx, actor, now, state=state.value, mine=True, limit=LIMIT_MAX).items:
            if row.kind == kind:
                view = grant_view(actor, office.settings, now, row, user)
                found.setdefault(row.subject, []).append(view)
    return found
