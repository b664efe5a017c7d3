"""The table of inspections: documents that somebody had looked into before opening them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class InspectionRow(Table):
    """One document that was looked into. Hashes name bytes in `rendering/kept.py`; "": there is no page."""

    __tablename__ = "inspections"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(255))  # of the file, as its person called it
    path: Mapped[str] = mapped_column(Text)  # in the home; "" for what was uploaded
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    page_sha256: Mapped[str] = mapped_column(String(64))
    result: Mapped[dict[str, Any]] = mapped_column(JSON())  # foresight/wire.py
    inspected_at: Mapped[datetime]
    ends_at: Mapped[datetime]  # then it is forgotten

    __table_args__ = (
        Index("inspections_of_user", "user_id", "inspected_at", "id"),
        Index("inspections_by_end", "ends_at"),
    )
