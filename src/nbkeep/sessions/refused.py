"""Puts on record that somebody was not given a session, and by which rule."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from nbkeep.model.errors import Refused

    from .interface import Parts


def record_refusal(
    parts: Parts, actor: Actor, refusal: Refused, *, user: str, profile: str, session_id: str | None = None
) -> None:
    """Record a refusal in a transaction of its own. It stands even when it cannot be: nothing was started."""
    with contextlib.suppress(Unavailable), parts.store.write() as tx:
        journal.append(
            tx,
            parts.clock,
            actor,
            events.SessionRefused(
                session_id=session_id,
                user=user[:60],
                profile=profile[:40],
                code=refusal.code,
                message=refusal.message,
            ),
        )
