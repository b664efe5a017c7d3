"""Profiles in quarantine, the sessions that were started so, and what a session shows first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: nothing is in quarantine until an admin says so."""
    for table in ("profiles", "sessions"):
        no = sa.Column("quarantine", sa.Boolean(), nullable=False, server_default=sa.false())
        op.add_column(table, no)
    op.add_column("sessions", sa.Column("opens", sa.String(200), nullable=False, server_default=""))


def downgrade() -> None:
    """Take them away; end sessions in quarantine first, nothing keeps them apart afterwards."""
    op.drop_column("sessions", "opens")
    op.drop_column("sessions", "quarantine")
    op.drop_column("profiles", "quarantine")
