"""Rules of an organisation, and whom it asks whether a key that was found works."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "own_rules",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("rules", sa.JSON, nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String(60), nullable=False),
    )
    op.create_table(
        "liveness",
        sa.Column("provider", sa.String(20), primary_key=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String(60), nullable=False),
    )


def downgrade() -> None:
    """Take them away: the built-in rules alone hold, and nobody is asked."""
    op.drop_table("liveness")
    op.drop_table("own_rules")
