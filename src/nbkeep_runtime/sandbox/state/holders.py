"""Finds out whether a value holds an object that was lost as a part of another one."""

from __future__ import annotations

import gc
import types
from typing import Any

_BUDGET = 200_000
_NO_HOLDERS = (
    str, bytes, bytearray, int, float, complex, type, types.ModuleType, types.FunctionType,
    types.BuiltinFunctionType, types.CodeType,
)  # fmt: skip


class Holders:
    """Walks from values to what they hold; of one save, with an effort that is bounded for all of it."""

    def __init__(self, lost: dict[int, tuple[object, str]], barriers: list[object]) -> None:
        """Look for the objects of `lost`, by id; never beyond `barriers` such as the namespace."""
        self._lost = lost
        self._barriers = {id(one) for one in barriers}
        self._budget = _BUDGET

    def lost_in(self, value: object) -> tuple[object, str] | None:
        """Return a lost object that `value` holds, with the reason; None when none was found."""
        if not self._lost:
            return None
        seen = set(self._barriers)
        waiting: list[Any] = [value]
        while waiting and self._budget > 0:
            one = waiting.pop()
            if id(one) in seen or isinstance(one, _NO_HOLDERS):
                continue
            if id(one) in self._lost:
                return self._lost[id(one)]
            seen.add(id(one))
            self._budget -= 1
            waiting += gc.get_referents(one)
        return None
