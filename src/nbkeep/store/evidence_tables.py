"""The table of evidence packs: what was asked for, and what became of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class EvidenceRow(Table):
    """An evidence pack: who wanted which framework for which days, and the hash of the file that was made."""

    __tablename__ = "evidence_packs"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    framework: Mapped[str] = mapped_column(String(40))
    first_day: Mapped[str] = mapped_column(String(10))  # 2026-10-01, UTC
    last_day: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(12))  # waiting | building | ready | failed
    builder: Mapped[str] = mapped_column(String(40), default="")  # the office's loop that has it in hand
    tries: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(60))
    ended_at: Mapped[datetime | None]  # ready or failed
    sha256: Mapped[str] = mapped_column(String(64), default="")  # of the file
    size_bytes: Mapped[int] = mapped_column(default=0)
    covered: Mapped[int] = mapped_column(default=0)  # controls
    partly: Mapped[int] = mapped_column(default=0)
    not_covered: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(Text, default="")  # why it failed

    __table_args__ = (Index("evidence_packs_by_state", "state", "asked_at"),)
