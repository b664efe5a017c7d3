"""Hosts of projects, and what classes of data take from sessions that carry them."""

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


def downgrade() -> None:
    """Take them away: what projects and classes refused is not refused any more."""
    op.drop_table("class_rules")
    op.drop_column("profiles", "project_hosts")
    op.drop_column("projects", "egress_denylist")
    op.drop_column("projects", "egress_allowlist")
