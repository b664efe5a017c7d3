"""How long a session is and was frozen, and until when. No I/O."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nbkeep.settings import Settings
    from nbkeep.store.tables import SessionRow


def begin_freeze(row: SessionRow, now: datetime) -> None:
    """Note that a session computes nothing from now on."""
    row.frozen_at, row.freeze_asked_at = now, None


def end_freeze(row: SessionRow, now: datetime) -> float:
    """Note that a session goes on, or ends; return how many seconds it was frozen. Twice is safe."""
    spell_s = _spell_s(row, now)
    row.frozen_s = (row.frozen_s or 0.0) + spell_s
    row.frozen_at = row.freeze_asked_at = None
    return spell_s


def frozen_s(row: SessionRow, now: datetime) -> float:
    """Return for how many seconds of its run a session was frozen: they cost nothing."""
    return (row.frozen_s or 0.0) + _spell_s(row, now)


def frozen_until(settings: Settings, row: SessionRow) -> datetime | None:
    """Return when a frozen session is suspended, or None when it is not frozen."""
    if row.frozen_at is None or row.held_by is not None:
        return None
    until = row.frozen_at + timedelta(seconds=rest_s(settings, row.profile))
    return min(until, row.ends_at) if row.ends_at else until


def rest_s(settings: Settings, profile: Mapping[str, Any]) -> int:
    """Return for how many seconds idle sessions of a profile are frozen first; 0: never."""
    own = profile.get("frozen_s")
    return settings.frozen_s if own is None else int(own)


def _spell_s(row: SessionRow, now: datetime) -> float:
    return max(0.0, (now - row.frozen_at).total_seconds()) if row.frozen_at else 0.0
