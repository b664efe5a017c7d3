"""How functions, classes, files and other things that pickle does not know are taken apart.

Each returns what `object.__reduce_ex__` would: see the documentation of pickle. `rebuild` has the other half.
"""

# pyright: reportPrivateUsage=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import _thread
import enum
import functools
import gc
import io
import os
import struct
import sys
import types
import typing
import weakref
from typing import TYPE_CHECKING, Any, cast

from . import rebuild
from ._cloud import cloudpickle

if TYPE_CHECKING:
    from collections.abc import Callable

Reduced = Any


class Unkept(Exception):
    """An object that cannot be kept, with the reason in words."""


class Anchor:
    """Stands in the stream for an object that the new process has its own of."""

    __slots__ = ("kind", "name")

    def __init__(self, kind: str, name: str = "") -> None:
        self.kind = kind
        self.name = name

    def __reduce__(self) -> Reduced:
        return rebuild.anchor, (self.kind, self.name)


class Functions:
    """Takes functions and their cells apart; remembers which cells a function fills."""

    def __init__(self, anchors: dict[int, Anchor]) -> None:
        self._anchors = anchors  # by the id of a dictionary
        self._cells: dict[int, types.CellType] = {}  # kept: ids must not be reused during a pass

    def function(self, made: types.FunctionType) -> Reduced:
        """Return a function by name where it can be imported, else its code with its globals alive."""
        if cloudpickle._should_pickle_by_reference(made):
            return NotImplemented
        cells = made.__closure__
        filled: list[tuple[types.CellType, Any]] = []
        for cell in cells or ():
            self._cells[id(cell)] = cell
            try:
                filled.append((cell, cell.cell_contents))
            except ValueError:
                continue  # empty, as it will be again
        state: dict[str, Any] = {
            name: getattr(made, name)
            for name in (
                "__defaults__",
                "__kwdefaults__",
                "__annotations__",
                "__doc__",
                "__module__",
                "__qualname__",
            )
        }
        state["cells"] = filled
        state["dict"] = dict(made.__dict__)
        state["types"] = getattr(made, "__type_params__", ())
        first = (made.__code__, self._globals(made), made.__name__, cells)
        return rebuild.function, first, state, None, None, rebuild.set_function

    def _globals(self, made: types.FunctionType) -> Any:
        where = made.__globals__
        known = self._anchors.get(id(where))
        if known is not None:
            return known
        module = sys.modules.get(str(where.get("__name__")))
        if module is not None and module.__dict__ is where:
            anchor = self._anchors[id(where)] = Anchor("globals", module.__name__)
            return anchor
        return where

    def cell(self, made: types.CellType) -> Reduced:
        """Return a cell; its function fills it, if it has one, because both may hold each other."""
        if id(made) in self._cells:
            return rebuild.cell, ()
        try:
            return rebuild.cell, (), (made.cell_contents,), None, None, rebuild.set_cell
        except ValueError:
            return rebuild.cell, ()


def class_(made: type) -> Reduced:
    """Return a class by name where it can be imported, else its parts."""
    if made in (type(None), type(...), type(NotImplemented)) or made in cloudpickle._BUILTIN_TYPE_NAMES:
        return cloudpickle._class_reduce(made)
    if cloudpickle._should_pickle_by_reference(made):
        return NotImplemented
    attributes, _ = (
        cloudpickle._enum_getstate if issubclass(made, enum.Enum) else cloudpickle._class_getstate
    )(made)
    attributes = {
        name: value
        for name, value in attributes.items()
        if not (isinstance(value, types.MemberDescriptorType) and value.__objclass__ is made)
    }
    more: dict[str, Any] = {"__module__": made.__module__, "__qualname__": made.__qualname__}
    if issubclass(made, enum.Enum):
        members = dict(made.__members__)
        raw = {name: member.value for name, member in members.items()}
        own = {name: dict(member.__dict__) for name, member in members.items() if member.name == name}
        for attributes_of in own.values():
            attributes_of.pop("__objclass__", None)
        first = (type(made), made.__name__, made.__bases__, raw, more)
        return rebuild.enum_skeleton, first, (attributes, own), None, None, rebuild.set_enum
    for name in ("__slots__", "__orig_bases__"):
        if name in made.__dict__:
            more[name] = attributes.pop(name)
    first = (type(made), made.__name__, made.__bases__, more)
    return rebuild.class_skeleton, first, attributes, None, None, rebuild.set_class


