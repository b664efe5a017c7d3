"""What a session's code relies on beside its variables: folder, path, modules, random state, settings."""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import sys
import types
from typing import TYPE_CHECKING, Any

from . import settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .watch import Watch

_IMPORT_S = 60.0

# sys.path as it is in a kernel that ran nothing yet; set by kernel.py.
first_path: list[str] = []
# Plain values that are kept along with the settings, by name; set, and taken after a restore, by kernel.py.
along: dict[str, Any] = {}


def capture(values: Iterable[Any]) -> dict[str, Any]:
    """Return settings that are restored before the first cell runs; `values` are those of the namespace."""
    found: dict[str, Any] = {
        "path": list(sys.path),
        "first_path": list(first_path),
        "modules": _modules([one for one in values if isinstance(one, types.ModuleType)]),
        "along": dict(along),
    }
    with contextlib.suppress(OSError):  # the folder is gone
        found["cwd"] = os.getcwd()
    for name, (take, _) in settings.TABLE.items():
        module = sys.modules.get(name)
        if module is not None:
            with contextlib.suppress(Exception):  # half-imported, or replaced by the user
                found[name] = take(module)
    return found


def _modules(named: list[types.ModuleType]) -> list[str]:
    """Return the modules that variables name, and what is imported of them, in the order of their import.

    `import xml.dom.minidom` makes a variable `xml`: a new `xml` would have no `dom`.
    """
    names = {one.__name__ for one in named}
    return [
        name
        for name, one in list(sys.modules.items())
        if type(one) is types.ModuleType
        and (name in names or (name.partition(".")[0] in names and _is_seen(name)))
        and name != "__main__"
    ]


def _is_seen(name: str) -> bool:
    """Whether a module can be reached from its package by public names."""
    return not any(part.startswith("_") for part in name.split("."))


def apply(found: dict[str, Any], watch: Watch) -> list[str]:
    """Put settings back; return in words what could not be."""
    missing: list[str] = []
    along.update(found.get("along", {}))
    sys.path[:] = _path(found)
    if "cwd" in found:
        try:
            os.chdir(found["cwd"])
        except OSError:
            missing.append("The working folder is no longer there.")
    for name in found.get("modules", ()):
        # What fails is told where a variable needs it.
        with contextlib.suppress(Exception), watch.limit(_IMPORT_S):
            importlib.import_module(name)
    for name, (_, put) in settings.TABLE.items():
        if name in found:
            try:
                put(importlib.import_module(name), found[name])
            except Exception:  # noqa: BLE001  a setting that a library no longer has
                missing.append(f"Settings of {name} could not be put back.")
    return missing


def _path(found: dict[str, Any]) -> list[str]:
    """Return the saved path; what this kernel began with takes the place of what the old one did."""
    saved: list[str] = list(found.get("path", ()))
    old: list[str] = list(found.get("first_path", ()))
    if not old or old == first_path:
        return saved if old else [*(one for one in saved if one not in sys.path), *sys.path]
    start = next((index for index, one in enumerate(saved) if one in old), len(saved))
    before = [one for one in saved[:start] if one not in old]
    after = [one for one in saved[start:] if one not in old and one not in first_path]
    return [*before, *first_path, *after]


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
