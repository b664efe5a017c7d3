"""Providers of models, their prices, budgets, and what was used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; there are no providers yet."""
    big, moment = sa.BigInteger(), sa.DateTime(timezone=True)
    op.create_table(
        "model_providers",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("host", sa.String(253), nullable=False),
        sa.Column("port", big, nullable=False),
        sa.Column("prefix", sa.String(200), nullable=False),
        sa.Column("added_at", moment, nullable=False),
    )
    op.create_table(
        "model_prices",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("input", big, nullable=False),
        sa.Column("output", big, nullable=False),
        sa.Column("cached", big, nullable=False),
        sa.Column("valid_from", moment, nullable=False),
        sa.Column("set_by", sa.String(60), nullable=False),
    )
    op.create_table(
        "model_budgets",
        sa.Column("scope", sa.String(40), primary_key=True),
        sa.Column("limit", big, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("set_by", sa.String(60), nullable=False),
    )
    op.create_table(
        "model_spending",
        sa.Column("scope", sa.String(24), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("spent", big, nullable=False),
        sa.Column("warned_of", sa.String(80), nullable=False),
        sa.Column("ended_of", sa.String(80), nullable=False),
    )
    op.create_table(
        "model_calls",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("operation", sa.String(20), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("streamed", sa.Boolean(), nullable=False),
        sa.Column("status", big, nullable=False),
        sa.Column("measure", sa.String(12), nullable=False),
        sa.Column("tokens_in", big, nullable=False),
        sa.Column("tokens_out", big, nullable=False),
        sa.Column("tokens_cached", big, nullable=False),
        sa.Column("cost", big, nullable=True),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
    )
    for name, table, columns in (
        ("model_prices_of_provider", "model_prices", ["provider", "valid_from"]),
        ("model_calls_by_day", "model_calls", ["day"]),
        ("model_calls_of_user", "model_calls", ["user_id", "day"]),
        ("model_calls_of_session", "model_calls", ["session_id", "day"]),
    ):
        op.create_index(name, table, columns, unique=False)
