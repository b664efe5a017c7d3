"""Homes' sizes, as the meter counts them; ended intervals are found by when they ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the index."""
    moment, big = sa.DateTime(timezone=True), sa.BigInteger()
    op.create_table(
        "meter_homes",
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("amount", big, nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("lasted_us", big, nullable=False),
        sa.Column("boot", sa.String(40), nullable=False),
        sa.Column("mono_us", big, nullable=False),
        sa.Column("measured_at", moment, nullable=False),
    )
    op.create_index("meter_intervals_by_end", "meter_intervals", ["ended_at"])


def downgrade() -> None:
    """Take them away."""
    op.drop_index("meter_intervals_by_end", "meter_intervals")
    op.drop_table("meter_homes")
