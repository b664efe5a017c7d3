"""What sessions held and for how long, what it came to per day, and the prices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_KEEP_ENDED_SQLITE = """CREATE TRIGGER meter_intervals_ended BEFORE UPDATE ON meter_intervals
    WHEN OLD.ended_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'an ended interval never changes'); END"""
_KEEP_ENDED_POSTGRESQL = (
    """CREATE FUNCTION meter_intervals_ended() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'an ended interval never changes'; END $$""",
    """CREATE TRIGGER meter_intervals_ended BEFORE UPDATE ON meter_intervals
       FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION meter_intervals_ended()""",
)


def upgrade() -> None:
    """Make the tables; the meter opens intervals for what runs with its first beat."""
    moment, big = sa.DateTime(timezone=True), sa.BigInteger()
    op.create_table(
        "meter_intervals",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("profile_name", sa.String(40), nullable=False),
        sa.Column("resource", sa.String(60), nullable=False),
        sa.Column("amount", big, nullable=False),
        sa.Column("cpu_millis", big, nullable=False),
        sa.Column("memory_bytes", big, nullable=False),
        sa.Column("list_price", big, nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("lasted_us", big, nullable=False),
        sa.Column("boot", sa.String(40), nullable=False),
        sa.Column("mono_us", big, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
    )
    is_open = sa.text("ended_at IS NULL")
    op.create_index("one_open_interval", "meter_intervals", ["session_id", "resource"], unique=True,
                    sqlite_where=is_open, postgresql_where=is_open)  # fmt: skip
    op.create_index("meter_intervals_of_session", "meter_intervals", ["session_id", "began_at"])
    op.create_table(
        "meter_days",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("profile_name", sa.String(40), primary_key=True),
        sa.Column("resource", sa.String(60), primary_key=True),
        sa.Column("amount", big, primary_key=True, autoincrement=False),
        sa.Column("lasted_us", big, nullable=False),
        sa.Column("cost", big, nullable=False),
    )
    op.create_table(
        "meter_prices",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("resource", sa.String(60), nullable=False),
        sa.Column("price", big, nullable=False),
        sa.Column("valid_from", moment, nullable=False),
        sa.Column("set_at", moment, nullable=False),
        sa.Column("set_by", sa.String(60), nullable=False),
    )
    op.create_index("meter_prices_of_resource", "meter_prices", ["resource", "valid_from"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_KEEP_ENDED_SQLITE)
    else:
        for statement in _KEEP_ENDED_POSTGRESQL:
            op.execute(statement)


def downgrade() -> None:
    """Take the tables away."""
    for table in ("meter_prices", "meter_days", "meter_intervals"):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION meter_intervals_ended()")
