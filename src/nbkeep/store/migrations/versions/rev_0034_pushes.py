"""Pushes to forges that are kept back for a review."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "pushes",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("profile_name", sa.String(40), nullable=False),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("commands", sa.JSON, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("found", sa.JSON, nullable=False),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("finding_counts", sa.JSON, nullable=False),
        sa.Column("not_read", sa.JSON, nullable=False),
        sa.Column("commit_count", sa.BigInteger, nullable=False),
        sa.Column("file_count", sa.BigInteger, nullable=False),
        sa.Column("page_sha256", sa.String(64), nullable=False),
        sa.Column("classification", sa.String(16), nullable=False),
        sa.Column("because", sa.JSON, nullable=False),
        sa.Column("decided_by_id", sa.String(24), nullable=False),
        sa.Column("decided_by", sa.String(60), nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("requested_at", moment, nullable=False),
        sa.Column("decided_at", moment),
        sa.Column("lapses_at", moment),
        sa.Column("ended_at", moment),
        sa.Column("forgotten_at", moment),
    )
    op.create_index("pushes_of_user", "pushes", ["user_id", "requested_at", "id"])
    op.create_index("pushes_newest_first", "pushes", ["requested_at", "id"])
    op.create_index("pushes_by_state", "pushes", ["state", "requested_at"])
    op.create_index("pushes_by_fingerprint", "pushes", ["fingerprint", "user_id"])


def downgrade() -> None:
    """Take the table away: what waits is asked for again by pushing again."""
    op.drop_table("pushes")
