"""A database as a new installation has it, and what is let go of afterwards."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg

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


@contextlib.contextmanager
def database_on(server: str, *, template: str = "template1") -> Generator[str]:
    """Make a database on a PostgreSQL server, as a copy of another; give its URL, and drop it afterwards."""
    name = f"t{uuid4().hex}"
    with _operator_of(server) as operator:
        operator.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    yield _url_on(server, name)
    with _operator_of(server) as operator:
        operator.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@cache
def migrated_on(server: str) -> str:
    """Return the name of a database with all tables on a PostgreSQL server, to make copies of."""
    with _operator_of(server) as operator:
        operator.execute(b"CREATE DATABASE migrated")
    store = Store(_url_on(server, "migrated"))
    store.migrate()
    store.close()
    return "migrated"


def _operator_of(server: str) -> psycopg.Connection:
    return psycopg.connect(server.replace("postgresql+psycopg://", "postgresql://"), autocommit=True)


def _url_on(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?")


def forget_compiled() -> None:
    """Let go of statements that were compiled for the databases of earlier tests.

    SQLAlchemy keeps the last hundred for each table, whatever engine they are of. With an engine for each
    test these come to hundreds of megabytes, over which each search for garbage goes.
    """
    for mapper in Table.registry.mappers:
        vars(mapper).pop("_compiled_cache", None)
