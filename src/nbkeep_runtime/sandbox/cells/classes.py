"""What classes and functions say of themselves, without asking a metaclass of the user's."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import dis
import functools
import hashlib
import types
from dataclasses import dataclass
from typing import Any

own_parts: Any = type.__dict__["__dict__"].__get__
bases_of: Any = type.__dict__["__mro__"].__get__
module_of: Any = type.__dict__["__module__"].__get__
name_of: Any = type.__dict__["__qualname__"].__get__
_BASE: Any = type.__dict__["__base__"].__get__
_SIZE: Any = type.__dict__["__basicsize__"].__get__

OF_EVERY_CLASS = frozenset(
    {"__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__",
     "__static_attributes__", "_abc_impl"}
)  # fmt: skip
ALL = "*"  # among the attributes that code looks up: any
_OF_A_PART = frozenset({"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR"})


def has_hidden_parts(cls: type) -> bool:
    """Tell whether objects of a class hold more than `__dict__` and slots: something written in C does."""
    while cls is not object:
        base = _BASE(cls)
        slots = sum(type(one) is types.MemberDescriptorType for one in own_parts(cls).values())
        if _SIZE(cls) - _SIZE(base) > 16 + 8 * slots:  # a dictionary and a list of weak references
            return True
        cls = base
    return False


def is_transparent(cls: type) -> bool:
    """Tell whether objects of a class are a `__dict__` and no more, and all their methods the user's."""
    if type(cls) is not type:
        return False
    *classes, _ = bases_of(cls)
    for one in classes:
        parts = own_parts(one)
        module = parts.get("__module__")
        if type(one) is not type or type(module) is not str or module != "__main__" or "__slots__" in parts:
            return False
        if any(type(name) is not str for name in parts):
            return False
    return bool(classes)


def own_dict(value: object, cls: type) -> dict[str, Any] | None:
    """Return the `__dict__` of an object of a class that is transparent."""
    for one in bases_of(cls):
        held = own_parts(one).get("__dict__")
        if type(held) is types.GetSetDescriptorType:
            inside = held.__get__(value)
            return inside if type(inside) is dict else None
    return None


def functions_of(held: Any) -> list[types.FunctionType]:
    """Return the functions in what a class has under a name; one that something wraps is called by that."""
    if type(held) in (staticmethod, classmethod):
        held = held.__func__
    if type(held) is property:
        return [one for one in (held.fget, held.fset, held.fdel) if type(one) is types.FunctionType]
    return [held] if type(held) is types.FunctionType else []


@dataclass(frozen=True)
class Use:
    """What a function looks up when it is called.

    `gate` is the name under which a class has it: where no code names that, it is not called. "" is no gate.
    `attributes` has `ALL` when a method hands its object on, so that anyone may look at all of it.
    """

    gate: str
    names: frozenset[str]
    attributes: frozenset[str]
    sets: frozenset[str]  # global variables


@dataclass(frozen=True)
class Looked:
    """The names that code looks up, its inner functions included."""

    names: frozenset[str]  # of global variables
    attributes: frozenset[str]
    sets: frozenset[str]  # global variables
    seeds: bool
    hands_on: bool  # its first argument is used otherwise than by `argument.name`
    hands_any_on: bool  # one of its arguments is


@functools.lru_cache(4096)
def looked_up(code: types.CodeType) -> Looked:
    """Return what code looks up."""
    names: set[str] = set()
    sets: set[str] = set()
    attributes = set(code.co_names)
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + 2]
    handed_on = set(arguments) & set(code.co_cellvars)
    seeds = not {"seed", "manual_seed"}.isdisjoint(code.co_names)
    steps = list(dis.get_instructions(code))
    for at, step in enumerate(steps):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names.add(step.argval)
        elif step.opname == "STORE_GLOBAL":
            sets.add(step.argval)
        elif "LOAD_FAST" in step.opname and type(step.argval) is tuple:
            handed_on.update(step.argval)
        elif "LOAD_FAST" in step.opname and not _is_of_a_part(steps[at + 1 : at + 3]):
            handed_on.add(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = looked_up(constant)
            names |= inner.names
            attributes |= inner.attributes
            sets |= inner.sets
            seeds |= inner.seeds
    return Looked(
        frozenset(names),
        frozenset(attributes),
        frozenset(sets),
        seeds,
        hands_on=code.co_argcount > 0 and arguments[0] in handed_on,
        hands_any_on=not handed_on.isdisjoint(arguments),
    )


def _is_of_a_part(following: list[dis.Instruction]) -> bool:
    """Whether what has just been loaded is used for one of its attributes; `a.b += c` copies it before."""
    names = [one.opname for one in following]
    return names[0] in _OF_A_PART or (names[0] == "COPY" and names[1] in _OF_A_PART)


@functools.lru_cache(4096)
def code_digest(code: types.CodeType) -> bytes:
    """Return a fingerprint of a function's code."""
    consts = [
        code_digest(one).hex() if isinstance(one, types.CodeType) else f"{type(one).__name__}{one!r}"
        for one in code.co_consts
    ]
    parts = (code.co_name, code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars, consts)
    return hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=16).digest()
