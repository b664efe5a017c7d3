"""Secrets, their versions, grants and leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; there are no secrets yet."""
    big, moment = sa.BigInteger(), sa.DateTime(timezone=True)
    op.create_table(
        "secrets",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("owner_id", sa.String(24), nullable=False),
        sa.Column("owner_name", sa.String(60), nullable=False),
        sa.Column("hosts", sa.JSON(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("place", sa.String(100), nullable=False),
        sa.Column("template", sa.String(400), nullable=False),
        sa.Column("env", sa.String(100), nullable=False),
        sa.Column("version", big, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("last_used_at", moment, nullable=True),
        sa.Column("revoked_at", moment, nullable=True),
    )
    op.create_table(
        "secret_versions",
        sa.Column("secret_id", sa.String(24), sa.ForeignKey("secrets.id"), primary_key=True),
        sa.Column("version", big, primary_key=True, autoincrement=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.String(60), nullable=False),
        sa.Column("master_key_id", sa.String(16), nullable=True),
        sa.Column("wrapped_key", sa.Text(), nullable=True),
        sa.Column("sealed", sa.Text(), nullable=True),
    )
    op.create_table(
        "secret_grants",
        sa.Column("secret_id", sa.String(24), sa.ForeignKey("secrets.id"), primary_key=True),
        sa.Column("grantee", sa.String(60), primary_key=True),
        sa.Column("granted_at", moment, nullable=False),
        sa.Column("granted_by", sa.String(60), nullable=False),
    )
    op.create_table(
        "secret_leases",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("secret_id", sa.String(24), sa.ForeignKey("secrets.id"), nullable=False),
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("end_reason", sa.String(24), nullable=True),
        sa.Column("last_used_at", moment, nullable=True),
    )
    for column in ("secret_id", "session_id", "user_id"):
        op.create_index(f"ix_secret_leases_{column}", "secret_leases", [column], unique=False)
    for name, table, columns, where in (
        ("one_secret_per_owner_and_name", "secrets", ["owner_id", "name"], "revoked_at IS NULL"),
        ("one_live_lease_per_session", "secret_leases", ["session_id", "secret_id"], "ended_at IS NULL"),
    ):
        condition = sa.text(where)
        op.create_index(name, table, columns, unique=True, sqlite_where=condition, postgresql_where=condition)
