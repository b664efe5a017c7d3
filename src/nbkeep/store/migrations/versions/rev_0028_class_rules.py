"""Hosts of projects, what classes of data take from sessions that carry them, and which files those wrote."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them: no project adds a host, no profile lets one, and no class takes more than before."""
    for name in ("egress_allowlist", "egress_denylist"):
        op.add_column("projects", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    op.add_column(
        "profiles", sa.Column("project_hosts", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "class_rules",
        sa.Column("classification", sa.String(16), primary_key=True),
        sa.Column("closes_internet", sa.Boolean(), nullable=False),
        sa.Column("egress_only", sa.JSON(), nullable=False),
        sa.Column("egress_denylist", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "classified_files",
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("classification", sa.String(16), nullable=False),
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("changed_at", moment, nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("seen_at", moment, nullable=False),
    )
    op.create_table(
        "class_walks",
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("classification", sa.String(16), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("began_at", moment, nullable=True),
        sa.Column("walked_at", moment, nullable=True),
        sa.Column("over_run", sa.BigInteger(), nullable=False),
        sa.Column("final_run", sa.BigInteger(), nullable=False),
        sa.Column("fresh", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("whole", sa.String(200), nullable=False),
        sa.Column("left_out", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_class_walks_user_id", "class_walks", ["user_id"])


def downgrade() -> None:
    """Take them away: what projects and classes refused is not refused any more."""
    op.drop_table("class_walks")
    op.drop_table("classified_files")
    op.drop_table("class_rules")
    op.drop_column("profiles", "project_hosts")
    op.drop_column("projects", "egress_denylist")
    op.drop_column("projects", "egress_allowlist")
