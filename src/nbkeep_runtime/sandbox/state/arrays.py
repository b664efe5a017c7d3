"""How arrays, frames and tensors are taken apart: their memory is saved where it lies, and shared again.

NumPy, pandas and torch are used only where the user's session has imported them.
"""

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import os
import pickle
import sys
from typing import TYPE_CHECKING, Any

from . import rebuild
from .layout import memory_at
from .reducers import Reduced, Unkept

if TYPE_CHECKING:
    from collections.abc import Callable

    from .layout import Layout


class Private:
    """An array whose memory must be nobody else's after a restore."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


class Arrays:
    """Takes apart what NumPy, pandas and torch made."""

    def __init__(self, layout: Layout, lose_part: Callable[[object, str], None]) -> None:
        self._layout = layout
        self._lose_part = lose_part  # reports what an object that is kept goes without
        self._views: list[Any] = []  # kept: addresses must stay valid until the checkpoint is complete

    def reducer(self, cls: type) -> Callable[[Any], Reduced] | None:
        """Return how objects of a class are taken apart, or None when their own way is right."""
        if cls is Private:
            return lambda made: self._array(made.array, is_private=True)
        numpy: Any = sys.modules.get("numpy")
        if numpy is not None and cls is getattr(numpy, "ndarray", None):
            return self._array
        if numpy is not None and cls is getattr(numpy, "memmap", None):
            return self._mapped
        if numpy is not None and _is_kind_of_array(numpy, cls):
            return self._of_subclass
        module = str(cls.__module__)
        if module.partition(".")[0] == "pandas" and _copies_on_write():
            if cls.__name__.endswith("Block"):
                return self._with_private_arrays
            pandas: Any = sys.modules["pandas"]
            if issubclass(cls, pandas.api.extensions.ExtensionArray):
                return self._with_private_arrays
        torch: Any = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "nn") and cls in (torch.Tensor, torch.nn.Parameter):
            return self._tensor
        return None

    def _array(self, made: Any, *, is_private: bool = False) -> Reduced:
        numpy: Any = sys.modules["numpy"]
        if made.dtype.hasobject:
            return self._objects(made)
        if made.nbytes == 0:
            return made.__reduce_ex__(pickle.HIGHEST_PROTOCOL if made.ndim else 2)
        low, high = _bounds(numpy, made)
        if made.flags.c_contiguous or made.flags.f_contiguous:
            view = made.ravel("K").view(numpy.uint8)
        else:
            view = memory_at(low, high - low)
        self._views.append((made, view))
        # A matrix; the stride of a single row is not always its length.
        row = made.nbytes // made.shape[0] if made.ndim == 2 and made.flags.c_contiguous else 0
        buffer = self._layout.hint(pickle.PickleBuffer(view), is_private=is_private, row=row)
        offset = made.__array_interface__["data"][0] - low
        return rebuild.array, (buffer, made.dtype, made.shape, made.strides, offset, made.flags.writeable)

    def _of_subclass(self, made: Any) -> Reduced:
        """Return an array of another class as a view of a plain one; NumPy's own way drops its attributes."""
        plain = made.view(sys.modules["numpy"].ndarray)
        self._views.append((made, plain))
        return rebuild.array_as, (plain, type(made), dict(getattr(made, "__dict__", ())))

    @staticmethod
    def _objects(made: Any) -> Reduced:
        """Return an array of objects; a view of another one stays a view."""
        base = made.base
        if (
            type(base) is type(made)
            and base.dtype == made.dtype
            and base.base is None
            and base.flags.c_contiguous
        ):
            offset = made.__array_interface__["data"][0] - base.__array_interface__["data"][0]
            return rebuild.object_view, (base, made.shape, made.strides, offset)
        return made.__reduce__()

    def _mapped(self, made: Any) -> Reduced:
        """Return an array over a file by the file's name."""
        numpy: Any = sys.modules["numpy"]
        root = made
        while isinstance(root.base, numpy.memmap):
            root = root.base
        path = getattr(root, "filename", None)
        if (
            path is None
            or made.mode not in ("r", "r+", "w+")
            or not made.flags.c_contiguous
            or not os.path.exists(path)
        ):
            self._lose_part(made, "it no longer belongs to its file; its values are kept.")
            return self._array(numpy.asarray(made).view(numpy.ndarray))
        made.flush()
        offset = made.__array_interface__["data"][0] - root.__array_interface__["data"][0] + root.offset
        mode = "r" if made.mode == "r" else "r+"
        return rebuild.mapped_array, (os.path.abspath(path), made.dtype, mode, offset, made.shape)

    @staticmethod
    def _with_private_arrays(made: Any) -> Reduced:
        """Wrap the arrays in an object's parts: pandas no longer knows who shares them, so nobody may."""
        numpy: Any = sys.modules["numpy"]

        def wrapped(part: Any) -> Any:
            if type(part) is numpy.ndarray and not part.dtype.hasobject and part.nbytes:
                return Private(part)
            if type(part) is tuple:
                return tuple(map(wrapped, part))
            if type(part) is dict:
                return {key: wrapped(value) for key, value in part.items()}
            return part

        reduced = made.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return (reduced[0], *map(wrapped, reduced[1:3]), *reduced[3:])

    def _tensor(self, made: Any) -> Reduced:
        torch: Any = sys.modules["torch"]
        if (
            made.device.type != "cpu"
            or made.layout is not torch.strided
            or made.is_quantized
            or made.is_conj()
            or made.is_neg()
        ):
            return made.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        if made.grad_fn is not None:
            self._lose_part(made, "it is kept without the computation that made it (its autograd graph).")
        plain = made.detach()
        storage = plain.untyped_storage()
        size = storage.nbytes()
        if size == 0 or type(made) not in (torch.Tensor, torch.nn.Parameter):
            return made.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        view = memory_at(storage.data_ptr(), size)
        self._views.append((storage, view))
        buffer = self._layout.hint(pickle.PickleBuffer(view))
        needs_grad = bool(made.requires_grad and made.grad_fn is None)
        first = (
            buffer, str(made.dtype).partition(".")[2], tuple(plain.shape), plain.stride(),
            plain.storage_offset(),
            type(made), needs_grad,
        )  # fmt: skip
        grad = made.grad if made.is_leaf else None
        return rebuild.tensor, first, (grad, dict(made.__dict__)), None, None, rebuild.set_tensor


