"""What people may ask for, and what they asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Existing profiles have nothing that one could ask for, as before."""
    op.add_column("profiles", sa.Column("egress_asklist", sa.JSON(), nullable=False, server_default="[]"))
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "grants",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(400), nullable=False),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("profile_name", sa.String(40), nullable=False),
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("wanted_s", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("requested_at", moment, nullable=False),
        sa.Column("decided_at", moment, nullable=True),
        sa.Column("decided_by", sa.String(60), nullable=True),
        sa.Column("expires_at", moment, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("ended_by", sa.String(60), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
    )
    for name, columns in (
        ("grants_by_state", ["state", "expires_at"]),
        ("grants_newest_first", ["requested_at", "id"]),
        ("grants_of_user", ["user_id", "requested_at", "id"]),
    ):
        op.create_index(name, "grants", columns, unique=False)
    is_open = sa.text("state = 'requested'")
    op.create_index(
        "one_open_request",
        "grants",
        ["user_id", "profile_name", "kind", "subject"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
