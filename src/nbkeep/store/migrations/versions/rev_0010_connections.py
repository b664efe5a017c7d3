"""Declared connections, and to whom they are granted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; nothing is declared yet."""
    big, moment = sa.BigInteger(), sa.DateTime(timezone=True)
    op.create_table(
        "declared_connections",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("name", sa.String(40), nullable=False, unique=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("port", big, nullable=False),
        sa.Column("local_port", big, nullable=False, unique=True),
        sa.Column("database_name", sa.String(63), nullable=False),
        sa.Column("role", sa.String(63), nullable=False),
        sa.Column("tls", sa.String(8), nullable=False),
        sa.Column("secret_id", sa.String(24), sa.ForeignKey("secrets.id"), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.String(60), nullable=False),
    )
    op.create_table(
        "connection_grants",
        sa.Column("connection_id", sa.String(24), sa.ForeignKey("declared_connections.id"), primary_key=True),
        sa.Column("grantee", sa.String(60), primary_key=True),
        sa.Column("granted_at", moment, nullable=False),
        sa.Column("granted_by", sa.String(60), nullable=False),
    )
