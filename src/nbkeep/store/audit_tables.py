"""Tables beside the journal: what was signed of it, and whom it is sent on to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class CheckpointRow(Table):
    """A record of the journal whose hash was signed, and with it all records before."""

    __tablename__ = "audit_checkpoints"
    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False
    )
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[str] = mapped_column(String(100))  # base64


class ForwardRow(Table):
    """A destination that the journal is sent on to. Its secret lies elsewhere: here is only where."""

    __tablename__ = "audit_forwards"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[str] = mapped_column(String(8))  # webhook | syslog
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int]
    path: Mapped[str] = mapped_column(Text)
    tls: Mapped[bool]
    secret: Mapped[str] = mapped_column(String(400))  # file:/PATH or env:NAME, of webhooks
    ca_file: Mapped[str] = mapped_column(String(400))
    paused: Mapped[bool]
    cursor_seq: Mapped[int]  # the destination has every record up to this one
    failures: Mapped[int]  # in a row
    last_error: Mapped[str] = mapped_column(String(400))
    failing_since: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    last_ok_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(60))
