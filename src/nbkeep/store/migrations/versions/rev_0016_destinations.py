"""Which hosts the sessions of each profile have reached."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take over what is on record already."""
    op.create_table(
        "destinations",
        sa.Column("profile_name", sa.String(40), primary_key=True),
        sa.Column("host", sa.String(255), primary_key=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("destinations_first", "destinations", ["profile_name", "first_at"])
    op.execute(
        "INSERT INTO destinations SELECT s.profile_name, c.host, min(c.at), max(c.at) FROM connections c "
        "JOIN sessions s ON s.id = c.session_id WHERE c.allowed GROUP BY s.profile_name, c.host"
    )


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("destinations")
