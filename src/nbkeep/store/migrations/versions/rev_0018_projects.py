"""Projects, and who is in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; there are no projects yet."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "projects",
        sa.Column("id", sa.String(24), primary_key=True),
        sa.Column("name", sa.String(30), nullable=False),
        sa.Column("description", sa.String(400), nullable=False),
        sa.Column("archived_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
    )
    here = sa.text("archived_at IS NULL")
    op.create_index("one_project_per_name", "projects", ["name"], unique=True, sqlite_where=here,
                    postgresql_where=here)  # fmt: skip
    op.create_table(
        "project_members",
        sa.Column("project_id", sa.String(24), sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("user_id", sa.String(24), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("is_lead", sa.Boolean(), nullable=False),
        sa.Column("since", moment, nullable=False),
    )
    op.create_index("ix_project_members_user_id", "project_members", ["user_id"])


def downgrade() -> None:
    """Take the tables away, and what was granted to projects."""
    op.execute("DELETE FROM secret_grants WHERE grantee LIKE 'project:%'")
    op.execute("DELETE FROM connection_grants WHERE grantee LIKE 'project:%'")
    op.drop_table("project_members")
    op.drop_table("projects")
