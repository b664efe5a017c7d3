"""Tables of packages: what sessions fetched, which versions are approved, and known vulnerabilities."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class PackageInstallRow(Table):
    """One file of a package on its way into a session, or its refusal, as a gateway reported it."""

    __tablename__ = "package_installs"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # the gateway's: a repeat is harmless
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    name: Mapped[str] = mapped_column(String(200))  # as PEP 503 normalises it
    version: Mapped[str] = mapped_column(String(200), default="")
    file: Mapped[str] = mapped_column(String(400), default="")
    index: Mapped[str] = mapped_column(String(400), default="")
    sha256: Mapped[str] = mapped_column(String(64), default="")
    size_bytes: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str] = mapped_column(String(12))  # installed | refused | altered | unfinished
    reason: Mapped[str] = mapped_column(String(800), default="")

    __table_args__ = (
        Index("package_installs_newest_first", "at", "id"),
        Index("package_installs_of_session", "session_id", "at", "id"),
        Index("package_installs_of_version", "name", "version"),
    )


class PackageApprovalRow(Table):
    """A version of a package that somebody has looked at and approved."""

    __tablename__ = "package_approvals"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    version: Mapped[str] = mapped_column(String(200), primary_key=True)
    approved_by: Mapped[str] = mapped_column(String(60))
    approved_at: Mapped[datetime]


class AdvisoryRow(Table):
    """What one advisory of OSV says of one project, as `packages/advisories.py` reads it."""

    __tablename__ = "package_advisories"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    said: Mapped[list[dict[str, Any]]] = mapped_column(JSON())
