"""Sends memory to the trusted half in chunks, and of those only what it does not have."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .hashing import Hasher
from .layout import grid
from .wire import HASHES, Wire, WireError

if TYPE_CHECKING:
    from collections.abc import Sequence

_BATCH = HASHES // 4
_THREADS = 4
_FEW = 16  # pieces for which a thread is not worth its start


class Chunks:
    """Stores memory during one save; raises `WireError` whatever goes wrong with the connection."""

    def __init__(self, wire: Wire, key: bytes) -> None:
        self._wire = wire
        self._key = key
        self._hasher = Hasher(key)
        self._stored: set[str] = set()

    def store(self, view: memoryview, row: int = 0) -> dict[str, Any]:
        """Store memory; return what finds it again: {"size", "row", "chunks"}."""
        pieces = [view[offset : offset + size] for offset, size in grid(len(view), row)]
        names = self._names(pieces)
        try:
            for start in range(0, len(names), _BATCH):
                self._batch(pieces, names, start)
        except OSError as error:
            raise WireError(f"The connection broke: {error.strerror}.") from error
        return {"size": len(view), "row": row, "chunks": names}

    def _names(self, pieces: Sequence[memoryview]) -> list[str]:
        """Return the pieces' names; many are hashed by several threads, outside Python's lock."""
        count = min(_THREADS, len(os.sched_getaffinity(0)), len(pieces) // _FEW)
        if count < 2:  # one thread is this one
            return [self._hasher.name(piece) for piece in pieces]

        def part(number: int) -> list[str]:
            hasher = Hasher(self._key)
            return [hasher.name(piece) for piece in pieces[number::count]]

        names = [""] * len(pieces)
        # Left only once the threads have ended, also by Ctrl-C: they read memory that is the user's.
        with ThreadPoolExecutor(count, "nbkeep-hash") as threads:
            for number, found in enumerate(threads.map(part, range(count))):
                names[number::count] = found
        return names

    def _batch(self, pieces: list[memoryview], names: list[str], start: int) -> None:
        asked = [name for name in dict.fromkeys(names[start : start + _BATCH]) if name not in self._stored]
        if not asked:
            return
        self._wire.send("have", hashes=asked)
        missing = set(self._wire.receive(("missing",)).get("hashes", ()))
        self._stored.update(asked)
        for index in range(start, min(start + _BATCH, len(names))):
            if names[index] in missing:
                missing.discard(names[index])
                # A thread of the user may have written meanwhile: what is sent bears its own name, or a later
                # save would believe that other bytes are stored already.
                copy = bytes(pieces[index])
                name = self._hasher.name(memoryview(copy))
                if name != names[index]:
                    self._stored.discard(names[index])
                    names[index] = name
                self._wire.send("chunk", copy, hash=name)
                self._stored.add(name)
