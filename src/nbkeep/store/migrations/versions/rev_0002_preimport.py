"""Modules that a profile's kernels have imported when they start."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; profiles that are there pre-import nothing."""
    op.add_column("profiles", sa.Column("preimport", sa.JSON(), nullable=False, server_default="[]"))