def module(made: types.ModuleType) -> Reduced:
    """Return a module by name; one that was made by hand, by its contents."""
    if sys.modules.get(made.__name__) is made:
        return rebuild.anchor, ("module", made.__name__)
    return cloudpickle._module_reduce(made)


def lru_cache(made: Any) -> Reduced:
    """Return a function with an empty cache; a cached result is made again when it is asked for."""
    if _is_importable(made):
        return made.__reduce__()
    given = made.cache_parameters()
    more = {
        name: value
        for name, value in made.__dict__.items()
        if name not in ("__wrapped__", "cache_parameters")
    }
    return rebuild.lru_cache, (made.__wrapped__, given["maxsize"], given["typed"]), more


def _is_importable(made: Any) -> bool:
    found: Any = sys.modules.get(made.__module__) if made.__module__ != "__main__" else None
    for part in made.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is made


def lock(made: Any) -> Reduced:
    """Return an open lock; one that is held belongs to somebody who is gone."""
    if made.locked():
        raise Unkept("a lock that is held cannot be kept.")
    return _thread.allocate_lock, ()


def rlock(made: Any) -> Reduced:
    """Return an open lock that its owner may take again."""
    if made._is_owned() or not made.acquire(blocking=False):
        raise Unkept("a lock that is held cannot be kept.")
    made.release()
    return _thread.RLock, ()


def weak_reference(made: Any) -> Reduced:
    """Return a weak reference together with what it refers to."""
    if made.__callback__ is not None:
        raise Unkept("a weak reference that calls back cannot be kept.")
    target = made()
    if target is None:
        raise Unkept("a weak reference to something that is gone cannot be kept.")
    return rebuild.weak, (target,)


def weak_dictionary(made: Any) -> Reduced:
    """Return a dictionary with weak keys or values."""
    return type(made), (dict(made),)


def method(made: types.MethodType) -> Reduced:
    """Return a bound method."""
    return types.MethodType, (made.__func__, made.__self__)


def stream(made: Any) -> Reduced | None:
    """Return standard input, output or error by name; None when it is none of them."""
    for name in ("stdin", "stdout", "stderr"):
        if made is getattr(sys, name) or made is getattr(sys, f"__{name}__"):
            return rebuild.anchor, ("stream", name)
    return None


def file(made: Any) -> Reduced:
    """Return a file that is read, to be opened where it was; a closed one stays closed."""
    standard = stream(made)
    if standard is not None:
        return standard
    text = isinstance(made, io.TextIOBase)
    path: Any = getattr(made, "name", None)
    if made.closed:
        return rebuild.closed_file, (path if isinstance(path, (str, bytes)) else "", text)
    if made.writable():
        made.flush()
        raise Unkept("a file that is open for writing cannot be kept. What was written is in the file.")
    if not isinstance(path, str) or not made.seekable() or not _is_still(made, path):
        raise Unkept("this open file has no name under which it could be opened again.")
    if not text:
        return rebuild.open_file, (os.path.abspath(path), "rb", made.tell(), None)
    below: Any = made.buffer  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    if type(below) is not io.BufferedReader or type(cast("Any", below).raw) is not io.FileIO:
        raise Unkept("a file that is decompressed or decoded while it is read cannot be kept.")
    try:
        offset = made.tell()
    except OSError as error:  # after next(): see the documentation of io.TextIOBase.tell
        raise Unkept("its place cannot be told while a loop reads its lines.") from error
    shape = (made.encoding, made.errors, _newline(made))
    return rebuild.open_file, (os.path.abspath(path), "r", offset, shape)


