"""Memory of a restore: there at once, filled by a thread in the order in which it is needed."""

from __future__ import annotations

import contextlib
import mmap
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from .layout import grid
from .wire import WireError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .wire import Wire

Placed = tuple[int, int, int, bool]

_BATCH = 8
_MAPPED_BYTES = 1 << 20


class NotFilled(Exception):
    """Memory could not be filled: the other side is gone."""


class _Window:
    """Memory for a part of a stored buffer."""

    def __init__(self, start: int, size: int) -> None:
        self.start = start
        self.size = size
        self.view = _anonymous(size)

    def fill(self, offset: int, data: memoryview) -> None:
        """Copy what lies at `offset` of the stored buffer, as far as it concerns this window."""
        low, high = max(offset, self.start), min(offset + len(data), self.start + self.size)
        if low < high:
            self.view[low - self.start : high - self.start] = data[low - offset : high - offset]


class _Stored:
    """A stored buffer: its chunks, and the memory that they fill."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.size = int(told["size"])
        pieces = list(grid(self.size, int(told["row"])))
        if len(pieces) != len(told["chunks"]):
            raise WireError("The checkpoint's layout is wrong.")
        self.chunks = [(*piece, str(name)) for piece, name in zip(pieces, told["chunks"])]  # noqa: B905  Python 3.9
        self.windows: list[_Window] = []
        self.asked = self.received = 0
        self.is_filled = not self.chunks

    def shared(self) -> _Window:
        """Return the window that all places share which are not private."""
        if not self.windows or self.windows[0].size != self.size or self.windows[0].start:
            self.windows.insert(0, _Window(0, self.size))
        return self.windows[0]


class Memory:
    """All out-of-band buffers of one checkpoint; `fill` is for a thread of its own."""

    def __init__(self, wire: Wire, buffers: list[dict[str, Any]], places: list[Placed]) -> None:
        self._wire = wire
        self._stored: list[_Stored] = [_Stored(told) for told in buffers]
        self._changed = threading.Condition()
        self._failure = ""
        self._next = 0
        self._is_forgotten = False
        self._numbers = [int(place[0]) for place in places]
        # Windows that places share come first, so that chunks are received right into them.
        for number, offset, size, is_private in places:
            if number >= 0 and not 0 <= offset <= offset + size <= self._stored[number].size:
                raise WireError("The checkpoint's layout is wrong.")
            if number >= 0 and not is_private:
                self._stored[number].shared()
        self._views = [self._view(place) for place in places]
        self._order: deque[int] = deque(range(len(self._stored)))

    def _view(self, place: Placed) -> memoryview:
        number, offset, size, is_private = place
        if number < 0:
            return memoryview(bytearray())
        stored = self._stored[number]
        if not is_private:
            return stored.shared().view[offset : offset + size]
        window = _Window(offset, size)
        stored.windows.append(window)
        return window.view

    @property
    def size(self) -> int:
        """Bytes that are taken once everything is filled."""
        return sum(window.view.nbytes for stored in self._stored for window in stored.windows)

    # For the unpickler

    def add_part(self, told: dict[str, Any]) -> int:
        """Take a part of the stream itself, before anything is filled; return its number."""
        stored = _Stored(told)
        stored.shared()
        self._stored.append(stored)
        self._order.appendleft(len(self._stored) - 1)
        return len(self._stored) - 1

    def part(self, number: int) -> memoryview:
        """Return a part of the stream; raises `NotFilled`."""
        self._wait_for({number})
        return self._stored[number].windows[0].view

    def drop_part(self, number: int) -> None:
        """Give the memory of a part of the stream back."""
        self._stored[number].windows.clear()

    def seek(self, position: int) -> None:
        """Hand over buffers from this one on."""
        self._next = position

    def __iter__(self) -> Iterator[memoryview]:
        return self

    def __next__(self) -> memoryview:
        if self._next >= len(self._views):
            raise StopIteration
        self._next += 1
        return self._views[self._next - 1]

    def forget(self) -> None:
        """Let go of what was handed over: once it is filled, only the user's objects hold memory."""
        self._views.clear()
        with self._changed:
            self._is_forgotten = True
            for stored in self._stored:
                if stored.is_filled:
                    stored.windows = []

    # For those who look into memory

    @property
    def is_filled(self) -> bool:
        """Whether everything is there."""
        return all(one.is_filled for one in self._stored)

    def wait_seen(self) -> None:
        """Wait for all that was handed over so far; raises `NotFilled`."""
        self.wait([(0, self._next)])

    def wait(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Wait for buffers of the stream, by number; raises `NotFilled`, as every wait here."""
        self._wait_for(self._missing(ranges))

    def _wait_for(self, wanted: set[int]) -> None:
        if not wanted:
            return
        with self._changed:
            for number in sorted(wanted, reverse=True):
                if number in self._order:
                    self._order.remove(number)
                    self._order.appendleft(number)
            while not self._failure and any(not self._stored[number].is_filled for number in wanted):
                self._changed.wait(1)
        if any(not self._stored[number].is_filled for number in wanted):
            raise NotFilled(self._failure)

    def lacks(self, ranges: Iterable[tuple[int, int]]) -> bool:
        """Whether some of these buffers are not filled."""
        return bool(self._missing(ranges))

    def _missing(self, ranges: Iterable[tuple[int, int]]) -> set[int]:
        numbers = {n for start, end in ranges for n in self._numbers[start:end]}
        return {number for number in numbers if number >= 0 and not self._stored[number].is_filled}

    # The thread

    def fill(self) -> None:
        """Fill everything; ends when all is there or the other side is gone."""
        waiting: deque[tuple[_Stored, tuple[int, int, str]]] = deque()
        try:
            while True:
                while len(waiting) < 2 * _BATCH and (batch := self._next_batch()):
                    self._wire.send("want", hashes=[chunk[2] for _, chunk in batch])
                    waiting.extend(batch)
                if not waiting:
                    break
                stored, chunk = waiting.popleft()
                self._receive(stored, *chunk)
                stored.received += 1
                if stored.received == len(stored.chunks):
                    with self._changed:
                        stored.is_filled = True
                        if self._is_forgotten:
                            stored.windows = []
                        self._changed.notify_all()
            self._wire.send("done")
        except (OSError, WireError, ValueError, KeyError) as error:
            with self._changed:
                self._failure = str(error) or type(error).__name__
                self._changed.notify_all()
        finally:
            self._wire.close()

    def _next_batch(self) -> list[tuple[_Stored, tuple[int, int, str]]]:
        """Return the chunks to ask for next: of the buffer that is needed first."""
        batch: list[tuple[_Stored, tuple[int, int, str]]] = []
        with self._changed:
            while self._order and len(batch) < _BATCH:
                stored = self._stored[self._order[0]]
                end = min(stored.asked + _BATCH - len(batch), len(stored.chunks))
                batch += [(stored, chunk) for chunk in stored.chunks[stored.asked : end]]
                stored.asked = end
                if end == len(stored.chunks):
                    self._order.popleft()
        return batch

    def _receive(self, stored: _Stored, offset: int, size: int, name: str) -> None:
        frame = self._wire.receive(("chunk",))
        if frame.get("size") != size or frame.get("hash") != name:
            raise WireError("The answer is not the chunk that was asked for.")
        windows = stored.windows
        if windows and windows[0].start <= offset and offset + size <= windows[0].start + windows[0].size:
            start = offset - windows[0].start
            data = windows[0].view[start : start + size]
            others = windows[1:]
        else:
            data, others = memoryview(bytearray(size)), windows
        self._wire.read_into(data)
        for window in others:
            window.fill(offset, data)


def _anonymous(size: int) -> memoryview:
    """Return zeroed memory that costs nothing until it is touched."""
    if size < _MAPPED_BYTES:
        return memoryview(bytearray(size))
    mapped = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            mapped.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(mapped)
