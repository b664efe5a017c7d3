"""How much sessions of a profile may send in a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Existing profiles may send any amount, as before."""
    op.add_column(
        "profiles", sa.Column("egress_volume_bytes", sa.BigInteger(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    """Take the column away."""
    op.drop_column("profiles", "egress_volume_bytes")
