"""How much disk a session's kept state may take, at every moment."""

from __future__ import annotations

import threading

from nbkeep_runtime.server.state.errors import CannotKeep
from nbkeep_runtime.server.state.files import on_disk
from nbkeep_runtime.server.words import size_words


class Budget:
    """Bytes left; safe in several threads."""

    def __init__(self, limit_bytes: int, used_bytes: int) -> None:
        self._limit = limit_bytes
        self._used = used_bytes
        self._lock = threading.Lock()

    def take(self, size: int) -> int:
        """Take the room of a file; raises `CannotKeep`. Return what to give back when it is removed."""
        taken = on_disk(size)
        with self._lock:
            if self._used + taken > self._limit:
                raise CannotKeep(
                    "The variables are too large: with the earlier state, which stays until then, they take"
                    f" more than {size_words(self._limit)}, the limit of this session's profile."
                )
            self._used += taken
        return taken

    def give(self, taken: int) -> None:
        """Give room back."""
        with self._lock:
            self._used -= taken
