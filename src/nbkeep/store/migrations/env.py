"""Alembic's entry: runs migrations on the connection that `nbkeep.store.migrate` gives."""

from __future__ import annotations

from alembic import context

from nbkeep.store import (
    alarm_tables,
    audit_tables,
    class_tables,
    data_tables,
    detection_tables,
    evidence_tables,
    guard_tables,
    incident_tables,
    inspection_tables,
    login_tables,
    meter_tables,
    model_tables,
    network_tables,
    outbox_tables,
    package_tables,
    project_tables,
    push_tables,
    quota_tables,
    release_tables,
    share_tables,
    storage_tables,
    upload_tables,
)

_TABLES = (
    alarm_tables.Table,
    audit_tables.Table,
    class_tables.Table,
    data_tables.Table,
    incident_tables.Table,
    detection_tables.Table,
    inspection_tables.Table,
    evidence_tables.Table,
    guard_tables.Table,
    login_tables.Table,
    meter_tables.Table,
    model_tables.Table,
    network_tables.Table,
    outbox_tables.Table,
    package_tables.Table,
    project_tables.Table,
    quota_tables.Table,
    push_tables.Table,
    release_tables.Table,
    share_tables.Table,
    storage_tables.Table,
    upload_tables.Table,
)  # the same: all tables are known by these imports

# `transactional_ddl=False`: the caller's transaction holds all steps, so that a failed start changes nothing.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=_TABLES[0].metadata,
    transactional_ddl=False,
)
context.run_migrations()
