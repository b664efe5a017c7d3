"""A database as a new installation has it, and what is let go of afterwards."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from nbkeep.store.database import Store
from nbkeep.store.tables import Table


def put_migrated(file: Path) -> None:
    """Put a SQLite database with all tables there: to migrate one anew takes longer than most tests."""
    file.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(prefix="nbk", dir="/tmp") as folder:
        file = Path(folder) / "nbkeep.db"
        store = Store.at(file)
        store.migrate()
        store.close()
        assert not file.with_name("nbkeep.db-wal").exists()  # nothing of it lies elsewhere
        return file.read_bytes()


def forget_compiled() -> None:
    """Let go of statements that were compiled for the databases of earlier tests.

    SQLAlchemy keeps the last hundred for each table, whatever engine they are of. With an engine for each
    test these come to hundreds of megabytes, over which each search for garbage goes.
    """
    for mapper in Table.registry.mappers:
        vars(mapper).pop("_compiled_cache", None)
