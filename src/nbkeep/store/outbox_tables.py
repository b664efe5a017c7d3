"""Tables of the outbox: what is to be sent by mail, how the mail server is doing, what people chose."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class MailRow(Table):
    """One message to one person. `about` names what it is made of when it is sent, and is never a secret."""

    __tablename__ = "outbox_mail"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))  # link | notices | report
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))  # their address is looked up
    address: Mapped[str] = mapped_column(String(254))  # of who is no user
    about: Mapped[dict[str, Any]]
    once: Mapped[str | None] = mapped_column(String(120), unique=True)  # what there can be one of only
    state: Mapped[str] = mapped_column(String(10))  # waiting | sent | given-up | unneeded
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    claimed_by: Mapped[str] = mapped_column(String(24), default="")
    claimed_until: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(400), default="")
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("outbox_mail_due", "state", "next_try_at"),
        Index("outbox_mail_of_person", "user_id", "created_at"),
    )


class MailServerRow(Table):
    """How the mail server is doing, and what the settings say of it. One row, with the id 1."""

    __tablename__ = "outbox_server"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    is_set_up: Mapped[bool]
    notices: Mapped[str] = mapped_column(String(10))  # for who has not chosen
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    last_error: Mapped[str] = mapped_column(String(400), default="")
    failing_since: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]  # when admins were told that it is away
    last_ok_at: Mapped[datetime | None]
    reported_day: Mapped[str | None] = mapped_column(String(10))  # the last day that was reported


class MailChoiceRow(Table):
    """Which notices a person wants by mail. Without a row: as the settings say."""

    __tablename__ = "outbox_choices"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    notices: Mapped[str] = mapped_column(String(10))  # off | important | all
