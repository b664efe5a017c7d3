"""Which memory a checkpoint holds: each byte once, however many views look at it."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from .hashing import address_of

if TYPE_CHECKING:
    import pickle
    from collections.abc import Iterator

CHUNK_BYTES = 2 << 20
_SMALL_BYTES = 64 << 10
# Rows of a matrix at least this long are cut apart from each other, because pandas moves columns between
# blocks: a column then keeps its chunks wherever it lies.
_ROW_BYTES = 256 << 10
_ALIGNMENT = 64

Place = tuple[int, int, int, bool]


def grid(size: int, row: int) -> Iterator[tuple[int, int]]:
    """Return offset and size of each chunk of a buffer; `row` is 0 or the length that begins new chunks."""
    for start in range(0, size, row or size or 1):
        end = min(start + (row or size), size)
        for offset in range(start, end, CHUNK_BYTES):
            yield offset, min(CHUNK_BYTES, end - offset)


def _aligned(size: int) -> int:
    """Round up: the next array's numbers must lie where the processor likes them."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def memory_at(address: int, size: int) -> memoryview:
    """Return memory that the caller keeps alive."""
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


class Buffer:
    """Some memory to save: one range of it, or many small ones in a row."""

    def __init__(self, view: memoryview, row: int = 0) -> None:
        self.view = view
        self.row = row if row >= _ROW_BYTES else 0


class _Taken:
    """One buffer of the pickle stream."""

    def __init__(self, address: int, size: int, kept: Any, *, is_private: bool, row: int) -> None:
        self.address = address
        self.size = size
        self.kept = kept
        self.is_private = is_private
        self.row = row


class Layout:
    """Collects the out-of-band buffers of one pass, in the order of the stream."""

    def __init__(self) -> None:
        self._taken: list[_Taken] = []
        self._hints: dict[int, tuple[pickle.PickleBuffer, bool, int]] = {}

    def __len__(self) -> int:
        return len(self._taken)

    def hint(
        self, buffer: pickle.PickleBuffer, *, is_private: bool = False, row: int = 0
    ) -> pickle.PickleBuffer:
        """Say more about a buffer that the pickler is about to hand over."""
        self._hints[id(buffer)] = (buffer, is_private, row)
        return buffer

    def take(self, buffer: pickle.PickleBuffer) -> None:
        """Take a buffer from the pickler (its `buffer_callback`)."""
        _, is_private, row = self._hints.pop(id(buffer), (None, False, 0))
        raw = buffer.raw()
        # The view keeps its exporter from moving or freeing the memory until the checkpoint is complete.
        self._taken.append(_Taken(address_of(raw), len(raw), raw, is_private=is_private, row=row))

    def forget_from(self, count: int) -> None:
        """Drop what a failed frame handed over."""
        del self._taken[count:]
        self._hints.clear()

    def sizes(self, start: int) -> int:
        """Return the bytes of the buffers taken since `start`, shared ones counted each time."""
        return sum(one.size for one in self._taken[start:])

    def arrange(self) -> tuple[list[Buffer], list[Place]]:
        """Return what to store and, for each buffer of the stream, (stored buffer, offset, size, private).

        Ranges that overlap become one, so that views share memory again. Small ones are packed together.
        """
        places: list[Place] = [(-1, 0, 0, False)] * len(self._taken)
        buffers: list[Buffer] = []
        pack: list[tuple[int, int]] = []
        packed_size = 0
        members: list[tuple[int, int]] = []  # (index of the stream's buffer, offset in the pack)

        def close_pack() -> None:
            nonlocal packed_size
            if pack:
                joined = b"".join(bytes(memory_at(*each)).ljust(_aligned(each[1]), b"\0") for each in pack)
                for index, offset in members:
                    one = self._taken[index]
                    places[index] = (len(buffers), offset, one.size, one.is_private)
                buffers.append(Buffer(memoryview(joined)))
                pack.clear()
                members.clear()
                packed_size = 0

        for start, end, indices in self._ranges():
            if end - start >= _SMALL_BYTES:
                for index in indices:
                    one = self._taken[index]
                    places[index] = (len(buffers), one.address - start, one.size, one.is_private)
                row = self._row(start, end, [self._taken[index] for index in indices])
                buffers.append(Buffer(memory_at(start, end - start), row))
                continue
            if packed_size + end - start > CHUNK_BYTES:
                close_pack()
            members += [(index, packed_size + self._taken[index].address - start) for index in indices]
            pack.append((start, end - start))
            packed_size += _aligned(end - start)
        close_pack()
        return buffers, places

    @staticmethod
    def _row(start: int, end: int, members: list[_Taken]) -> int:
        """Return how long the rows of a range are, or 0.

        Who looks at all of it knows. Else it may be what is left of a frame's memory after pandas took a
        column out on a write: views of its rows, which must keep the chunks that they had as one matrix.
        """
        whole = [one.row for one in members if one.size == end - start]
        if whole:
            return max(whole)
        return max(
            (one.row for one in members if one.row and (one.address - start) % one.row == 0), default=0
        )

    def _ranges(self) -> list[tuple[int, int, list[int]]]:
        """Return (start, end, buffers in it) for each range of memory, in the order of the stream."""
        order = sorted(
            (i for i in range(len(self._taken)) if self._taken[i].size),
            key=lambda i: (self._taken[i].address, -self._taken[i].size),
        )
        found: list[tuple[int, int, list[int]]] = []
        for index in order:
            one = self._taken[index]
            end = one.address + one.size
            if found and one.address < found[-1][1]:
                start, last, indices = found[-1]
                indices.append(index)
                found[-1] = (start, max(last, end), indices)
            else:
                found.append((one.address, end, [index]))
        found.sort(key=lambda each: min(each[2]))
        return found
