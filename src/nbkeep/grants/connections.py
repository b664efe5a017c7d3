"""Grants of the kind "connection": a declared connection, used in sessions of one profile. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.connections.parse import connection_name
from nbkeep.model.verdict import Allow, Refuse, Verdict
from nbkeep.vault.values import CONNECTION

from .hosts import denying

if TYPE_CHECKING:
    from .interface import Situation


class Connections:
    """Declared connections by their names. No list says which may be asked for: an admin declared each."""

    name = CONNECTION

    def read(self, text: str) -> str:
        """Return the name; raise `Refused` (400)."""
        return connection_name(text.strip().lower())

    def may_be_asked(self, now: Situation, subject: str) -> Verdict:
        """Refuse what is not declared, what the person has for good, and what the profile denies."""
        if subject not in now.connections:
            return Refuse(
                "no-connection",
                f"There is no connection {subject}.",
                "See which there are: `nbkeep connection list`.",
            )
        if subject in now.granted:
            return Refuse(
                "no-grant-needed",
                f"The connection {subject} is granted for good already, in all sessions.",
                f"Just connect to its local port: `nbkeep connection show {subject}`.",
            )
        if denying(now.policy, now.connections[subject]) is not None:
            # Which rule it is would tell where it leads, to somebody who may not know that yet.
            return Refuse(
                "grant-of-denied-host",
                f"The profile, or the platform, denies the place that {subject} leads to.",
                "No grant opens what is denied. Ask for it in sessions of another profile.",
            )
        return Allow()
