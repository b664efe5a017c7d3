"""How connections to SQLite and DuckDB are kept: files are opened again, what is in memory comes along."""

from __future__ import annotations

import importlib
import os
import pickle
import secrets
import tempfile
from typing import TYPE_CHECKING, Any

from . import rebuild
from .reducers import Reduced, Unkept

if TYPE_CHECKING:
    from collections.abc import Callable

    LosePart = Callable[[object, str], None]


def reducer(cls: type, lose_part: LosePart) -> Callable[[Any], Reduced] | None:
    """Return how connections of a class are taken apart; None for other classes."""
    name = f"{cls.__module__}.{cls.__name__}"
    if name == "sqlite3.Connection":
        return lambda made: _sqlite(made, lose_part)
    if cls.__name__ == "DuckDBPyConnection" and cls.__module__.startswith(("duckdb", "_duckdb")):
        return _duckdb
    return None


def _sqlite(made: Any, lose_part: LosePart) -> Reduced:
    listed = [
        (str(name), str(path or "")) for _, name, path in made.execute("PRAGMA database_list").fetchall()
    ]
    if made.in_transaction and listed[0][1]:
        lose_part(made, "its open transaction is not kept: what was not committed is lost.")
    attached = [(name, path) for name, path in listed[1:] if path and name != "temp"]
    if [1 for name, path in listed[1:] if not path and name != "temp"]:
        lose_part(made, "databases in memory that are attached to it are not kept.")
    state = (made.isolation_level, made.row_factory, made.text_factory, attached)
    path = listed[0][1]
    if path:
        return open_sqlite, (os.path.abspath(path), None), state, None, None, set_sqlite
    if not hasattr(made, "serialize"):
        raise Unkept("a database in memory can be kept from Python 3.11 on.")
    # A copy, because a serialized database has no memory of its own before.
    image = pickle.PickleBuffer(made.serialize())
    return open_sqlite, (":memory:", image), state, None, None, set_sqlite


def open_sqlite(path: str, image: Any) -> Any:
    """Return a connection to a file, or to a database in memory with its content."""
    sqlite3: Any = importlib.import_module("sqlite3")
    if path != ":memory:" and not os.path.exists(path):
        raise FileNotFoundError(f"the database {path} is no longer there.")
    made = sqlite3.connect(path)
    if image is not None:
        rebuild.context.wait()
        made.deserialize(bytes(image))
    return made


def set_sqlite(made: Any, state: tuple[Any, Any, Any, list[tuple[str, str]]]) -> None:
    """Give a connection its settings and attached files."""
    made.isolation_level, made.row_factory, made.text_factory = state[:3]
    for name, path in state[3]:
        made.execute(f'ATTACH DATABASE ? AS "{name}"', (path,))


def _duckdb(made: Any) -> Reduced:
    cursor = made.cursor()  # the user's own results stay as they are
    try:
        ((name, path),) = cursor.execute(
            "SELECT database_name, path FROM duckdb_databases() WHERE database_name = current_database()"
        ).fetchall()
        if path:
            cursor.execute("CHECKPOINT")
            return open_duckdb, (os.path.abspath(path), None, name)
        with tempfile.TemporaryDirectory() as folder:
            copy = os.path.join(folder, "copy.duckdb")
            other = "nbkeep_" + secrets.token_hex(4)
            cursor.execute(f"ATTACH '{copy}' AS {other}")
            try:
                cursor.execute(f'COPY FROM DATABASE "{name}" TO {other}')
            finally:
                cursor.execute(f"DETACH {other}")
            with open(copy, "rb") as file:
                image = file.read()
    finally:
        cursor.close()
    return open_duckdb, (":memory:", pickle.PickleBuffer(image), name)


def open_duckdb(path: str, image: Any, name: str) -> Any:
    """Return a connection to a file, or to a database in memory with its content."""
    duckdb: Any = importlib.import_module("duckdb")
    if path != ":memory:":
        if not os.path.exists(path):
            raise FileNotFoundError(f"the database {path} is no longer there.")
        return duckdb.connect(path)
    made = duckdb.connect(":memory:" if name == "memory" else f":memory:{name}")
    rebuild.context.wait()
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy.duckdb")
        with open(copy, "wb") as file:
            file.write(image)
        other = "nbkeep_" + secrets.token_hex(4)
        made.execute(f"ATTACH '{copy}' AS {other} (READ_ONLY)")
        made.execute(f'COPY FROM DATABASE {other} TO "{name}"')
        made.execute(f"DETACH {other}")
    return made
