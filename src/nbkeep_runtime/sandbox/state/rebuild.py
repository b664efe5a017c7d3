"""What a restored pickle stream calls. Names and arguments are a file format: older checkpoints need them."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import sys
import types
import typing
import weakref
from typing import TYPE_CHECKING, Any, cast

from .lost import Lost

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Context:
    """What the functions below need of the restore under way; one for the process."""

    def __init__(self) -> None:
        self.shell: Any = None
        self.wait: Callable[[], None] = wait_for_nothing
        self.codes: list[types.CodeType] = []

    def begin(self, shell: Any, wait: Callable[[], None]) -> None:
        """Begin a restore; `wait` returns when all memory is filled that was handed out so far."""
        self.shell = shell
        self.wait = wait
        self.codes = []


def wait_for_nothing() -> None:
    """Return at once: no restore is under way."""


context = Context()


# Anchors: objects of the new process that stand for those of the old one


def anchor(kind: str, name: str = "") -> Any:
    """Return the new process's own namespace, shell, module or stream."""
    shell = context.shell
    if kind == "namespace":
        return shell.user_ns
    if kind == "main":
        return shell.user_module
    if kind == "shell":
        return shell
    if kind == "in":
        return shell.history_manager.input_hist_parsed
    if kind == "out":
        return shell.history_manager.output_hist
    if kind == "module":
        return importlib.import_module(name)
    if kind == "globals":
        return importlib.import_module(name).__dict__
    if kind == "attribute":
        module, _, attribute = name.partition(":")
        return getattr(importlib.import_module(module), attribute)
    if kind == "stream":
        return getattr(sys, name)
    raise ValueError(f"unknown anchor {kind}")


def lost(kind: str, reason: str) -> Lost:
    """Return what stands for an object that was not kept."""
    return Lost(kind, reason)


# Objects whose own code runs when they are made


