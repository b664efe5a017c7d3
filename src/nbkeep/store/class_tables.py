"""Tables of classes of data: what sessions that carry one may still reach, and its files."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class ClassRulesRow(Table):
    """What a class of data takes from sessions that have read of it, or of a higher one. No row: nothing."""

    __tablename__ = "class_rules"
    classification: Mapped[str] = mapped_column(String(16), primary_key=True)
    closes_internet: Mapped[bool] = mapped_column(default=False)
    egress_only: Mapped[list[str]] = mapped_column(JSON(), default=list)  # what is left; [] leaves all
    egress_denylist: Mapped[list[str]] = mapped_column(JSON(), default=list)
    updated_at: Mapped[datetime]
