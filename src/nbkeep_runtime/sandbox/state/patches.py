"""Functions and classes of the user's that were put into modules and classes of others.

What is a class is told by `type`: stand-ins such as mocks answer `isinstance` as what they stand for.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRAPPERS = (property, staticmethod, classmethod)
# Modules into which IPython and the kernel put functions of cells.
_KERNELS = ("__main__", "ipykernel", "IPython", "_nbkeep")

Patch = tuple[Any, str, Any]


def patches(namespace: dict[str, Any]) -> list[Patch]:
    """Return (module or class, attribute, value) for each that can be found.

    All modules are looked through, but of classes only those that variables name, or modules that they name.
    """
    owners: list[Any] = [
        one
        for name, one in list(sys.modules.items())
        if type(one) is types.ModuleType and not name.startswith(_KERNELS) and name != "builtins"
    ]
    named = list(namespace.values())
    for module in [one for one in named if type(one) is types.ModuleType]:
        named += list(vars(module).values())
    seen: set[int] = set()
    for one in named:
        if issubclass(type(one), type) and id(one) not in seen and not _is_users(one, namespace):
            seen.add(id(one))
            owners.append(one)
    others: set[type[Any]] = set()
    return [(owner, *found) for owner in owners for found in _patched(owner, namespace, others)]


def put(found: list[Patch]) -> None:
    """Do again what the user's cells did."""
    for owner, name, value in found:
        setattr(owner, name, value)


def _patched(owner: Any, namespace: dict[str, Any], others: set[type[Any]]) -> Iterator[tuple[str, Any]]:
    """Yield (attribute, value); `others` collects the types whose objects are none of those looked for."""
    attributes = type.__dict__["__dict__"].__get__(owner) if issubclass(type(owner), type) else vars(owner)
    # A save looks at all attributes of all modules, many ten thousand: the usual ones end without a call.
    for name, value in attributes.copy().items():
        kind = type(value)
        if kind is types.FunctionType:
            if value.__globals__ is namespace and type(name) is str:
                yield name, value
        elif kind not in others:
            if not issubclass(kind, (type, *_WRAPPERS)):
                others.add(kind)
            elif type(name) is str and _is_users(value, namespace):
                yield name, value


def _is_users(value: Any, namespace: dict[str, Any]) -> bool:
    """Whether something was defined by a cell."""
    kind = cast("type[Any]", type(value))
    if kind in _WRAPPERS:
        value = value.fget if kind is property else value.__func__
        kind = cast("type[Any]", type(value))
    if kind is types.FunctionType:
        return value.__globals__ is namespace
    return issubclass(kind, type) and value.__dict__.get("__module__") == "__main__"