def _is_kind_of_array(numpy: Any, cls: type) -> bool:
    """Whether a class is one of arrays that leaves their pickling to NumPy."""
    array: Any = getattr(numpy, "ndarray", None)
    return (
        array is not None
        and issubclass(cls, array)
        and cls.__reduce__ is array.__reduce__
        and cls.__reduce_ex__ is array.__reduce_ex__
        and cls.__setstate__ is array.__setstate__
    )


def _bounds(numpy: Any, made: Any) -> tuple[int, int]:
    """Return where an array's memory begins and ends."""
    bounds = getattr(getattr(numpy.lib, "array_utils", None), "byte_bounds", None) or numpy.byte_bounds
    low, high = bounds(made)
    return int(low), int(high)


def _copies_on_write() -> bool:
    """Whether pandas shares memory only until somebody writes."""
    pandas: Any = sys.modules.get("pandas")
    if pandas is None:
        return False
    if int(str(pandas.__version__).partition(".")[0]) >= 3:  # always, from that version on
        return True
    return bool(pandas.options.mode.copy_on_write)


def common_objects() -> list[Any]:
    """Return what the frames of unrelated arrays have in common, and must not seem to get from each other."""
    numpy: Any = sys.modules.get("numpy")
    found: list[Any] = [
        rebuild.array,
        rebuild.guarded,
        rebuild.set_guarded,
        rebuild.function,
        rebuild.set_function,
    ]
    if numpy is not None and hasattr(numpy, "dtype"):
        found += [numpy.dtype(code) for code in "?bBhHiIlLqQfdFD"]
    return found


def is_large_leaf(value: Any, least_bytes: int) -> bool:
    """Whether a value is a large array or frame of numbers, which refers to no other object."""
    cls = type(value)
    name = f"{cls.__module__}.{cls.__name__}"
    try:
        if name == "numpy.ndarray":
            return bool(value.nbytes >= least_bytes and not value.dtype.hasobject)
        if name == "torch.Tensor":
            return bool(value.numel() * value.element_size() >= least_bytes and not value.__dict__)
        if cls.__module__.partition(".")[0] == "pandas" and cls.__name__ in ("DataFrame", "Series"):
            dtypes = [value.dtype] if cls.__name__ == "Series" else list(value.dtypes)
            plain = all(getattr(dtype, "kind", "O") in "biufcmM" for dtype in (*dtypes, value.index.dtype))
            return plain and bool(value.size * 8 >= least_bytes and not value.attrs)
    except Exception:  # noqa: BLE001  a tensor on a device that is gone, a subclass that went astray
        return False
    return False


__all__ = ["Arrays", "Private", "Unkept", "is_large_leaf"]
