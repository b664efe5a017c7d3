"""Fingerprints of variables: equal for equal values, cheap, and without running a line of the user's code.

Containers are walked with the methods of their built-in bases, objects by their `__dict__` and slots, arrays
by their bytes. What is large is sampled at fixed places: `exact` is then False.
"""

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import functools
import hashlib
import marshal
import secrets
import sys
import time
import types
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from . import libraries
from .classes import (
    ALL,
    OF_EVERY_CLASS,
    Use,
    bases_of,
    code_digest,
    functions_of,
    has_hidden_parts,
    is_transparent,
    looked_up,
    module_of,
    name_of,
    own_dict,
    own_parts,
)
from .libraries import BYTES, HEAD, PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .libraries import Way

_NODES = 2_000  # that are visited of one variable
_FLAT = 20_000  # elements of a list of plain values that are taken whole
_COPIED = 4 << 20  # bytes of such a list
_MEMBERS = 200  # of a set, that are not plain values
_NUMBERED = 1 << 16
_SHORT = frozenset(map(id, (float, complex, bool, type(None))))
_MARSHAL = 2  # an earlier form of marshal's: one that does not depend on interned texts and reference counts
_APART = 100  # attributes of an object and its class that get fingerprints of their own


class OutOfTimeError(Exception):
    """There was no time for a fingerprint: the variable keeps the one that it had."""


@dataclass(frozen=True)
class Print:
    """A variable's fingerprint, and what functions in it look up when they are called.

    `parts`: of an object of a class of the user's, the fingerprint of each attribute, of itself and of its
    class; None when it has hidden parts, too.
    """

    digest: str
    exact: bool
    uses: frozenset[Use]
    seeds: bool = False
    parts: dict[str, str] | None = None


# Parts that are no attributes; the others are called "own NAME" and "class0 NAME".
CLASS, SHARED = "class", "shared"


def digest_of(parts: dict[str, str]) -> str:
    """Return the fingerprint of an object that has these parts."""
    return hashlib.blake2b(repr(sorted(parts.items())).encode("utf-8", "replace"), digest_size=16).hexdigest()


class Serials:
    """Numbers for objects that can only be told apart by who they are."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, str]] = {}
        self._next = 0
        self._kernel = secrets.token_hex(8)

    def of(self, value: object) -> str:
        """Return the object's number, which no other kernel gives."""
        key = id(value)
        known = self._known.get(key)
        if known is not None and (known[0] is None or known[0]() is value):
            return known[1]
        try:
            reference: Any = weakref.ref(value)
        except TypeError:
            reference = None
        if len(self._known) > _NUMBERED:
            self._known.clear()
        self._known[key] = (reference, self.new())
        return self._known[key][1]

    def new(self) -> str:
        """Return a number that no object has."""
        self._next += 1
        return f"{self._kernel}-{self._next}"


