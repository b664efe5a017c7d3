"""Tables of what stands out, and of the samples that it is told from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class AlarmRow(Table):
    """Something unusual: once for each kind, subject and day (UTC). What `message` says never changes.

    Amounts are microcents, bytes, tokens or seconds, as `kind` says; see anomalies/values.py.
    """

    __tablename__ = "alarms"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    subject_id: Mapped[str] = mapped_column(String(24))  # a user, or the session whose GPUs are idle
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    day: Mapped[str] = mapped_column(String(10))
    raised_at: Mapped[datetime]
    measured: Mapped[int]  # grows until the day is over
    usual: Mapped[int]  # the median that it was compared with
    threshold: Mapped[int]
    message: Mapped[str] = mapped_column(Text)
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str] = mapped_column(String(60), default="")
    note: Mapped[str] = mapped_column(String(400), default="")

    __table_args__ = (
        # Invariant: nobody is told the same twice, whoever looked and was killed before.
        Index("one_alarm_a_day", "kind", "subject_id", "day", unique=True),
        Index("alarms_newest_first", "raised_at", "id"),
        Index("alarms_open", "acknowledged_at", "raised_at", "id"),
    )


class AlarmRuleRow(Table):
    """How a kind of alarm was set; a kind without a row is as anomalies/values.py has it."""

    __tablename__ = "alarm_rules"
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    enabled: Mapped[bool]
    least: Mapped[int]  # below this there is no alarm
    factor_percent: Mapped[int]  # of the usual; the least that a threshold is
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(60))


class GpuUseRow(Table):
    """How the GPUs of one session were used on one day, as far as anybody looked."""

    __tablename__ = "gpu_use"
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    watched_s: Mapped[int] = mapped_column(default=0)
    idle_s: Mapped[int] = mapped_column(default=0)
    idle_in_a_row_s: Mapped[int] = mapped_column(default=0)  # up to the last look, also from the day before
    percent: Mapped[int | None]  # of the busiest of its cards at the last look; None: nobody measures it
    looked_at: Mapped[datetime]

    __table_args__ = (Index("gpu_use_by_day", "day"),)


class StorageDayRow(Table):
    """What one person had stored on one day (UTC): their home, and what suspended sessions have kept."""

    __tablename__ = "storage_days"
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    home_bytes: Mapped[int]
    kept_bytes: Mapped[int]
