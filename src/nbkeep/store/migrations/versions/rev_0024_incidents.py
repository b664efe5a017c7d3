"""Security incidents: what they hold, and what is to be done for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_HELD = ("users", "sessions", "secrets")


def upgrade() -> None:
    """Add the tables; nothing is held."""
    for table in _HELD:
        op.add_column(table, sa.Column("held_by", sa.String(24)))
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("subject_id", sa.String(24), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(60), nullable=False),
        sa.Column("radius", sa.JSON, nullable=False),
        sa.Column("revoked", sa.JSON, nullable=False),
        sa.Column("evidence", sa.JSON),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("closed_by", sa.String(60)),
        sa.Column("close_reason", sa.Text, nullable=False),
        sa.Column("outcome", sa.JSON, nullable=False),
    )
    is_open = sa.text("state = 'open'")
    op.create_index(
        "one_open_incident",
        "incidents",
        ["kind", "subject_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("incidents_newest_first", "incidents", ["opened_at", "id"])
    op.create_table(
        "incident_holds",
        sa.Column("incident_id", sa.String(24), sa.ForeignKey("incidents.id"), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("subject_id", sa.String(24), primary_key=True),
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("before", sa.String(16), nullable=False),
    )
    op.create_index("ix_incident_holds_subject_id", "incident_holds", ["subject_id"])
    op.create_table(
        "incident_steps",
        sa.Column("incident_id", sa.String(24), sa.ForeignKey("incidents.id"), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("problem", sa.String(400), nullable=False),
        sa.Column("said", sa.String(400), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
    )
    op.create_index("incident_steps_due", "incident_steps", ["state", "next_try_at"])


def downgrade() -> None:
    """Take the tables away; what an incident held goes on."""
    op.drop_table("incident_steps")
    op.drop_table("incident_holds")
    op.drop_table("incidents")
    for table in reversed(_HELD):
        op.drop_column(table, "held_by")