class Printer:
    """Makes fingerprints; `namespace` is the user's, `until` the `time.perf_counter` at which it gives up."""

    def __init__(self, namespace: dict[str, Any], serials: Serials) -> None:
        self._namespace = namespace
        self.serials = serials

    def of(self, value: object, until: float) -> Print:
        """Return a value's fingerprint; raises OutOfTimeError."""
        if time.perf_counter() > until:
            raise OutOfTimeError
        self._hash = hashlib.blake2b(digest_size=16)
        self._seen: dict[int, int] = {}
        self._left = _NODES
        self._until = until
        self.is_exact = True
        self._uses: set[Use] = set()
        self._seeds = False
        self._keep: list[object] = []
        self._methods: dict[int, str] = {}
        parts = self._apart(value)
        if parts is not None:
            return Print(digest_of(parts), self.is_exact, frozenset(self._uses), self._seeds, parts)
        self._walk(value)
        return Print(self._hash.hexdigest(), self.is_exact, frozenset(self._uses), self._seeds)

    def _walk(self, value: object) -> None:
        waiting: list[object] = [value]
        while waiting:
            if self._left <= 0:
                self.is_exact = False
                break
            self._left -= 1
            if not self._left & 127 and time.perf_counter() > self._until:
                raise OutOfTimeError
            self._one(waiting.pop(), waiting)

    def _apart(self, value: Any) -> dict[str, str] | None:
        """Return the fingerprints of an object's attributes, and of what its class holds."""
        cls = cast("type[Any]", type(value))
        if not is_transparent(cls):
            return None
        inside = own_dict(value, cls)
        classes = bases_of(cls)[:-1]
        if inside is None or len(inside) + sum(len(own_parts(one)) for one in classes) > _APART:
            return None
        parts = {CLASS: ".".join(str(name_of(one)) for one in classes)}
        for at, one in enumerate(classes):
            self._gate(one)
            for name, held in own_parts(one).items():
                if name not in OF_EVERY_CLASS:
                    parts[f"class{at} {name}"] = self._of_part(held)
        parts |= {f"own {name}": self._of_part(one) for name, one in inside.items() if type(name) is str}
        # Two names of one list are not the same as two lists.
        shared: dict[int, list[str]] = {}
        for name, one in inside.items():
            if id(type(one)) not in PLAIN:
                shared.setdefault(id(one), []).append(str(name))
        if many := [names for names in shared.values() if len(names) > 1]:
            parts[SHARED] = repr(many)
        return parts

    def _of_part(self, value: object) -> str:
        self._hash = hashlib.blake2b(digest_size=16)
        self._seen = {}
        self._walk(value)
        return self._hash.hexdigest()

    def _gate(self, cls: type) -> None:
        """Note under which name a class has its functions; libraries may call those of their heirs."""
        if is_transparent(cls):
            for name, held in own_parts(cls).items():
                for function in functions_of(held):
                    self._methods[id(function)] = (
                        "" if name.startswith("__") and name.endswith("__") else name
                    )

    def watch_time(self) -> None:
        """Raise OutOfTimeError when there is no time left."""
        if time.perf_counter() > self._until:
            raise OutOfTimeError

    def put(self, *parts: object) -> None:
        """Add texts, numbers and bytes to the fingerprint; nothing else is looked at."""
        for part in parts:
            if type(part) is bytes:
                self._hash.update(part)
            elif type(part) in (str, int, tuple):
                self._hash.update(f"{part}\0".encode("utf-8", "replace"))

    def _one(self, value: Any, waiting: list[object]) -> None:
        cls = type(value)
        if id(cls) in PLAIN:
            self._plain(value)
            return
        key = id(value)
        if key in self._seen:
            self.put("@", self._seen[key])
            return
        self._seen[key] = len(self._seen)
        self._keep.append(value)  # or its id might be another's within this walk
        way = _WAYS.get(id(cls)) or libraries.way_for(cls)
        if way is not None:
            way(self, value, waiting)
        else:
            self._object(value, waiting)

    def _plain(self, value: Any) -> None:
        if type(value) in (str, bytes) and len(value) > BYTES:
            self.is_exact = False
            self.put(type(value).__name__, len(value))
            value = value[: BYTES // 2] + value[-BYTES // 2 :]
        try:
            self.put(marshal.dumps(value, _MARSHAL))
        except ValueError:
            self.put(repr(value))

    def _sequence(self, value: Any, waiting: list[object]) -> None:
        base: Any = list if isinstance(value, list) else tuple
        length = base.__len__(value)
        self.put(base.__name__, length)
        if length <= _FLAT:
            items: list[object] = base.__getitem__(value, slice(None))
        else:
            self.is_exact = False
            step = length // HEAD
            samples = (slice(0, HEAD), slice(HEAD, None, step), slice(-HEAD, None))
            items = [one for sample in samples for one in base.__getitem__(value, sample)]
        if _is_flat(items):
            self.put(marshal.dumps(list(items), _MARSHAL))
        else:
            waiting.extend(reversed(items))

    def _mapping(self, value: Any, waiting: list[object]) -> None:
        length = dict.__len__(value)
        self.put("dict", length)
        try:
            for index, (key, one) in enumerate(dict.items(value)):
                if index > self._left:
                    self.is_exact = False
                    break
                waiting.append(one)
                waiting.append(key)
        except RuntimeError:  # another thread changes it
            self.is_exact = False

    def _set(self, value: Any, _waiting: list[object]) -> None:
        base: Any = set if isinstance(value, set) else frozenset
        self.put("set", base.__len__(value))
        items = list(base.__iter__(value))
        if len(items) <= _FLAT and _is_flat(items):
            self.put(*sorted(marshal.dumps(one, _MARSHAL) for one in items))
        elif len(items) <= _MEMBERS:
            self.put(*sorted(self._of_member(one) for one in items))
        else:  # no order that holds from one run to the next can be had without the elements' own methods
            self.is_exact = False
            self.put("elements", self.serials.of(value))

    def _of_member(self, value: object) -> str:
        inner = Printer(self._namespace, self.serials)
        found = inner.of(value, self._until)
        self._uses |= found.uses
        self.is_exact = self.is_exact and found.exact
        self._left -= _NODES - inner._left
        return found.digest

    def _module(self, value: Any, _waiting: list[object]) -> None:
        self.put("module", types.ModuleType.__getattribute__(value, "__dict__").get("__name__"))

    def _function(self, value: Any, waiting: list[object]) -> None:
        self.put("function", value.__module__, value.__qualname__, code_digest(value.__code__))
        looked = looked_up(value.__code__)
        gate = self._methods.get(id(value))
        nothing = frozenset[str]()
        names, sets = (
            (looked.names, looked.sets) if value.__globals__ is self._namespace else (nothing, nothing)
        )
        hands_on = gate is not None and looked.hands_on and value.__name__ != "__init__"
        attributes = looked.attributes | {ALL} if hands_on else looked.attributes
        self._uses.add(Use(gate or "", names, attributes, sets))
        self._seeds |= looked.seeds and value.__globals__ is self._namespace
        waiting.append(value.__defaults__)
        waiting.append(value.__kwdefaults__)
        waiting.append(value.__dict__)
        for cell in value.__closure__ or ():
            try:
                waiting.append(cell.cell_contents)
            except ValueError:
                waiting.append("empty")

    def _method(self, value: Any, waiting: list[object]) -> None:
        self.put("method")
        waiting.append(value.__self__)
        waiting.append(value.__func__)

    def _partial(self, value: Any, waiting: list[object]) -> None:
        self.put("partial")
        waiting.extend((value.keywords, value.args, value.func))

    def _wrapped(self, value: Any, waiting: list[object]) -> None:
        """Take the function within; a full cache does not make it another one."""
        self.put("cached")
        waiting.append(value.__wrapped__)

    def _property(self, value: Any, waiting: list[object]) -> None:
        self.put("property")
        waiting.extend((value.fget, value.fset))

    def _static(self, value: Any, waiting: list[object]) -> None:
        self.put(type(value).__name__)
        waiting.append(value.__func__)

    def _builtin(self, value: Any, _waiting: list[object]) -> None:
        self.put("builtin", value.__module__, value.__qualname__)

    def _class(self, value: Any, waiting: list[object]) -> None:
        module = module_of(value)
        self.put("class", module, name_of(value))
        if type(module) is str and module == "__main__":
            waiting.extend(bases_of(value)[1:])
            self._gate(value)
            for name, one in own_parts(value).items():
                if name not in OF_EVERY_CLASS:
                    waiting.append(one)
                    waiting.append(name)

    def _object(self, value: Any, waiting: list[object]) -> None:
        """Take what lies in an object, or else who it is."""
        cls = cast("type[Any]", type(value))
        if issubclass(cls, type):
            self._class(value, waiting)
            return
        module = module_of(cls)
        self.put("object", module, name_of(cls))
        if type(module) is str and module == "__main__":
            waiting.append(cls)  # its methods look up names
        found = False
        for base, way in _BASES:
            if issubclass(cls, base):
                way(self, value, waiting)
                found = True
                break
        hidden = not found and has_hidden_parts(cls)
        found |= self._parts(value, cls, waiting, with_slots=not hidden)
        if hidden or not found:
            self.put("who", self.serials.of(value))

    def _parts(self, value: Any, cls: type, waiting: list[object], *, with_slots: bool) -> bool:
        """Take an object's `__dict__` and its slots; tell whether it has any."""
        found = False
        for one in bases_of(cls):
            for name, held in own_parts(one).items():
                if name == "__dict__" and type(held) is types.GetSetDescriptorType:
                    inside = held.__get__(value)
                    if type(inside) is dict:
                        waiting.append(inside)
                        found = True
                elif type(held) is types.MemberDescriptorType and with_slots:
                    waiting.append(_slot(held, value))
                    found = True
        return found


def _is_flat(items: Sequence[object]) -> bool:
    """Whether all are plain values, and short enough to be copied together."""
    kinds = set(map(id, map(type, items)))
    if not PLAIN.issuperset(kinds):
        return False
    return _SHORT.issuperset(kinds) or sum(map(sys.getsizeof, items)) <= _COPIED


def _slot(held: Any, value: object) -> object:
    try:
        return held.__get__(value)
    except AttributeError:
        return None


_BASES: tuple[tuple[type, Way], ...] = (
    (list, Printer._sequence),
    (tuple, Printer._sequence),
    (dict, Printer._mapping),
    (set, Printer._set),
    (frozenset, Printer._set),
    (int, lambda self, value, _: self.put(int.__repr__(value))),
    (float, lambda self, value, _: self.put(float.__repr__(value))),
    (str, lambda self, value, _: self._plain(str.__str__(value))),
)
_WAYS: dict[int, Way] = {
    id(cls): way
    for cls, way in (
        (list, Printer._sequence),
        (tuple, Printer._sequence),
        (dict, Printer._mapping),
        (set, Printer._set),
        (frozenset, Printer._set),
        (types.ModuleType, Printer._module),
        (types.FunctionType, Printer._function),
        (types.MethodType, Printer._method),
        (types.BuiltinFunctionType, Printer._builtin),
        (functools.partial, Printer._partial),
        (functools._lru_cache_wrapper, Printer._wrapped),
        (property, Printer._property),
        (staticmethod, Printer._static),
        (classmethod, Printer._static),
        (type, Printer._class),
    )
}
