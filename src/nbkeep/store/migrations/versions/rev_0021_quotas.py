"""Quotas with their overrides and requests, when a session is cut by one, and sums by person at hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_OPEN = sa.text("ended_at IS NULL")
_WAITING = sa.text("decided_at IS NULL")


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Add tables, columns and indexes."""
    op.create_table(
        "quotas",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("subject", sa.String(40), nullable=False),
        sa.Column("resource", sa.String(60), nullable=False),
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        _moment("set_at"),
        sa.Column("set_by", sa.String(60), nullable=False),
    )
    op.create_index("one_quota_of_a_kind", "quotas", ["subject", "resource", "period"], unique=True)
    op.create_table(
        "quota_overrides",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("subject", sa.String(40), nullable=False, index=True),
        sa.Column("resource", sa.String(60), nullable=False),
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("amount", sa.BigInteger),
        _moment("until"),
        sa.Column("reason", sa.Text, nullable=False),
        _moment("set_at"),
        sa.Column("set_by", sa.String(60), nullable=False),
        _moment("ended_at", nullable=True),
    )
    op.create_table(
        "quota_requests",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("subject", sa.String(40), nullable=False),
        sa.Column("resource", sa.String(60), nullable=False),
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        _moment("asked_at"),
        _moment("decided_at", nullable=True),
        sa.Column("decided_by", sa.String(60)),
        sa.Column("is_given", sa.Boolean, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
    )
    op.create_index(
        "one_waiting_quota_request", "quota_requests", ["user_id", "subject", "resource", "period"],
        unique=True, sqlite_where=_WAITING, postgresql_where=_WAITING,
    )  # fmt: skip
    op.create_table(
        "quota_told",
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("subject", sa.String(40), primary_key=True),
        sa.Column("resource", sa.String(60), primary_key=True),
        sa.Column("period", sa.String(8), primary_key=True),
        sa.Column("begin", sa.String(10), primary_key=True),
        _moment("at"),
    )
    op.add_column("sessions", _moment("quota_ends_at", nullable=True))
    op.add_column("sessions", sa.Column("quota_words", sa.Text, nullable=True))
    op.create_index("meter_days_of_user", "meter_days", ["user_id", "day"])
    op.create_index(
        "open_intervals_of_user", "meter_intervals", ["user_id"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index("open_intervals_of_user", table_name="meter_intervals")
    op.drop_index("meter_days_of_user", table_name="meter_days")
    op.drop_column("sessions", "quota_words")
    op.drop_column("sessions", "quota_ends_at")
    for name in ("quota_told", "quota_requests", "quota_overrides", "quotas"):
        op.drop_table(name)
