"""The table of releases: documents that somebody asked to let leave, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class ReleaseRow(Table):
    """A document on its way out. No value that was found in it is in any column: findings are masked.

    The four hashes name documents in `rendering/kept.py`; "" where there is none (yet).
    """

    __tablename__ = "releases"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    session_id: Mapped[str | None] = mapped_column(ForeignKey("sessions.id"))  # whose rules hold for it
    profile_name: Mapped[str] = mapped_column(String(40), default="")  # of that session
    projects: Mapped[list[str]] = mapped_column(JSON(), default=list)  # names of all that its author was in
    project_id: Mapped[str | None] = mapped_column(ForeignKey("projects.id"))  # for which it is
    project: Mapped[str] = mapped_column(String(30), default="")  # the name of that one
    path: Mapped[str] = mapped_column(Text)  # in the home
    gate: Mapped[str] = mapped_column(String(10))
    form: Mapped[str] = mapped_column(String(10))
    keep: Mapped[dict[str, Any]] = mapped_column(JSON(), default=dict)  # `rendering.interface.Keep`
    reason: Mapped[str] = mapped_column(Text, default="")
    audience: Mapped[list[str]] = mapped_column(JSON(), default=list)
    lasts_s: Mapped[int] = mapped_column(default=0)  # of a share, from its begin on
    title: Mapped[str] = mapped_column(String(200), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list[str]] = mapped_column(JSON(), default=list)
    state: Mapped[str] = mapped_column(String(12))  # releases/values.py
    builder: Mapped[str] = mapped_column(String(40), default="")  # the office's loop that has it in hand
    tries: Mapped[int] = mapped_column(default=0)
    previous_id: Mapped[str | None] = mapped_column(String(24))  # the last release of the same path

    source_sha256: Mapped[str] = mapped_column(String(64), default="")
    plain_sha256: Mapped[str] = mapped_column(String(64), default="")
    redacted_sha256: Mapped[str] = mapped_column(String(64), default="")
    preview_sha256: Mapped[str] = mapped_column(String(64), default="")
    source_bytes: Mapped[int] = mapped_column(default=0)
    pages: Mapped[dict[str, Any]] = mapped_column(JSON(), default=dict)  # plain, redacted: type, name, bytes
    found: Mapped[list[str]] = mapped_column(JSON(), default=list)  # `model.gates.Found`
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON(), default=list)  # the first some hundreds
    finding_counts: Mapped[dict[str, Any]] = mapped_column(JSON(), default=dict)  # all, by title
    not_read: Mapped[list[dict[str, Any]]] = mapped_column(JSON(), default=list)
    left_out: Mapped[list[str]] = mapped_column(JSON(), default=list)
    not_redacted: Mapped[str] = mapped_column(Text, default="")
    problem: Mapped[str] = mapped_column(Text, default="")  # why nothing, or not all, could be examined

    classification: Mapped[str] = mapped_column(String(16), default="")
    decision: Mapped[str] = mapped_column(String(10), default="")  # of the policies
    because: Mapped[list[dict[str, Any]]] = mapped_column(JSON(), default=list)
    needs_review: Mapped[bool] = mapped_column(default=False)  # then reviewers see it, also when it is over
    decided_by_id: Mapped[str] = mapped_column(String(24), default="")  # "": the policies alone
    decided_by: Mapped[str] = mapped_column(String(60), default="")
    answer: Mapped[str] = mapped_column(Text, default="")
    comments: Mapped[list[dict[str, Any]]] = mapped_column(JSON(), default=list)
    variant: Mapped[str] = mapped_column(String(10), default="")  # plain | redacted: what may leave
    approved_sha256: Mapped[str] = mapped_column(String(64), default="")  # exactly what may leave
    share_id: Mapped[str] = mapped_column(String(24), default="")

    requested_at: Mapped[datetime]
    examined_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    lapses_at: Mapped[datetime | None]  # while it is ready to be taken
    taken_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    forgotten_at: Mapped[datetime | None]  # its documents were deleted

    __table_args__ = (
        Index("releases_of_user", "user_id", "requested_at", "id"),
        Index("releases_newest_first", "requested_at", "id"),
        Index("releases_by_state", "state", "requested_at"),
    )
