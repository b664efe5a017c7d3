"""Which key a profile's saved variables have, and how long its idle sessions are frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Existing profiles go on with what the settings say."""
    op.add_column("profiles", sa.Column("state_key", sa.String(40), nullable=False, server_default=""))
    op.add_column("profiles", sa.Column("frozen_s", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Take the columns away."""
    op.drop_column("profiles", "frozen_s")
    op.drop_column("profiles", "state_key")
