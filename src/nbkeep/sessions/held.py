"""What an incident holds neither goes on nor ends until an admin has closed it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.verdict import Refuse

if TYPE_CHECKING:
    from nbkeep.store.tables import SessionRow

HELD = "session-held"


def held_words(incident_id: str) -> str:
    """Return what a session's user is told; why it is held is for those who look into it."""
    return f"an admin has frozen this session because of a security incident ({incident_id})"


def about_hold(row: SessionRow, denied: str) -> Refuse | None:
    """Return why nothing happens to a held session, or None. `denied`: such as "Not stopped"."""
    if row.held_by is None:
        return None
    return Refuse(
        HELD,
        f"{denied}: {held_words(row.held_by)}.",
        "Its files and memory are kept as they are. Ask an admin: it goes on when the incident is closed.",
    )


def require_free(row: SessionRow, denied: str) -> None:
    """Raise `Refused` (409) for a session that an incident holds."""
    refusal = about_hold(row, denied)
    if refusal is not None:
        raise refusal.as_error(409)
