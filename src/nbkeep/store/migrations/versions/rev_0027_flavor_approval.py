"""Flavors that need an approval, and until when a session's holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: nothing needs an approval until an admin says so."""
    op.add_column(
        "flavors", sa.Column("needs_approval", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("sessions", sa.Column("approved_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take them away; what needed an approval needs none."""
    op.drop_column("sessions", "approved_until")
    op.drop_column("flavors", "needs_approval")
