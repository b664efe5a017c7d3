"""Tables of the catalogue: which datasets there are, and which session has read which."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class DatasetRow(Table):
    """Objects below one prefix of one bucket, read-only. What it is stays: another place is another one."""

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    classification: Mapped[str] = mapped_column(String(16))
    purpose: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    host: Mapped[str] = mapped_column(String(253))
    port: Mapped[int]
    bucket: Mapped[str] = mapped_column(String(63))
    prefix: Mapped[str] = mapped_column(Text, default="")  # "" or ending in /
    region: Mapped[str] = mapped_column(String(40))
    samples: Mapped[list[str]] = mapped_column(JSON(), default=list)  # patterns of keys below the prefix
    secret_id: Mapped[str | None] = mapped_column(ForeignKey("secrets.id"))
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(60))


class DatasetReadRow(Table):
    """That a session has read of a dataset, and of which class it was then. It outlives the dataset."""

    __tablename__ = "dataset_reads"
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(String(24), primary_key=True)
    dataset: Mapped[str] = mapped_column(String(40))
    classification: Mapped[str] = mapped_column(String(16))
    first_at: Mapped[datetime]

    __table_args__ = (Index("dataset_reads_by_class", "classification"),)
