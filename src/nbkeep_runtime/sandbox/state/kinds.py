"""Which objects only seem to pickle, and which are made without reading memory."""

from __future__ import annotations

import io
import sys
from typing import Any

_RELATION = "a query of DuckDB cannot be kept; the tables that it reads are, if their connection is."
# module of the class: names of classes, and why their objects end with the process. Subclasses count.
# Without this list most of them pickle into something that looks alive and is not.
_ENDS: dict[str, dict[str, str]] = {
    "subprocess": {"Popen": "a process cannot be kept."},
    "socket": {"socket": "a network connection cannot be kept."},
    "ssl": {"SSLContext": "a network connection cannot be kept."},
    "concurrent.futures._base": {
        "Executor": "a pool of workers cannot be kept.",
        "Future": "running work cannot be kept.",
    },
    "multiprocessing.process": {"BaseProcess": "a process cannot be kept."},
    "multiprocessing.pool": {
        "Pool": "a pool of workers cannot be kept.",
        "AsyncResult": "running work cannot be kept.",
    },
    "multiprocessing.managers": {
        "BaseManager": "a process cannot be kept.",
        "BaseProxy": "a process cannot be kept.",
    },
    "multiprocessing.connection": {"_ConnectionBase": "a connection to a process cannot be kept."},
    "multiprocessing.synchronize": {"SemLock": "a lock between processes cannot be kept."},
    "multiprocessing.queues": {"Queue": "a connection to a process cannot be kept."},
    "multiprocessing.shared_memory": {"SharedMemory": "memory shared with processes cannot be kept."},
    "mmap": {"mmap": "a file mapped into memory cannot be kept."},
    "select": {
        "epoll": "what waits for files cannot be kept.",
        "poll": "what waits for files cannot be kept.",
    },
    "selectors": {"BaseSelector": "what waits for files cannot be kept."},
    "threading": {"Thread": "a running thread cannot be kept."},
    "_thread": {"_local": "values of threads cannot be kept."},
    "_asyncio": {"Task": "running work cannot be kept.", "Future": "running work cannot be kept."},
    "asyncio.tasks": {"Task": "running work cannot be kept."},
    "asyncio.futures": {"Future": "running work cannot be kept."},
    "asyncio.events": {
        "AbstractEventLoop": "running work cannot be kept.",
        "Handle": "running work cannot be kept.",
    },
    "asyncio.subprocess": {"Process": "a process cannot be kept."},
    "tempfile": {
        "TemporaryDirectory": "a temporary folder ends with its session.",
        "_TemporaryFileWrapper": "a temporary file ends with its session.",
    },
    "os": {"_Environ": "environment variables are never kept, because they may hold secrets."},
    "http.client": {"HTTPConnection": "a network connection cannot be kept."},
    "builtins": {
        "generator": "a running generator cannot be kept.",
        "coroutine": "running work cannot be kept.",
        "async_generator": "a running generator cannot be kept.",
        "frame": "a running function cannot be kept.",
        "traceback": "a running function cannot be kept.",
    },
    "duckdb": {"DuckDBPyRelation": _RELATION},
    "duckdb.duckdb": {"DuckDBPyRelation": _RELATION},
    "duckdb._relation": {"DuckDBPyRelation": _RELATION},
    "_duckdb": {"DuckDBPyRelation": _RELATION},
    "zmq.sugar.socket": {"Socket": "a network connection cannot be kept."},
    "zmq.sugar.context": {"Context": "a network connection cannot be kept."},
    "_io": {"_IOBase": "this kind of open file cannot be kept."},
}
# Made by C code, or by pandas', without looking at the arrays that they are given.
_PANDAS = frozenset(
    {"DataFrame", "Series", "BlockManager", "SingleBlockManager", "Index", "RangeIndex", "DatetimeIndex",
     "TimedeltaIndex", "PeriodIndex", "DatetimeArray", "TimedeltaArray", "PeriodArray"}
)  # fmt: skip
_STDLIB = frozenset(getattr(sys, "stdlib_module_names", ("builtins", "collections", "datetime"))) - {
    "__main__"
}
_CONTAINERS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (dict, ("__setitem__",)),
    (list, ("append", "extend")),
)
_UNREAD = ("pyarrow", "torch.nn", "torch.optim", "numpy")


def why_it_ends(cls: type) -> str:
    """Return why an object of this class cannot outlive its process; empty when it can."""
    if issubclass(cls, (io.StringIO, io.BytesIO)):
        return ""
    for base in cls.__mro__:
        reason = _ENDS.get(base.__module__, {}).get(base.__name__)
        if reason:
            return reason
    return ""


def is_inert(cls: type) -> bool:
    """Whether an object of this class is made without code that could read the memory of an array."""
    module = cls.__module__
    if module.startswith("numpy.random"):
        return False
    if module.partition(".")[0] in _STDLIB or module.startswith(_UNREAD):
        return True
    if module.partition(".")[0] == "pandas":
        return cls.__name__ in _PANDAS or cls.__name__.endswith("Block")
    return type(cls) is type and _is_plain(cls)


def _is_plain(cls: type) -> bool:
    """Whether a class leaves making, hashing and filling to `object`, `list` and `dict`."""
    if hasattr(cls, "__setstate__") or cls.__hash__ not in (object.__hash__, None):
        return False
    for base, methods in _CONTAINERS:
        if issubclass(cls, base):
            return cls.__new__ is base.__new__ and all(getattr(cls, m) is getattr(base, m) for m in methods)
    return (
        cls.__new__ is object.__new__
        and cls.__reduce_ex__ is object.__reduce_ex__
        and cls.__reduce__ is object.__reduce__
    )


def runs_own_code(cls: type) -> bool:
    """Whether taking an object of this class apart runs code of the user or of a library."""
    if cls.__module__.partition(".")[0] in _STDLIB or cls.__module__.startswith(_UNREAD):
        return False
    own = getattr(object, "__getstate__", None)
    return (
        cls.__reduce_ex__ is not object.__reduce_ex__
        or cls.__reduce__ is not object.__reduce__
        or getattr(cls, "__getstate__", own) is not own
        or hasattr(cls, "__getnewargs__")
        or hasattr(cls, "__getnewargs_ex__")
        or hasattr(cls, "__getattr__")
        or cls.__getattribute__ is not object.__getattribute__
    )


def is_plain_instance(cls: type) -> bool:
    """Whether objects of this class are an ordinary `__dict__`, taken apart by `object` itself."""
    return type(cls) is type and _is_plain(cls) and cls.__new__ is object.__new__ and not runs_own_code(cls)
