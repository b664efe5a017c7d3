"""Tables of what sessions connected to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class DestinationRow(Table):
    """A host that sessions of a profile have reached: what is new for a profile is told from this."""

    __tablename__ = "destinations"
    profile_name: Mapped[str] = mapped_column(String(40), primary_key=True)
    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]  # within a day

    __table_args__ = (Index("destinations_first", "profile_name", "first_at"),)


class ConnectionRow(Table):
    """One attempt of a session to reach a host, as its gateway reported it.

    No paths and no headers: they hold secrets.
    """

    __tablename__ = "connections"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # the gateway's: a repeat is harmless
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int]
    address: Mapped[str] = mapped_column(String(45), default="")  # what the name resolved to; "" before that
    protocol: Mapped[str] = mapped_column(String(8))  # http | connect | socks | tcp | postgres
    method: Mapped[str] = mapped_column(String(16), default="")  # of plain HTTP
    allowed: Mapped[bool]
    would_block: Mapped[bool]  # a trial let through what a rule refuses
    rule_id: Mapped[str] = mapped_column(String(300), default="")  # "" when no rule spoke of the host
    rule_source: Mapped[str] = mapped_column(String(80), default="")
    reason: Mapped[str] = mapped_column(String(800), default="")
    bytes_out: Mapped[int] = mapped_column(default=0)
    bytes_in: Mapped[int] = mapped_column(default=0)
    duration_s: Mapped[float] = mapped_column(default=0)

    __table_args__ = (
        Index("connections_newest_first", "at", "id"),
        Index("connections_of_session", "session_id", "at", "id"),
        Index("connections_of_user", "user_id", "at", "id"),
        Index("connections_to_host", "host", "at", "id"),
        Index("connections_refused", "allowed", "at", "id"),
    )
