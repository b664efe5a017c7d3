"""The table of homes' sizes, as the meter counts them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class MeterHomeRow(Table):
    """What a person's home holds since it was settled last: `amount` MB for `lasted_us` from `began_at` on.

    `boot` and `mono_us` say up to where that was counted. Invariant: one row for each person, so that nothing
    is counted twice; what was settled is in the sums of days, and in here no more.
    """

    __tablename__ = "meter_homes"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    amount: Mapped[int]
    began_at: Mapped[datetime]
    lasted_us: Mapped[int] = mapped_column(default=0)
    boot: Mapped[str] = mapped_column(String(40))
    mono_us: Mapped[int]
    measured_at: Mapped[datetime]
