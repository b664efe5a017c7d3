"""Tables of security incidents: what each is about, what it holds, and what is still to be done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class IncidentRow(Table):
    """A security incident about a person, session or secret. `radius`: what was seen when it was opened."""

    __tablename__ = "incidents"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))  # user | session | secret
    subject_id: Mapped[str] = mapped_column(String(24))
    subject: Mapped[str] = mapped_column(String(100))  # its name
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(8))  # open | closed
    opened_at: Mapped[datetime]
    opened_by: Mapped[str] = mapped_column(String(60))
    radius: Mapped[dict[str, Any]]
    revoked: Mapped[dict[str, Any]]  # how many of what were taken away in the transaction that opened it
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # once it is whole
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(60))
    close_reason: Mapped[str] = mapped_column(Text, default="")
    outcome: Mapped[list[str]] = mapped_column(
        JSON(), default=list
    )  # sentences: what came back, what did not

    __table_args__ = (
        # Invariant: opening twice is the same incident.
        Index("one_open_incident", "kind", "subject_id", unique=True,
              sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
        Index("incidents_newest_first", "opened_at", "id"),
    )  # fmt: skip


class IncidentHoldRow(Table):
    """What an incident holds, and how it was before. Of two that hold the same, the first is on the row."""

    __tablename__ = "incident_holds"
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)  # user | session | secret
    subject_id: Mapped[str] = mapped_column(String(24), primary_key=True, index=True)
    subject: Mapped[str] = mapped_column(String(100))
    before: Mapped[str] = mapped_column(String(16))  # its state


class IncidentStepRow(Table):
    """Something that is done outside of the database, and tried until it is done."""

    __tablename__ = "incident_steps"
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)  # freeze:ses_…, preserve, …
    position: Mapped[int]
    state: Mapped[str] = mapped_column(String(8))  # waiting | done
    tries: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(String(400), default="")  # of the last try
    said: Mapped[str] = mapped_column(String(400), default="")  # once it is done
    next_try_at: Mapped[datetime]
    done_at: Mapped[datetime | None]

    __table_args__ = (Index("incident_steps_due", "state", "next_try_at"),)
