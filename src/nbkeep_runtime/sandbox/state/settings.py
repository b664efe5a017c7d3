"""Settings of modules that a session's code relies on: warnings, precision, options of libraries."""

# pyright: reportPrivateUsage=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from .lost import Lost

if TYPE_CHECKING:
    from collections.abc import Callable


def _recursion(module: Any) -> int:
    return module.getrecursionlimit()


def _set_recursion(module: Any, found: int) -> None:
    module.setrecursionlimit(found)


def _warnings(module: Any) -> list[tuple[Any, ...]]:
    return list(module.filters)


def _set_warnings(module: Any, found: list[tuple[Any, ...]]) -> None:
    module.filters[:] = [one for one in found if not any(isinstance(part, Lost) for part in one)]
    module._filters_mutated()


def _decimal(module: Any) -> Any:
    return module.getcontext().copy()


def _set_decimal(module: Any, found: Any) -> None:
    module.setcontext(found)


def _loggers(module: Any) -> dict[str, Any]:
    """Return the root logger under the name "" and those that are known by name."""
    named = {name: one for name, one in module.root.manager.loggerDict.items() if hasattr(one, "level")}
    return {"": module.root, **named}


def _logging(module: Any) -> dict[str, tuple[Any, ...]]:
    """Return levels, and the handlers that write below the cells."""
    found: dict[str, tuple[Any, ...]] = {}
    for name, one in _loggers(module).items():
        handlers = [
            (stream, handler.level, handler.formatter)
            for handler in one.handlers
            for stream in ("stdout", "stderr")
            if type(handler) is module.StreamHandler and handler.stream is getattr(sys, stream)
        ]
        if one.level or handlers or one.disabled or not one.propagate:
            found[name] = (one.level, bool(one.disabled), bool(one.propagate), handlers)
    return found


def _set_logging(module: Any, found: dict[str, tuple[Any, ...]]) -> None:
    for name, (level, disabled, propagate, handlers) in found.items():
        one = module.getLogger(name or None)
        one.setLevel(level)
        one.disabled, one.propagate = disabled, propagate
        for stream, of_handler, formatter in handlers:
            if any(getattr(each, "stream", None) is getattr(sys, stream) for each in one.handlers):
                continue
            handler = module.StreamHandler(getattr(sys, stream))
            handler.setLevel(of_handler)
            handler.setFormatter(formatter)
            one.addHandler(handler)


def _matplotlib(module: Any) -> dict[str, Any]:
    # Read as a dictionary: asking for the backend would choose one.
    return {
        name: value
        for name, value in dict[str, Any].items(module.rcParams)
        if (name == "backend" and isinstance(value, str)) or not name.startswith("backend")
    }


def _set_matplotlib(module: Any, found: dict[str, Any]) -> None:
    backend = found.pop("backend", None)
    dict[str, Any].update(module.rcParams, found)
    # Before the figures come, which belong to a backend: another one than before would close them.
    if backend is not None and backend != dict[str, Any].get(module.rcParams, "backend"):
        module.use(backend)


def _numpy(module: Any) -> tuple[Any, Any]:
    return module.get_printoptions(), module.geterr()


def _set_numpy(module: Any, found: tuple[Any, Any]) -> None:
    options = {name: value for name, value in found[0].items() if name != "override_repr"}
    module.set_printoptions(**options)
    module.seterr(**found[1])


def _pandas(_module: Any) -> dict[str, Any]:
    config = importlib.import_module("pandas._config.config")
    options: dict[str, Any] = {}
    for name in config._select_options("all"):
        value = config.get_option(name)
        plain = isinstance(value, (bool, int, float, str, type(None))) or callable(value)
        if plain and value != config._registered_options[name].defval:
            options[name] = value
    return options


def _set_pandas(module: Any, found: dict[str, Any]) -> None:
    for name, value in found.items():
        module.set_option(name, value)


def _sklearn(module: Any) -> dict[str, Any]:
    return module.get_config()


def _set_sklearn(module: Any, found: dict[str, Any]) -> None:
    module.set_config(**found)


def _polars(module: Any) -> str:
    return module.Config.save()


def _set_polars(module: Any, found: str) -> None:
    module.Config.load(found)


def _duckdb(module: Any) -> Any:
    """Return the connection behind `duckdb.sql`, if something is in it."""
    connection = module.default_connection()
    cursor = connection.cursor()
    try:
        (count,) = cursor.execute(
            "SELECT (SELECT count(*) FROM duckdb_tables())"
            " + (SELECT count(*) FROM duckdb_views() WHERE NOT internal)"
        ).fetchone()
    finally:
        cursor.close()
    return connection if count else None


def _set_duckdb(module: Any, found: Any) -> None:
    if found is not None:
        module.set_default_connection(found)


# module: how its settings are taken, and how they are put back
TABLE: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], None]]] = {
    "sys": (_recursion, _set_recursion),
    "warnings": (_warnings, _set_warnings),
    "decimal": (_decimal, _set_decimal),
    "logging": (_logging, _set_logging),
    "duckdb": (_duckdb, _set_duckdb),
    "matplotlib": (_matplotlib, _set_matplotlib),
    "numpy": (_numpy, _set_numpy),
    "pandas": (_pandas, _set_pandas),
    "polars": (_polars, _set_polars),
    "sklearn": (_sklearn, _set_sklearn),
}
