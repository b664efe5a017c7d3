"""Alembic's entry: runs migrations on the connection that `nbkeep.store.migrate` gives."""

from __future__ import annotations

from alembic import context

from nbkeep.store import data_tables, model_tables, package_tables

# The same: all tables are known by these imports.
_TABLES = data_tables.Table, model_tables.Table, package_tables.Table

# `transactional_ddl=False`: the caller's transaction holds all steps, so that a failed start changes nothing.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=_TABLES[0].metadata,
    transactional_ddl=False,
)
context.run_migrations()
