"""Alembic's entry: runs migrations on the connection that `nbkeep.store.migrate` gives."""

from __future__ import annotations

from alembic import context

from nbkeep.store import package_tables

# `transactional_ddl=False`: the caller's transaction holds all steps, so that a failed start changes nothing.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=package_tables.Table.metadata,
    transactional_ddl=False,
)
context.run_migrations()
