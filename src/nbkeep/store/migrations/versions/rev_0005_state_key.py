"""Which key a session's state is saved with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was saved before was saved with the only key that there was."""
    op.add_column("sessions", sa.Column("state_key_id", sa.String(16), nullable=True))
