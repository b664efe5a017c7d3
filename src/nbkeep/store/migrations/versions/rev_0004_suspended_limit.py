"""Suspended sessions over their user's limit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; whatever is suspended now is within the limit until it was looked at."""
    op.add_column("sessions", sa.Column("over_limit_since", sa.DateTime(timezone=True), nullable=True))
