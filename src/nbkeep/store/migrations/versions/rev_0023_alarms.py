"""Alarms about what is unusual, how they are set, and the samples of GPUs and storage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and an index that holds all that days of models are summed up from."""
    op.create_table(
        "alarms",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("subject_id", sa.String(24), nullable=False),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("measured", sa.BigInteger, nullable=False),
        sa.Column("usual", sa.BigInteger, nullable=False),
        sa.Column("threshold", sa.BigInteger, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
        sa.Column("acknowledged_by", sa.String(60), nullable=False),
        sa.Column("note", sa.String(400), nullable=False),
    )
    op.create_index("one_alarm_a_day", "alarms", ["kind", "subject_id", "day"], unique=True)
    op.create_index("alarms_newest_first", "alarms", ["raised_at", "id"])
    op.create_index("alarms_open", "alarms", ["acknowledged_at", "raised_at", "id"])
    op.create_table(
        "alarm_rules",
        sa.Column("kind", sa.String(12), primary_key=True),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("least", sa.BigInteger, nullable=False),
        sa.Column("factor_percent", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(60), nullable=False),
    )
    op.create_table(
        "gpu_use",
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("watched_s", sa.BigInteger, nullable=False),
        sa.Column("idle_s", sa.BigInteger, nullable=False),
        sa.Column("idle_in_a_row_s", sa.BigInteger, nullable=False),
        sa.Column("percent", sa.BigInteger),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("gpu_use_by_day", "gpu_use", ["day"])
    op.create_table(
        "storage_days",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("home_bytes", sa.BigInteger, nullable=False),
        sa.Column("kept_bytes", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "model_calls_sums", "model_calls", ["day", "model", "user_id", "tokens_in", "tokens_out", "cost"]
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index("model_calls_sums", "model_calls")
    for table in ("storage_days", "gpu_use", "alarm_rules", "alarms"):
        op.drop_table(table)
