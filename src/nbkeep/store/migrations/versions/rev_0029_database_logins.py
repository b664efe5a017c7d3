"""Database roles that a Vault makes for sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; no session has such a role."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "database_logins",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("lease_id", sa.String(24), sa.ForeignKey("secret_leases.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("path", sa.String(300), nullable=False),
        sa.Column("user_name", sa.String(63), nullable=False),
        sa.Column("vault_lease", sa.String(400), nullable=False),
        sa.Column("master_key_id", sa.String(16)),
        sa.Column("wrapped_key", sa.Text),
        sa.Column("sealed", sa.Text),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("lasts_s", sa.Integer, nullable=False),
        sa.Column("ends_at", moment, nullable=False),
        sa.Column("is_renewable", sa.Boolean, nullable=False),
        sa.Column("renew_at", moment),
        sa.Column("closing_at", moment),
        sa.Column("close_reason", sa.String(24)),
        sa.Column("closed_at", moment),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_try_at", moment),
        sa.Column("problem", sa.String(400), nullable=False),
    )
    op.create_index("one_login_per_number", "database_logins", ["lease_id", "number"], unique=True)
    op.create_index("one_login_per_vault_lease", "database_logins", ["vault_lease"], unique=True)
    is_open = sa.text("closed_at IS NULL")
    op.create_index(
        "one_login_per_user", "database_logins", ["user_name"], unique=True,
        sqlite_where=is_open, postgresql_where=is_open,
    )  # fmt: skip
    op.create_index(
        "logins_to_look_after", "database_logins", ["id"], sqlite_where=is_open, postgresql_where=is_open
    )


def downgrade() -> None:
    """Take it away: what a Vault made ends by its own time."""
    op.drop_table("database_logins")
