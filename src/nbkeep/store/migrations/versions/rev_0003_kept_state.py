"""Suspend and resume: what profiles keep, and what a session has left behind."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Existing profiles keep state from now on; existing sessions have none."""
    big = sa.BigInteger()
    for column in (
        sa.Column("keep_state", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("state_max_bytes", big, nullable=False, server_default=str(16 << 30)),
        sa.Column("state_retention_s", big, nullable=False, server_default=str(7 * 86400)),
    ):
        op.add_column("profiles", column)
    for column in (
        sa.Column("run", big, nullable=False, server_default="1"),
        sa.Column("spent_micros", big, nullable=False, server_default="0"),
        sa.Column("kept", sa.JSON(), nullable=True),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("discard_state", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("state_pending", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("sessions", column)
    op.create_index("sessions_state_pending", "sessions", ["state_pending"], unique=False)
