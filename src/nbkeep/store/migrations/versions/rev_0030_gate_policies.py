"""What may leave by which gate, and what profiles say of downloads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty: the defaults hold; profiles allow downloads as before."""
    op.create_table(
        "gate_policies",
        sa.Column("kind", sa.String(12), primary_key=True),
        sa.Column("subject", sa.String(40), primary_key=True),
        sa.Column("gate", sa.String(12), primary_key=True),
        sa.Column("found", sa.String(12), primary_key=True),
        sa.Column("decision", sa.String(12), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String(60), nullable=False),
    )
    op.add_column("profiles", sa.Column("downloads", sa.String(12), nullable=False, server_default="allow"))


def downgrade() -> None:
    """Take them away: what officers decided holds no more."""
    op.drop_column("profiles", "downloads")
    op.drop_table("gate_policies")
