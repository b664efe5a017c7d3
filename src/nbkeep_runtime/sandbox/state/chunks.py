"""Sends memory to the trusted half in chunks, and of those only what it does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .layout import grid
from .wire import HASHES, Wire, WireError

if TYPE_CHECKING:
    from .hashing import Hasher

_BATCH = HASHES // 4


class Chunks:
    """Stores memory during one save; raises `WireError` whatever goes wrong with the connection."""

    def __init__(self, wire: Wire, hasher: Hasher) -> None:
        self._wire = wire
        self._hasher = hasher
        self._stored: set[str] = set()

    def store(self, view: memoryview, row: int = 0) -> dict[str, Any]:
        """Store memory; return what finds it again: {"size", "row", "chunks"}."""
        pieces = [view[offset : offset + size] for offset, size in grid(len(view), row)]
        names = [self._hasher.name(piece) for piece in pieces]
        try:
            for start in range(0, len(names), _BATCH):
                self._batch(pieces, names, start)
        except OSError as error:
            raise WireError(f"The connection broke: {error.strerror}.") from error
        return {"size": len(view), "row": row, "chunks": names}

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
