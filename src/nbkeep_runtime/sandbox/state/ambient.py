"""What a session's code relies on beside its variables: folder, path, random state, settings."""

# pyright: reportPrivateUsage=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import contextlib
import importlib
import os
import random
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# sys.path as it is in a kernel that ran nothing yet; set by kernel.py.
first_path: list[str] = []
# Plain values that are kept along with the settings, by name; set, and taken after a restore, by kernel.py.
along: dict[str, Any] = {}


def capture() -> dict[str, Any]:
    """Return settings that are restored before the first cell runs."""
    found: dict[str, Any] = {"path": [entry for entry in sys.path if entry not in first_path]}
    found["along"] = dict(along)
    with contextlib.suppress(OSError):  # the folder is gone
        found["cwd"] = os.getcwd()
    for name, (take, _) in _SETTINGS.items():
        module = sys.modules.get(name)
        if module is not None:
            with contextlib.suppress(Exception):  # half-imported, or replaced by the user
                found[name] = take(module)
    return found


def apply(found: dict[str, Any]) -> list[str]:
    """Put settings back; return in words what could not be."""
    missing: list[str] = []
    along.update(found.get("along", {}))
    sys.path[:0] = [entry for entry in found.get("path", []) if entry not in sys.path]
    if "cwd" in found:
        try:
            os.chdir(found["cwd"])
        except OSError:
            missing.append("The working folder is no longer there.")
    for name, (_, put) in _SETTINGS.items():
        if name in found:
            try:
                put(importlib.import_module(name), found[name])
            except Exception:  # noqa: BLE001  a setting that a library no longer has
                missing.append(f"Settings of {name} could not be put back.")
    return missing


def random_states() -> dict[str, Any]:
    """Return the state of each random generator that the session has imported."""
    found: dict[str, Any] = {"random": random.getstate()}
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None:
        found["numpy"] = numpy.get_state(legacy=False)
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        found["torch"] = bytes(torch.get_rng_state().numpy())
    return found


def set_random_states(found: dict[str, Any]) -> None:
    """Set each generator; last of all, because what is restored before may draw from them."""
    random.setstate(found["random"])
    if "numpy" in found:
        numpy: Any = importlib.import_module("numpy.random")
        numpy.set_state(found["numpy"])
    if "torch" in found:
        torch: Any = importlib.import_module("torch")
        torch.set_rng_state(torch.frombuffer(bytearray(found["torch"]), dtype=torch.uint8))


def _matplotlib(module: Any) -> dict[str, Any]:
    return {
        name: value for name, value in dict[str, Any].items(module.rcParams) if not name.startswith("backend")
    }


def _set_matplotlib(module: Any, found: dict[str, Any]) -> None:
    dict[str, Any].update(module.rcParams, found)


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
        if (
            isinstance(value, (bool, int, float, str, type(None)))
            and value != config._registered_options[name].defval
        ):
            options[name] = value
    return options


def _set_pandas(module: Any, found: dict[str, Any]) -> None:
    for name, value in found.items():
        module.set_option(name, value)


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


_SETTINGS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], None]]] = {
    "duckdb": (_duckdb, _set_duckdb),
    "matplotlib": (_matplotlib, _set_matplotlib),
    "numpy": (_numpy, _set_numpy),
    "pandas": (_pandas, _set_pandas),
}
