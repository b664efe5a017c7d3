"""Which variables and attributes code may look up, with that of all functions that it may call."""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .classes import ALL, is_transparent, looked_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .prints import Print

# Where one of these is used, any method may be called.
_DYNAMIC = frozenset(
    {"getattr", "methodcaller", "attrgetter", "eval", "exec", "vars", "globals", "locals", ALL}
)
# Where one of these is used, all of an object may be looked at.
_WHOLE = frozenset({"__dict__", "__getstate__", "__reduce_ex__", ALL})


@dataclass
class Reach:
    """The variables, those of them that functions look up (`through`) or set, and attributes of anything."""

    names: set[str] = field(default_factory=set[str])
    through: set[str] = field(default_factory=set[str])
    attributes: set[str] = field(default_factory=set[str])
    sets: set[str] = field(default_factory=set[str])

    @property
    def is_whole(self) -> bool:
        """Whether all of an object may be looked at, whatever attributes are named."""
        return not _WHOLE.isdisjoint(self.attributes)


def reach_of(
    names: Iterable[str], attributes: set[str], passed: set[str], print_of: Callable[[str], Print | None]
) -> Reach:
    """Follow names to the functions in their values, and these to the names that they look up.

    A method counts where code that is reached names it, and of objects that are `passed` to libraries any
    method does: they may call it.
    """
    found = Reach(set(), set(), set(attributes))
    waiting: set[str] = set(names)
    size = (-1, -1)
    while size != (size := (len(found.names), len(found.attributes))) or waiting:
        found.names |= waiting
        waiting = set[str]()
        for name in list(found.names):
            known = print_of(name)
            is_open = name in passed or not _DYNAMIC.isdisjoint(found.attributes)
            for use in known.uses if known is not None else ():
                if not use.gate or is_open or use.gate in found.attributes:
                    found.attributes |= use.attributes
                    found.through |= use.names
                    found.sets |= use.sets
                    waiting |= use.names - found.names
    return found


def follows(called: object, namespace: dict[str, Any]) -> bool:
    """Whether what is passed to something is used there, and nowhere else, as its code tells."""
    if type(called) is types.FunctionType and called.__globals__ is namespace:
        return not looked_up(called.__code__).hands_any_on
    return isinstance(called, type) and is_transparent(called)
