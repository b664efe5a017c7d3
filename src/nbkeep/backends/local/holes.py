"""Fills the holes in a warm parent's memory before it is forked, so that what forks make lies together.

Python and the C library put a new object wherever an old one left room. After an import that is in thousands
of pages, each of which a fork would copy for a few bytes. Once the holes are taken, a fork's objects come to
lie side by side in new pages. Standard library only: it is read by a bare interpreter.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys

_SMALLEST = 16
_BYTES_HEAD = sys.getsizeof(b"")
_LINE = re.compile(rb"^\s*\d+\s+(\d+)\s+\d+\s+\d+\s+(\d+)\s*$", re.MULTILINE)
_LARGEST = 96 << 10  # the C library asks the kernel for larger ones
_MOST_BYTES = 64 << 20
_SIXTEENTH = 16
# What no fork gives back: it would leave a hole.
_kept: list[object] = []


def fill() -> None:
    """Take all room between the objects that there are. Call it once, after a collection."""
    _kept.append(_small_ones())
    _large_ones()


def _small_ones() -> list[object]:
    """Return objects that fill the half-empty pools of Python's allocator."""
    free = _free_blocks()
    kept: list[object] = [None] * sum(free.values())  # made first: it takes room itself
    number = 0
    for size, count in free.items():
        for _ in range(count):
            kept[number] = _object_of(size, number)
            number += 1
    return kept


def _object_of(size: int, number: int) -> object:
    """Return a new object that takes a block of this size, and is not followed by the collector."""
    if size == _SMALLEST:
        return object()
    if size == 2 * _SMALLEST:
        return number + 0.5
    return bytes(size - _BYTES_HEAD)


def _free_blocks() -> dict[int, int]:
    """Return how many blocks of each size are free in pools that are in use; {} where that is not told."""
    told = getattr(sys, "_debugmallocstats", None)
    if told is None:
        return {}
    file, saved = os.memfd_create("told"), os.dup(2)
    os.dup2(file, 2)
    try:
        told()
    finally:
        os.dup2(saved, 2)
        os.close(saved)
    size = os.lseek(file, 0, os.SEEK_END)
    text = os.pread(file, size, 0)
    os.close(file)
    return {int(size): int(count) for size, count in _LINE.findall(text)}


class _Told(ctypes.Structure):
    """struct mallinfo2 (mallinfo(3))."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
                     "fordblks", "keepcost")
    )  # fmt: skip


def _large_ones() -> None:
    """Take the free chunks below the top of the C library's heap, the largest first; glibc 2.33 or later."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        return
    libc.mallinfo2.restype = _Told
    libc.sbrk.restype = libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    top = libc.sbrk(0) - libc.mallinfo2().keepcost
    size, taken = _LARGEST, 0
    while size >= _SMALLEST and taken < _MOST_BYTES:
        chunk = libc.malloc(size)
        if chunk and chunk < top:
            taken += size
            continue
        libc.free(chunk)
        size -= max(_SMALLEST, size // _SIXTEENTH & -_SMALLEST)
