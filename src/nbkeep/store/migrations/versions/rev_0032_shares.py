"""Shares of released documents, whom they are for, and who has looked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "shares",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("release_id", sa.String(24), nullable=False, unique=True),
        sa.Column("owner_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("owner", sa.String(30), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("tag_words", sa.String(400), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("form", sa.String(16), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("classification", sa.String(16), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("revoked_at", moment),
        sa.Column("revoked_by", sa.String(60), nullable=False),
        sa.Column("revoke_reason", sa.Text, nullable=False),
        sa.Column("views", sa.BigInteger, nullable=False),
        sa.Column("last_viewed_at", moment),
    )
    op.create_index("ix_shares_owner_id", "shares", ["owner_id"])
    op.create_index("shares_newest_first", "shares", ["kind", "created_at", "id"])
    op.create_table(
        "share_audiences",
        sa.Column("share_id", sa.String(24), sa.ForeignKey("shares.id"), primary_key=True),
        sa.Column("grantee", sa.String(40), primary_key=True),
        sa.Column("subject_id", sa.String(24), nullable=False),
    )
    op.create_index("ix_share_audiences_subject_id", "share_audiences", ["subject_id"])
    op.create_table(
        "share_views",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("share_id", sa.String(24), sa.ForeignKey("shares.id"), nullable=False),
        sa.Column("viewer_id", sa.String(24), nullable=False),
        sa.Column("viewer", sa.String(60), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("way", sa.String(8), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("last_at", moment, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
    )
    op.create_index("share_views_newest_first", "share_views", ["share_id", "at", "id"])


def downgrade() -> None:
    """Take the tables away: nothing is shared any more."""
    op.drop_table("share_views")
    op.drop_table("share_audiences")
    op.drop_table("shares")
