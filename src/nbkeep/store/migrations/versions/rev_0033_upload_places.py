"""Hosts to which uploads are treated in a way of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty: all hosts are treated alike."""
    op.create_table(
        "upload_places",
        sa.Column("host", sa.String(260), primary_key=True),
        sa.Column("treatment", sa.String(12), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String(60), nullable=False),
    )


def downgrade() -> None:
    """Take it away: nothing is trusted, nothing is closed."""
    op.drop_table("upload_places")
