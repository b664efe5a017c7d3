"""Since when a session is frozen, and how long it was; a frozen one has its name, as all live ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INDEX = "one_live_session_per_name"
_LIVE = sa.text("state IN ('requested','starting','ready','frozen','stopping')")


def upgrade() -> None:
    """Add the columns, and make the index of live sessions anew with the new state in it."""
    moment = sa.DateTime(timezone=True)
    op.add_column("sessions", sa.Column("freeze_asked_at", moment, nullable=True))
    op.add_column("sessions", sa.Column("frozen_at", moment, nullable=True))
    op.add_column("sessions", sa.Column("frozen_s", sa.Float(), nullable=False, server_default="0"))
    op.drop_index(_INDEX, table_name="sessions")
    op.create_index(
        _INDEX, "sessions", ["user_id", "name"], unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
    )
