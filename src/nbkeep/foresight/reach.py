"""Functions of Python's own by which one reaches something by its name: `getattr`, `__import__`, `vars`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from .methods import Known, Ref, Value, canonical
from .names import Names, attribute, is_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GETS = (".get", ".__getitem__", ".pop", ".setdefault")


def reached(names: Names, name: str, first: list[Value], second: list[Value]) -> Iterator[Value] | None:
    """Return what a function reaches that is given these two first arguments; None for any other one."""
    if (needing := _NEED_ONE.get(name)) is not None and first:
        return needing(first, second)
    owner = name.rpartition(".")[0]
    if name.endswith(("__getattribute__", "__getattr__")) and first:
        return _of_owner(owner, first)
    if (way := _WAYS.get(name)) is not None:
        return way(first)
    if name.startswith("attrgetter:"):
        wanted = name.partition(":")[2]
        return itertools.chain.from_iterable(attribute(one, wanted, by_trick=True) for one in first)
    if name.endswith(_GETS) and first and is_table(owner):
        return itertools.chain.from_iterable(names.looked_up(Ref(owner), one) for one in first)
    return None


def _texts(values: list[Value]) -> list[str]:
    return [one.value for one in values if isinstance(one, Known) and isinstance(one.value, str)]


def _getattr(first: list[Value], second: list[Value]) -> Iterator[Value]:
    for of, key in itertools.product(first, _texts(second) or ["?"]):
        yield from attribute(of, key, by_trick=True)


def _vars(first: list[Value], _second: list[Value]) -> Iterator[Value]:
    yield from (Ref(f"{one.name}.__dict__") for one in first if isinstance(one, Ref))


def _of_owner(owner: str, first: list[Value]) -> Iterator[Value]:
    for key in _texts(first):
        yield from attribute(Ref(owner), key, by_trick=True)


def _module(first: list[Value]) -> Iterator[Value]:
    yield from (canonical(Ref(name, is_trick=True)) for name in _texts(first))


def _getter(first: list[Value]) -> Iterator[Value]:
    yield from (Ref(f"attrgetter:{one.value}") for one in first if isinstance(one, Known))


_GETATTRS = ("getattr", "object.__getattribute__", "type.__getattribute__", "inspect.getattr_static")
_IMPORTS = ("__import__", "importlib.import_module", "importlib.__import__", "imp.load_module")
_NEED_ONE: dict[str, Callable[[list[Value], list[Value]], Iterator[Value]]] = {
    **dict.fromkeys(_GETATTRS, _getattr),
    "vars": _vars,
}
_WAYS: dict[str, Callable[[list[Value]], Iterator[Value]]] = {
    **dict.fromkeys(_IMPORTS, _module),
    "operator.attrgetter": _getter,
    "functools.partial": iter,
    "partial": iter,
}