def _newline(made: Any) -> str | None:
    """Return how a file was told to treat the ends of lines; only its decoder knows."""
    decoder: Any = next(
        (one for one in gc.get_referents(made) if isinstance(one, io.IncrementalNewlineDecoder)), None
    )
    if decoder is None:
        return "\n"
    state = decoder.getstate()
    try:
        decoder.reset()
        told = decoder.decode("\r\n".encode(made.encoding), final=True)
    finally:
        decoder.setstate(state)
    return None if told.endswith("\n") and "\r" not in told else ""


def _is_still(made: Any, path: str) -> bool:
    """Whether `path` names the very file that is open."""
    try:
        here, there = os.stat(path), os.fstat(made.fileno())
    except OSError:
        return False
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def exception(made: BaseException) -> Reduced:
    """Return an exception of a class with its own `__init__`; what led to it stays with it."""
    state = (dict(made.__dict__), made.__cause__, made.__context__, made.__suppress_context__)
    return rebuild.exception, (type(made), made.args), state, None, None, rebuild.set_exception


# Their own `__init__`, in C, sets more than `args`.
_FILLED_IN_C = (
    AttributeError, ImportError, NameError, OSError, StopIteration, SyntaxError, SystemExit, UnicodeError
)  # fmt: skip


def is_exception(cls: type) -> bool:
    """Whether a class is one of exceptions that pickles by calling its own `__init__` with `args`."""
    return (
        issubclass(cls, BaseException)
        and isinstance(cls.__init__, types.FunctionType)
        and not issubclass(cls, _FILLED_IN_C)
        and next(one for one in cls.__mro__ if "__new__" in one.__dict__).__module__ == "builtins"
        and cls.__reduce__ is BaseException.__reduce__
        and cls.__reduce_ex__ is object.__reduce_ex__
        and cls.__setstate__ is BaseException.__setstate__
    )


def new_type(made: Any) -> Reduced:
    """Return a type that only type checkers tell from another one."""
    if _is_importable(made):
        return made.__reduce__()
    return rebuild.new_type, (made.__qualname__, made.__supertype__, made.__module__)


def format_of_bytes(made: Any) -> Reduced:
    """Return a compiled `struct` format."""
    return struct.Struct, (made.format,)


def attribute(module: str, name: str) -> Reduced:
    """Return what a module has one of: the new process has its own, with the same state."""
    return rebuild.anchor, ("attribute", f"{module}:{name}")


# What functions of these modules share: `from random import randint` is a method of such an object.
_SHARED = (
    ("random", "_inst"),
    ("numpy.random.mtrand", "_rand"),
    ("matplotlib", "rcParams"),
    ("matplotlib", "rcParamsDefault"),
)


def shared_objects() -> dict[int, Reduced]:
    """Return, by id, how objects are taken apart that belong to imported modules."""
    found: dict[int, Reduced] = {}
    for module, name in _SHARED:
        made = getattr(sys.modules.get(module), name, None)
        if made is not None:
            found[id(made)] = attribute(module, name)
    return found


def view_of_memory(_made: memoryview) -> Reduced:
    """Refuse a view of memory: what it looks at may be kept, but not that it looks."""
    raise Unkept("a memoryview cannot be kept; what it looks at can.")


def iterator(made: Any) -> Reduced:
    """Refuse what pickles by running to its end."""
    raise Unkept(f"a running {type(made).__name__} cannot be kept.")


BY_TYPE: dict[type, Callable[[Any], Reduced]] = {
    types.ModuleType: module,
    functools._lru_cache_wrapper: lru_cache,
    _thread.LockType: lock,
    _thread.RLock: rlock,
    weakref.ref: weak_reference,
    weakref.WeakKeyDictionary: weak_dictionary,
    weakref.WeakValueDictionary: weak_dictionary,
    types.MethodType: method,
    memoryview: view_of_memory,
    struct.Struct: format_of_bytes,
    typing.NewType: new_type,
    io.TextIOWrapper: file,
    io.BufferedReader: file,
    io.BufferedWriter: file,
    io.BufferedRandom: file,
    io.FileIO: file,
}
