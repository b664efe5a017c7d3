"""Tables of classes of data: what sessions that carry one may still reach, and its files."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class ClassRulesRow(Table):
    """What a class of data takes from sessions that have read of it, or of a higher one. No row: nothing."""

    __tablename__ = "class_rules"
    classification: Mapped[str] = mapped_column(String(16), primary_key=True)
    closes_internet: Mapped[bool] = mapped_column(default=False)
    egress_only: Mapped[list[str]] = mapped_column(JSON(), default=list)  # what is left; [] leaves all
    egress_denylist: Mapped[list[str]] = mapped_column(JSON(), default=list)
    updated_at: Mapped[datetime]


class ClassifiedFileRow(Table):
    """A file that was changed while a session carried a class, or a folder that could not be looked into."""

    __tablename__ = "classified_files"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the path's bytes
    path: Mapped[str] = mapped_column(Text)  # as people may read it
    classification: Mapped[str] = mapped_column(String(16))  # the highest that it ever had
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))  # by which it has that
    changed_at: Mapped[datetime | None]  # by the kernel's clock; None where it could not be asked
    bytes: Mapped[int] = mapped_column(default=0)
    note: Mapped[str] = mapped_column(String(200), default="")
    seen_at: Mapped[datetime]  # the begin of the last walk that saw it


class ClassWalkRow(Table):
    """How far a home was walked for what a session wrote. Invariant: `began_at` is set during a walk."""

    __tablename__ = "class_walks"
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    classification: Mapped[str] = mapped_column(String(16))
    place: Mapped[str] = mapped_column(Text, default="")
    began_at: Mapped[datetime | None]
    walked_at: Mapped[datetime | None]
    over_run: Mapped[int] = mapped_column(default=0)  # the run that had ended when it began
    final_run: Mapped[int] = mapped_column(default=0)  # the last run that was walked for after its end
    fresh: Mapped[int] = mapped_column(default=0)  # how many files it has put on record
    failures: Mapped[int] = mapped_column(default=0)
    whole: Mapped[str] = mapped_column(String(200), default="")  # why all of the home counts
    left_out: Mapped[bool] = mapped_column(default=False)  # whether it found files that are not on record
