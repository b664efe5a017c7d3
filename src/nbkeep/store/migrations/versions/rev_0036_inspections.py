"""Documents that somebody had looked into before opening them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "inspections",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("page_sha256", sa.String(64), nullable=False),
        sa.Column("result", sa.JSON, nullable=False),
        sa.Column("inspected_at", moment, nullable=False),
        sa.Column("ends_at", moment, nullable=False),
    )
    op.create_index("inspections_of_user", "inspections", ["user_id", "inspected_at", "id"])
    op.create_index("inspections_by_end", "inspections", ["ends_at"])


def downgrade() -> None:
    """Take the table away: inspections are forgotten."""
    op.drop_table("inspections")
