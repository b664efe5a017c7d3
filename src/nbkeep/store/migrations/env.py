"""Alembic's entry: runs migrations on the connection that `nbkeep.store.migrate` gives."""

from __future__ import annotations

from alembic import context

from nbkeep.store.model_tables import Table  # by this file all tables are known

# `transactional_ddl=False`: the caller's transaction holds all steps, so that a failed start changes nothing.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=False,
)
context.run_migrations()
