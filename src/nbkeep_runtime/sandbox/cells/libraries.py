"""Fingerprints of what libraries make: arrays, frames, tensors, dates."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .classes import module_of, name_of

if TYPE_CHECKING:
    from .prints import Printer

Way = Callable[["Printer", Any, list[object]], None]

BYTES = 1 << 18  # of a text or an array that are taken whole
HEAD = 1_000  # elements that are taken of longer ones
_BLOCKS, _BLOCK = 48, 2048
# By id: a metaclass of the user's may have a `__hash__`.
PLAIN = frozenset(map(id, (int, float, complex, bool, str, bytes, type(None), type(Ellipsis))))
# Types whose own `repr`, which is C or the standard library's, tells all there is.
_TOLD = frozenset(
    {("datetime", "datetime"), ("datetime", "date"), ("datetime", "time"), ("datetime", "timedelta"),
     ("datetime", "timezone"), ("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID"),
     ("pathlib", "PosixPath"), ("pathlib._local", "PosixPath"), ("builtins", "range")}
)  # fmt: skip


def _namespace(module: types.ModuleType) -> dict[str, object]:
    """Return what a module holds, without asking a `__getattr__` of it."""
    return types.ModuleType.__getattribute__(module, "__dict__")


def way_for(cls: type) -> Way | None:
    """Return the way for a library's own type, which is known by its place in the library."""
    module, name = module_of(cls), name_of(cls)
    if type(module) is not str or type(name) is not str or module == "__main__":
        return None
    holder = sys.modules.get(module)
    if not isinstance(holder, types.ModuleType) or _namespace(holder).get(name) is not cls:
        return None
    if (module, name) in _TOLD:
        return _told
    match module.partition(".")[0], name:
        case "numpy", _:
            found = _of_numpy(cls)
        case "pandas", _:
            found = _of_pandas(cls, name)
        case "pyarrow", "ChunkedArray":
            found = _arrow
        case "torch", "Tensor" | "Parameter":
            found = _tensor
        case _:
            found = None
    return found


def _of_numpy(cls: type) -> Way | None:
    numpy: Any = sys.modules["numpy"]
    if cls is numpy.ndarray:
        return _array
    return _told if issubclass(cls, (numpy.generic, numpy.dtype)) else None


def _of_pandas(cls: type, name: str) -> Way | None:
    pandas: Any = sys.modules["pandas"]
    if getattr(pandas, name, None) is cls and name in ("DataFrame", "Series"):
        return _frame
    if name in ("Timestamp", "Timedelta"):
        return _told
    if issubclass(cls, pandas.Index) and getattr(pandas, name, None) is cls and name != "MultiIndex":
        return _index
    if issubclass(cls, pandas.api.extensions.ExtensionArray) and hasattr(cls, "dtype"):
        return _extension_array
    return None


def _told(printer: Printer, value: Any, _: list[object]) -> None:
    printer.put(type(value).__qualname__, repr(value))


def _array(printer: Printer, value: Any, waiting: list[object]) -> None:
    printer.put("array", str(value.dtype), value.shape)
    if value.dtype.hasobject:
        printer.is_exact = printer.is_exact and value.size <= HEAD
        waiting.append(value.flat[:HEAD].tolist())
        return
    if value.nbytes <= BYTES:
        printer.put(value.tobytes())
        return
    printer.is_exact = False
    rows = value if value.flags.c_contiguous else value.T
    if rows.flags.c_contiguous:
        _sampled(printer, memoryview(rows.reshape(-1).view("u1")))
    else:
        flat = value.flat
        step = max(1, value.size // HEAD)
        printer.put(flat[: HEAD * step : step].tobytes(), flat[-HEAD:].tobytes())


def _sampled(printer: Printer, data: memoryview) -> None:
    step = max(_BLOCK, len(data) // _BLOCKS)
    for start in range(0, len(data), step):
        printer.put(bytes(data[start : start + _BLOCK]))
    printer.put(bytes(data[-_BLOCK:]))


def _frame(printer: Printer, value: Any, waiting: list[object]) -> None:
    """Take a frame's blocks, which are arrays, and its labels."""
    printer.put(type(value).__name__)
    manager = value._mgr
    waiting.extend(manager.axes)
    waiting.extend(block.values for block in manager.blocks)
    waiting.extend(tuple(block.mgr_locs) if len(manager.axes[0]) < HEAD else None for block in manager.blocks)


def _index(printer: Printer, value: Any, waiting: list[object]) -> None:
    printer.put(type(value).__name__)
    waiting.append(value.name if id(type(value.name)) in PLAIN else None)
    waiting.append(value._range if hasattr(value, "_range") else value._data)


def _extension_array(printer: Printer, value: Any, waiting: list[object]) -> None:
    """Take a pandas array by the memory below it."""
    printer.put(type(value).__name__, str(value.dtype))
    found = [getattr(value, name, None) for name in ("_ndarray", "_pa_array", "_data", "_mask", "_codes")]
    waiting.extend(one for one in found if one is not None)


def _arrow(printer: Printer, value: Any, _: list[object]) -> None:
    printer.put("arrow", str(value.type), len(value))
    for chunk in value.chunks:
        printer.watch_time()
        printer.put(chunk.offset, len(chunk))
        for buffer in chunk.buffers():
            if buffer is not None:
                data = memoryview(buffer).cast("B")
                if len(data) <= BYTES:
                    printer.put(bytes(data))
                else:
                    printer.is_exact = False
                    _sampled(printer, data)


def _tensor(printer: Printer, value: Any, waiting: list[object]) -> None:
    printer.put("tensor", str(value.dtype), tuple(value.shape), str(value.device))
    whole = value.device.type == "cpu" and value.layout == sys.modules["torch"].strided
    if whole and value.nbytes <= BYTES and str(value.dtype) != "torch.bfloat16":
        waiting.append(value.detach().numpy())
    else:
        printer.put(printer.serials.of(value), value._version)
