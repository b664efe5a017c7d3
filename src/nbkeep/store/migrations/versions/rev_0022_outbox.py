"""The outbox: messages, how the mail server is doing, what people chose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "outbox_mail",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id")),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("about", sa.JSON, nullable=False),
        sa.Column("once", sa.String(120), unique=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.String(24), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True)),
        sa.Column("last_error", sa.String(400), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    op.create_index("outbox_mail_due", "outbox_mail", ["state", "next_try_at"])
    op.create_index("outbox_mail_of_person", "outbox_mail", ["user_id", "created_at"])
    op.create_table(
        "outbox_server",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False
        ),
        sa.Column("is_set_up", sa.Boolean, nullable=False),
        sa.Column("notices", sa.String(10), nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("last_error", sa.String(400), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("next_try_at", sa.DateTime(timezone=True)),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.Column("last_ok_at", sa.DateTime(timezone=True)),
        sa.Column("reported_day", sa.String(10)),
    )
    op.create_table(
        "outbox_choices",
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("notices", sa.String(10), nullable=False),
    )


def downgrade() -> None:
    """Take the tables away."""
    op.drop_table("outbox_choices")
    op.drop_table("outbox_server")
    op.drop_table("outbox_mail")
