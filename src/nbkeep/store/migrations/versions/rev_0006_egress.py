"""What sessions may reach, and the record of what they connected to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Existing profiles reach nothing, as before."""
    for column in (
        sa.Column("egress_allowlist", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("egress_denylist", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("public_internet", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("egress_dry_run", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("profiles", column)
    op.create_table(
        "connections",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("port", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("protocol", sa.String(8), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("would_block", sa.Boolean(), nullable=False),
        sa.Column("rule_id", sa.String(300), nullable=False),
        sa.Column("rule_source", sa.String(80), nullable=False),
        sa.Column("reason", sa.String(800), nullable=False),
        sa.Column("bytes_out", sa.BigInteger(), nullable=False),
        sa.Column("bytes_in", sa.BigInteger(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
    )
    for name, columns in (
        ("connections_newest_first", ["at", "id"]),
        ("connections_of_session", ["session_id", "at", "id"]),
        ("connections_of_user", ["user_id", "at", "id"]),
        ("connections_to_host", ["host", "at", "id"]),
        ("connections_refused", ["allowed", "at", "id"]),
    ):
        op.create_index(name, "connections", columns, unique=False)
