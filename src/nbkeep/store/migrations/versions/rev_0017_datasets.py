"""The catalogue of datasets, and what sessions have read of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; the catalogue is empty."""
    big, moment = sa.BigInteger(), sa.DateTime(timezone=True)
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("name", sa.String(40), nullable=False, unique=True),
        sa.Column("classification", sa.String(16), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("host", sa.String(253), nullable=False),
        sa.Column("port", big, nullable=False),
        sa.Column("bucket", sa.String(63), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("region", sa.String(40), nullable=False),
        sa.Column("samples", sa.JSON(), nullable=False),
        sa.Column("secret_id", sa.String(24), sa.ForeignKey("secrets.id"), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.String(60), nullable=False),
    )
    op.create_table(
        "dataset_reads",
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("dataset_id", sa.String(24), primary_key=True),
        sa.Column("dataset", sa.String(40), nullable=False),
        sa.Column("classification", sa.String(16), nullable=False),
        sa.Column("first_at", moment, nullable=False),
    )
    op.create_index("dataset_reads_by_class", "dataset_reads", ["classification"])


def downgrade() -> None:
    """Take the tables away."""
    op.drop_table("dataset_reads")
    op.drop_table("datasets")
