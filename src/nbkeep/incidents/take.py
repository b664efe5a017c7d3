"""Take a copy of an incident's evidence: on record before the first byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused

from .evidence import path_of
from .records import get_incident
from .rules import check_reader

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.model.actor import Actor
    from nbkeep.sessions.interface import Parts


def take_evidence(parts: Parts, actor: Actor, incident_id: str) -> Path:
    """Return where an incident's evidence lies, and record who takes it. Needs `audit:read`.

    Raises `Refused`: 404 for no such incident, 409 while it is not written yet, or is not there any more.
    """
    check_reader(actor)
    with parts.store.write() as tx:
        row = get_incident(tx, incident_id)
        if row.evidence is None:
            raise Refused(
                "evidence-not-yet",
                "The evidence of this incident is not written yet.",
                f"`nbkeep incident show {row.id}` says how far it is.",
                status=409,
            )
        path = path_of(parts, row.id)
        if not path.is_file():
            raise Refused(
                "evidence-gone",
                "The evidence of this incident does not lie where it was written.",
                "Look for it in the backups of the data directory; its hash is in the journal.",
                status=409,
            )
        event = events.IncidentEvidenceTaken(incident_id=row.id, sha256=str(row.evidence["sha256"]))
        journal.append(tx, parts.clock, actor, event)
    return path
