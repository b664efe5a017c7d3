"""What classes and functions say of themselves, without asking a metaclass of the user's."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import dis
import functools
import hashlib
import types
from typing import Any

own_parts: Any = type.__dict__["__dict__"].__get__
bases_of: Any = type.__dict__["__mro__"].__get__
module_of: Any = type.__dict__["__module__"].__get__
name_of: Any = type.__dict__["__qualname__"].__get__
_BASE: Any = type.__dict__["__base__"].__get__
_SIZE: Any = type.__dict__["__basicsize__"].__get__


def has_hidden_parts(cls: type) -> bool:
    """Tell whether objects of a class hold more than `__dict__` and slots: something written in C does."""
    while cls is not object:
        base = _BASE(cls)
        slots = sum(type(one) is types.MemberDescriptorType for one in own_parts(cls).values())
        if _SIZE(cls) - _SIZE(base) > 16 + 8 * slots:  # a dictionary and a list of weak references
            return True
        cls = base
    return False


@functools.lru_cache(4096)
def looked_up(code: types.CodeType) -> tuple[frozenset[str], bool]:
    """Return the global names that code reads, its inner functions included, and whether it seeds."""
    names = {one.argval for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    seeds = not {"seed", "manual_seed"}.isdisjoint(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            more, inner = looked_up(constant)
            names |= more
            seeds |= inner
    return frozenset(names), seeds


@functools.lru_cache(4096)
def code_digest(code: types.CodeType) -> bytes:
    """Return a fingerprint of a function's code."""
    consts = [
        code_digest(one).hex() if isinstance(one, types.CodeType) else f"{type(one).__name__}{one!r}"
        for one in code.co_consts
    ]
    parts = (code.co_name, code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars, consts)
    return hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=16).digest()
