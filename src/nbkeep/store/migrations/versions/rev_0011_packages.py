"""Package policies, what sessions fetched of packages, approvals, and known vulnerabilities."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; no profile has a policy yet."""
    big, moment = sa.BigInteger(), sa.DateTime(timezone=True)
    op.add_column("profiles", sa.Column("packages", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "package_installs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("session_id", sa.String(24), sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("version", sa.String(200), nullable=False),
        sa.Column("file", sa.String(400), nullable=False),
        sa.Column("index", sa.String(400), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", big, nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(800), nullable=False),
    )
    for name, columns in (
        ("package_installs_newest_first", ["at", "id"]),
        ("package_installs_of_session", ["session_id", "at", "id"]),
        ("package_installs_of_version", ["name", "version"]),
    ):
        op.create_index(name, "package_installs", columns, unique=False)
    op.create_table(
        "package_approvals",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("version", sa.String(200), primary_key=True),
        sa.Column("approved_by", sa.String(60), nullable=False),
        sa.Column("approved_at", moment, nullable=False),
    )
    op.create_table(
        "package_advisories",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("said", sa.JSON(), nullable=False),
    )
