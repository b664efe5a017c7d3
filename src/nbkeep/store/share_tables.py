"""Tables of shares: released documents that others may look at, for whom, and who has looked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class ShareRow(Table):
    """One document for others, by its hash. What it says never changes; its end may come forward."""

    __tablename__ = "shares"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    release_id: Mapped[str] = mapped_column(String(24), unique=True)  # released once, shared once
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    owner: Mapped[str] = mapped_column(String(30))  # their name: never reused
    kind: Mapped[str] = mapped_column(String(8))  # link | gallery
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    tag_words: Mapped[str] = mapped_column(String(400))  # " one two ", so that each has its blanks
    words: Mapped[str] = mapped_column(Text)  # what a search looks in, case folded
    form: Mapped[str] = mapped_column(String(16))  # see model.gates.FORMATS
    media_type: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))
    classification: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]  # when it was released
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str] = mapped_column(String(60), default="")
    revoke_reason: Mapped[str] = mapped_column(Text, default="")
    views: Mapped[int] = mapped_column(default=0)
    last_viewed_at: Mapped[datetime | None]

    __table_args__ = (Index("shares_newest_first", "kind", "created_at", "id"),)


class ShareAudienceRow(Table):
    """Whom a share is for. `subject_id`: of the user or project: no later one of its name is meant."""

    __tablename__ = "share_audiences"
    share_id: Mapped[str] = mapped_column(ForeignKey("shares.id"), primary_key=True)
    grantee: Mapped[str] = mapped_column(String(40), primary_key=True)  # user:…, project:…, everyone, anyone
    subject_id: Mapped[str] = mapped_column(String(24), index=True)  # "" of everyone and anyone


class ShareViewRow(Table):
    """That somebody was given a document, once for a few minutes; `times` counts within them."""

    __tablename__ = "share_views"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    share_id: Mapped[str] = mapped_column(ForeignKey("shares.id"))
    viewer_id: Mapped[str] = mapped_column(String(24))  # "" by a link for anyone
    viewer: Mapped[str] = mapped_column(String(60))
    address: Mapped[str] = mapped_column(String(45))
    way: Mapped[str] = mapped_column(String(8))  # page | file
    at: Mapped[datetime]
    last_at: Mapped[datetime]
    times: Mapped[int]

    __table_args__ = (Index("share_views_newest_first", "share_id", "at", "id"),)
