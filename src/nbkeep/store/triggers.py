"""SQL that makes the journal append only inside the database, whichever program writes."""

from __future__ import annotations

from sqlalchemy import Connection, text

_SQLITE = [
    f"""CREATE TRIGGER audit_journal_no_{verb.lower()} BEFORE {verb} ON audit_journal
        BEGIN SELECT RAISE(ABORT, 'the audit journal is append only'); END"""
    for verb in ("UPDATE", "DELETE")
]
_POSTGRESQL = [
    """CREATE FUNCTION audit_journal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'the audit journal is append only'; END $$""",
    """CREATE TRIGGER audit_journal_no_change BEFORE UPDATE OR DELETE ON audit_journal
       FOR EACH ROW EXECUTE FUNCTION audit_journal_append_only()""",
    """CREATE TRIGGER audit_journal_no_truncate BEFORE TRUNCATE ON audit_journal
       FOR EACH STATEMENT EXECUTE FUNCTION audit_journal_append_only()""",
]


def create_triggers(connection: Connection) -> None:
    """Create the triggers on `audit_journal`; part of the first migration.

    They stop mistakes and injected SQL. Whoever owns the database can drop them: that is what the hash chain,
    and heads kept elsewhere, are for.
    """
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.execute(text(statement))
