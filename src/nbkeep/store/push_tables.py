"""The table of pushes that need a review: commits that somebody wants to send to a forge."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class PushRow(Table):
    """A push that was kept back. No value that was found in it is in any column: findings are masked."""

    __tablename__ = "pushes"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    profile_name: Mapped[str] = mapped_column(String(40))
    repository: Mapped[str] = mapped_column(Text)  # its address, as it can be shown
    commands: Mapped[list[dict[str, Any]]] = mapped_column(JSON())  # ref, old, new
    fingerprint: Mapped[str] = mapped_column(String(64))  # of exactly these objects, refs and that repository
    state: Mapped[str] = mapped_column(String(12))  # pushes/values.py
    found: Mapped[list[str]] = mapped_column(JSON())  # `model.gates.Found`
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON())  # the first some hundreds
    finding_counts: Mapped[dict[str, Any]] = mapped_column(JSON())  # by title
    not_read: Mapped[list[dict[str, Any]]] = mapped_column(JSON())
    commit_count: Mapped[int]
    file_count: Mapped[int]
    page_sha256: Mapped[str] = mapped_column(String(64))  # what a reviewer is shown; rendering/kept.py
    classification: Mapped[str] = mapped_column(String(16))
    because: Mapped[list[dict[str, Any]]] = mapped_column(JSON())
    decided_by_id: Mapped[str] = mapped_column(String(24), default="")
    decided_by: Mapped[str] = mapped_column(String(60), default="")
    answer: Mapped[str] = mapped_column(Text, default="")
    requested_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    lapses_at: Mapped[datetime | None]  # once it is approved
    ended_at: Mapped[datetime | None]
    forgotten_at: Mapped[datetime | None]  # its page was deleted

    __table_args__ = (
        Index("pushes_of_user", "user_id", "requested_at", "id"),
        Index("pushes_newest_first", "requested_at", "id"),
        Index("pushes_by_state", "state", "requested_at"),
        Index("pushes_by_fingerprint", "fingerprint", "user_id"),
    )
