"""Documents that somebody asked to let leave."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; nobody has asked for anything yet."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "releases",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id")),
        sa.Column("profile_name", sa.String(40), nullable=False),
        sa.Column("projects", sa.JSON, nullable=False),
        sa.Column("project_id", sa.String(24), sa.ForeignKey("projects.id")),
        sa.Column("project", sa.String(30), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("gate", sa.String(10), nullable=False),
        sa.Column("form", sa.String(10), nullable=False),
        sa.Column("keep", sa.JSON, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("audience", sa.JSON, nullable=False),
        sa.Column("lasts_s", sa.BigInteger, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("builder", sa.String(40), nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("previous_id", sa.String(24)),
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("plain_sha256", sa.String(64), nullable=False),
        sa.Column("redacted_sha256", sa.String(64), nullable=False),
        sa.Column("preview_sha256", sa.String(64), nullable=False),
        sa.Column("source_bytes", sa.BigInteger, nullable=False),
        sa.Column("pages", sa.JSON, nullable=False),
        sa.Column("found", sa.JSON, nullable=False),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("finding_counts", sa.JSON, nullable=False),
        sa.Column("not_read", sa.JSON, nullable=False),
        sa.Column("left_out", sa.JSON, nullable=False),
        sa.Column("not_redacted", sa.Text, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("classification", sa.String(16), nullable=False),
        sa.Column("decision", sa.String(10), nullable=False),
        sa.Column("because", sa.JSON, nullable=False),
        sa.Column("needs_review", sa.Boolean, nullable=False),
        sa.Column("decided_by_id", sa.String(24), nullable=False),
        sa.Column("decided_by", sa.String(60), nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("comments", sa.JSON, nullable=False),
        sa.Column("variant", sa.String(10), nullable=False),
        sa.Column("approved_sha256", sa.String(64), nullable=False),
        sa.Column("share_id", sa.String(24), nullable=False),
        sa.Column("requested_at", moment, nullable=False),
        sa.Column("examined_at", moment),
        sa.Column("decided_at", moment),
        sa.Column("lapses_at", moment),
        sa.Column("taken_at", moment),
        sa.Column("ended_at", moment),
        sa.Column("forgotten_at", moment),
    )
    op.create_index("releases_of_user", "releases", ["user_id", "requested_at", "id"])
    op.create_index("releases_newest_first", "releases", ["requested_at", "id"])
    op.create_index("releases_by_state", "releases", ["state", "requested_at"])


def downgrade() -> None:
    """Take it away."""
    op.drop_table("releases")