def guarded(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Call what may read memory, once all memory is there that it can have been given."""
    context.wait()
    return function(*arguments)


def set_guarded(made: Any, rest: tuple[Any, Any, Any, Any]) -> None:
    """Do what pickle's BUILD, APPENDS and SETITEMS do, once all memory is there."""
    context.wait()
    state, items, pairs, setter = rest
    for item in items:
        made.append(item)
    for key, value in pairs:
        made[key] = value
    if setter is not None:
        setter(made, state)
    elif state is not None:
        set_state(made, state)


def set_state(made: Any, state: Any) -> None:
    """Do what pickle's BUILD does, but without asking an object for attributes that is not yet filled."""
    own = getattr(cast("Any", type(made)), "__setstate__", None)
    if own is not None:
        own(made, state)
        return
    slots: dict[str, Any] | None = None
    if isinstance(state, tuple) and len(cast("tuple[Any, ...]", state)) == 2:  # (dict, slots)
        state, slots = cast("tuple[Any, Any]", state)
    if state:
        made.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(made, name, value)


# Functions and classes


def function(code: types.CodeType, where: dict[str, Any], name: str, cells: tuple[Any, ...] | None) -> Any:
    """Return a function whose globals live; its cells, defaults and attributes follow."""
    where.setdefault("__builtins__", __builtins__)
    context.codes.append(code)
    return types.FunctionType(code, where, name, None, cells)


def set_function(made: Any, state: dict[str, Any]) -> None:
    """Give a function what may refer to the function itself."""
    for cell, contents in state["cells"]:
        cell.cell_contents = contents
    for name in (
        "__defaults__",
        "__kwdefaults__",
        "__annotations__",
        "__doc__",
        "__module__",
        "__qualname__",
    ):
        setattr(made, name, state[name])
    made.__dict__.update(state["dict"])
    if state.get("types"):
        made.__type_params__ = state["types"]


def cell() -> types.CellType:
    """Return an empty cell."""
    return types.CellType()


def set_cell(made: types.CellType, state: tuple[Any]) -> None:
    """Fill a cell."""
    made.cell_contents = state[0]


def class_skeleton(meta: type, name: str, bases: tuple[type, ...], more: dict[str, Any]) -> type:
    """Return a class without its attributes; the user's code that is told of new classes does not run."""
    if meta.__name__ == "_TypedDictMeta":
        make: Any = type.__new__  # its own wants the source's bases
    else:
        make = next(
            one for one in meta.__mro__ if "__new__" in one.__dict__ and one.__module__ != "__main__"
        ).__new__
    with _quiet(bases):
        return make(meta, name, bases, dict(more))


@contextlib.contextmanager
def _quiet(bases: tuple[type, ...]) -> Generator[None]:
    """Silence the user's `__init_subclass__` for a moment: it has run when the class was first made."""
    hooked = next(
        (one for base in bases for one in base.__mro__ if "__init_subclass__" in one.__dict__), object
    )
    if hooked.__module__ != "__main__":
        yield
        return
    hook = hooked.__dict__["__init_subclass__"]
    type.__setattr__(hooked, "__init_subclass__", classmethod(_no_hook))
    try:
        yield
    finally:
        type.__setattr__(hooked, "__init_subclass__", hook)


def _no_hook(_cls: type, **_more: Any) -> None:
    """Stand in for a user's `__init_subclass__`."""


def lru_cache(wrapped: Callable[..., Any], maxsize: int | None, typed: bool) -> Any:  # noqa: FBT001  as stored
    """Return a function with an empty cache around it."""
    return functools.lru_cache(maxsize=maxsize, typed=typed)(wrapped)


def exception(cls: Any, arguments: tuple[Any, ...]) -> BaseException:
    """Return an exception without running its `__init__`, which may want other arguments than it told."""
    return cls.__new__(cls, *arguments)


def set_exception(made: BaseException, state: tuple[dict[str, Any], Any, Any, bool]) -> None:
    """Give an exception its attributes, and the ones that it came from."""
    made.__dict__.update(state[0])
    made.__cause__, made.__context__, made.__suppress_context__ = state[1:]


def new_type(name: str, supertype: Any, module: str) -> Any:
    """Return what `typing.NewType` makes."""
    made = cast("Any", typing.NewType)(name, supertype)
    made.__module__ = module
    return made


def weak(target: Any) -> Any:
    """Return a weak reference."""
    return weakref.ref(target)


def method_of(name: str) -> Any:
    """Return a method of the shell."""
    return getattr(context.shell, name)


# Files


def open_file(path: str, mode: str, offset: int, text: tuple[str, str, str | None] | None) -> Any:
    """Return a file opened again for reading, where it was."""
    if text is None:
        opened: Any = open(path, mode)  # noqa: SIM115  it is the user's from here on
    else:
        opened = open(path, mode, encoding=text[0], errors=text[1], newline=text[2])  # noqa: SIM115
    opened.seek(offset)
    return opened


def closed_file(path: Any, is_text: bool) -> Any:  # noqa: FBT001  as stored
    """Return a closed file of that name."""
    raw = io.FileIO(os.devnull)
    with contextlib.suppress(AttributeError, TypeError):
        raw.name = path
    made = io.BufferedReader(raw)
    opened: Any = io.TextIOWrapper(made) if is_text else made
    opened.close()
    return opened


# Arrays


def array(
    buffer: Any,
    dtype: Any,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
    writeable: bool,  # noqa: FBT001  as stored
) -> Any:
    """Return an array over memory; reads none of it."""
    numpy: Any = importlib.import_module("numpy")
    made = numpy.ndarray(shape, dtype, buffer=buffer, offset=offset, strides=strides)
    if not writeable:
        made.flags.writeable = False
    return made


def object_view(base: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Any:
    """Return a view of an array of objects."""
    numpy: Any = importlib.import_module("numpy")
    return numpy.ndarray(shape, base.dtype, buffer=base, offset=offset, strides=strides)


def array_as(plain: Any, cls: Any, attributes: dict[str, Any]) -> Any:
    """Return an array of a class of its own over the memory of a plain one."""
    if not cls.__module__.startswith("numpy"):
        context.wait()  # its __array_finalize__ may look
    made = plain.view(cls)
    made.__dict__.update(attributes)
    return made


def mapped_array(path: str, dtype: Any, mode: str, offset: int, shape: tuple[int, ...]) -> Any:
    """Return an array over a file."""
    numpy: Any = importlib.import_module("numpy")
    return numpy.memmap(path, dtype=dtype, mode=mode, offset=offset, shape=shape)


def tensor(
    buffer: Any,
    dtype: str,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    offset: int,
    cls: Any,
    needs_grad: bool,  # noqa: FBT001
) -> Any:
    """Return a torch tensor over memory; reads none of it."""
    torch: Any = importlib.import_module("torch")
    kind = getattr(torch, dtype)
    flat = torch.frombuffer(buffer, dtype=kind)
    made = flat.as_strided(size, stride, offset)
    if cls is not torch.Tensor:
        return cls(made, needs_grad)
    return made.requires_grad_() if needs_grad else made


def set_tensor(made: Any, state: tuple[Any, dict[str, Any]]) -> None:
    """Give a tensor its gradient and attributes."""
    made.grad = state[0]
    made.__dict__.update(state[1])


def enum_skeleton(
    meta: type, name: str, bases: tuple[type, ...], members: dict[str, Any], more: dict[str, Any]
) -> type:
    """Return an enumeration with its members, before its methods."""
    namespace = cast("Any", meta).__prepare__(name, bases)
    for key, value in {**more, **members}.items():
        namespace[key] = value
    return meta(name, bases, namespace)


def set_enum(made: Any, state: tuple[dict[str, Any], dict[str, dict[str, Any]]]) -> None:
    """Give an enumeration its methods, and its members what their own code gave them."""
    set_class(made, state[0])
    for name, attributes in state[1].items():
        made.__members__[name].__dict__.update(attributes)


def set_class(made: Any, attributes: dict[str, Any]) -> None:
    """Give a class its attributes; without a metaclass's or a descriptor's own code."""
    virtual = attributes.pop("_abc_impl", ())
    for name, value in attributes.items():
        type.__setattr__(made, name, value)
    for one in virtual:
        made.register(one)
