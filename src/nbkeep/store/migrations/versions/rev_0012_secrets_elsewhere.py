"""Secrets whose values lie in another vault."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """All values that there are lie here."""
    op.add_column("secrets", sa.Column("source", sa.String(400), nullable=False, server_default=""))
