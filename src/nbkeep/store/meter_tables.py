"""Tables of the meter: what sessions held, for how long, what it cost, and the prices."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class MeterIntervalRow(Table):
    """For how long a session held an amount of one resource. It only grows, and not at all once it has ended.

    It covers `lasted_us` from `began_at` on. `boot` and `mono_us` say up to where that was counted, on a
    clock that does not jump.
    """

    __tablename__ = "meter_intervals"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    profile_name: Mapped[str] = mapped_column(String(40))
    resource: Mapped[str] = mapped_column(String(60))  # see meter/values.py
    amount: Mapped[int]
    cpu_millis: Mapped[int] = mapped_column(default=0)  # of the flavor, as it was
    memory_bytes: Mapped[int] = mapped_column(default=0)
    list_price: Mapped[int] = mapped_column(default=0)  # microcents an hour, where no other price is set
    began_at: Mapped[datetime]
    lasted_us: Mapped[int] = mapped_column(default=0)
    boot: Mapped[str] = mapped_column(String(40))
    mono_us: Mapped[int]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        # Invariant: nothing is counted twice, for there is one place where it is counted.
        Index("one_open_interval", "session_id", "resource", unique=True,
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("meter_intervals_of_session", "session_id", "began_at"),
        # Asked at each start: what somebody has used so far.
        Index("open_intervals_of_user", "user_id",
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("meter_intervals_by_end", "ended_at"),
    )  # fmt: skip


class MeterDayRow(Table):
    """What ended intervals come to: per day (UTC), person, profile and amount. Added to when one ends.

    Homes have no profile, and one amount: a GB, for so many microseconds as it would be held.
    """

    __tablename__ = "meter_days"
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    profile_name: Mapped[str] = mapped_column(String(40), primary_key=True)
    resource: Mapped[str] = mapped_column(String(60), primary_key=True)
    amount: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    lasted_us: Mapped[int] = mapped_column(default=0)
    cost: Mapped[int] = mapped_column(default=0)  # microcents

    __table_args__ = (Index("meter_days_of_user", "user_id", "day"),)


class MeterPriceRow(Table):
    """What an hour of a resource costs from a moment on, in microcents. Append only."""

    __tablename__ = "meter_prices"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    resource: Mapped[str] = mapped_column(String(60))
    price: Mapped[int]
    valid_from: Mapped[datetime]
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(60))

    __table_args__ = (Index("meter_prices_of_resource", "resource", "valid_from"),)
