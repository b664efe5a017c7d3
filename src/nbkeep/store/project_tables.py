"""Tables of projects: people in groups, so that something can be granted to all of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class ProjectRow(Table):
    """A project. A removed one keeps its record, without members; its name is free again."""

    __tablename__ = "projects"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    name: Mapped[str] = mapped_column(String(30))
    description: Mapped[str] = mapped_column(String(400), default="")
    # Rules as `egress.parse` reads them: for the sessions of its members, beside their profiles' own.
    egress_allowlist: Mapped[list[str]] = mapped_column(JSON(), default=list)
    egress_denylist: Mapped[list[str]] = mapped_column(JSON(), default=list)
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("one_project_per_name", "name", unique=True,
              sqlite_where=text("archived_at IS NULL"), postgresql_where=text("archived_at IS NULL")),
    )  # fmt: skip


class ProjectMemberRow(Table):
    """That somebody is in a project. Who has left it has no row: the journal knows of them."""

    __tablename__ = "project_members"
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    is_lead: Mapped[bool] = mapped_column(default=False)  # adds and takes members
    since: Mapped[datetime]
