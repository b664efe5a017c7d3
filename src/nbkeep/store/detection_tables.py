"""The tables of what an organisation has found: its own rules, and whom it asks whether a key works."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class OwnRulesRow(Table):
    """A file of rules, checked when it was set. There is one, of the whole organisation, or none."""

    __tablename__ = "own_rules"
    name: Mapped[str] = mapped_column(String(20), primary_key=True)  # always "organisation"
    text: Mapped[str] = mapped_column(Text)  # TOML
    sha256: Mapped[str] = mapped_column(String(64))  # of exactly that, in UTF-8
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSON(), default=list)  # id, title, kind, severity
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(60))


class LivenessRow(Table):
    """A provider that is asked whether keys of it that are found still work. No row: it is not asked."""

    __tablename__ = "liveness"
    provider: Mapped[str] = mapped_column(String(20), primary_key=True)
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(60))
