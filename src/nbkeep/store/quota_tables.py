"""Tables of quotas: what is set, what is overridden until when, who asks for more, who was told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class QuotaRow(Table):
    """How much of a resource somebody may use in a period. See quotas/values.py for the words.

    What is used is read from the meter, what is reserved from the sessions that have been admitted.
    """

    __tablename__ = "quotas"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    subject: Mapped[str] = mapped_column(String(40))  # everyone, user:ID, project:ID
    resource: Mapped[str] = mapped_column(String(60))
    period: Mapped[str] = mapped_column(String(8))
    amount: Mapped[int]  # microseconds of one, microcents, or a number
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(60))

    __table_args__ = (Index("one_quota_of_a_kind", "subject", "resource", "period", unique=True),)


class QuotaOverrideRow(Table):
    """That a quota is higher, or does not hold, until a moment. It ends by itself."""

    __tablename__ = "quota_overrides"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    subject: Mapped[str] = mapped_column(String(40), index=True)  # user:ID, project:ID
    resource: Mapped[str] = mapped_column(String(60))  # "" for all
    period: Mapped[str] = mapped_column(String(8))
    amount: Mapped[int | None]  # None: no limit
    until: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(60))
    ended_at: Mapped[datetime | None]  # taken back before its time


class QuotaRequestRow(Table):
    """Somebody's wish for more, with the reason; an admin answers it with an override, or says no."""

    __tablename__ = "quota_requests"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    subject: Mapped[str] = mapped_column(String(40))  # whose quota it is
    resource: Mapped[str] = mapped_column(String(60))
    period: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(60))
    is_given: Mapped[bool] = mapped_column(default=False)
    answer: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        # Invariant: one waits at a time, however often the button is pressed.
        Index("one_waiting_quota_request", "user_id", "subject", "resource", "period", unique=True,
              sqlite_where=text("decided_at IS NULL"), postgresql_where=text("decided_at IS NULL")),
    )  # fmt: skip


class QuotaToldRow(Table):
    """That somebody was told how much of a quota is used in a period: once is enough."""

    __tablename__ = "quota_told"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(40), primary_key=True)
    resource: Mapped[str] = mapped_column(String(60), primary_key=True)
    period: Mapped[str] = mapped_column(String(8), primary_key=True)
    begin: Mapped[str] = mapped_column(String(10), primary_key=True)  # the first day of the period
    at: Mapped[datetime]
