"""The table of policies: what may leave by which gate."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class GatePolicyRow(Table):
    """What is decided at a scope, for a gate and a kind of finding. No row: the default of guard/rules.py.

    `kind`, `subject`: everywhere and "", profile and its name, project and its id, class and its name.
    """

    __tablename__ = "gate_policies"
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    subject: Mapped[str] = mapped_column(String(40), primary_key=True)
    gate: Mapped[str] = mapped_column(String(12), primary_key=True)
    found: Mapped[str] = mapped_column(String(12), primary_key=True)
    decision: Mapped[str] = mapped_column(String(12))
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(60))
