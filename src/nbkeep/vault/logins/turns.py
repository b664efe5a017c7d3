"""Turns: for each lease one question to the Vault at a time, and a rest after one whose end nobody knows."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Generator


@dataclass
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0  # who has it or waits for it


class Turns:
    """Of one process, for any thread: a database has one office."""

    def __init__(self) -> None:
        self._of: dict[str, _Turn] = {}
        self._rests: dict[str, float] = {}
        self._looking = threading.Lock()

    @contextmanager
    def of(self, lease_id: str, wait_s: float) -> Generator[None]:
        """Give one's turn; raise `Unavailable` where that takes longer."""
        with self._looking:
            turn = self._of.setdefault(lease_id, _Turn())
            turn.count += 1
        try:
            if not turn.lock.acquire(timeout=wait_s):
                raise Unavailable(
                    "vault-away", "Vault cannot be asked: it is too slow.", "Try again in a moment."
                )
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            with self._looking:
                turn.count -= 1
                if not turn.count:
                    del self._of[lease_id]

    def rest(self, lease_id: str, now_s: float, until_s: float) -> None:
        """Have a lease wait."""
        with self._looking:
            self._rests = {key: end_s for key, end_s in self._rests.items() if end_s > now_s}
            self._rests[lease_id] = until_s

    def check_rested(self, lease_id: str, now_s: float) -> None:
        """Raise `Unavailable` while a lease has to wait."""
        with self._looking:
            left_s = self._rests.get(lease_id, now_s) - now_s
        if left_s > 0:
            raise Unavailable("vault-unanswered",
                              "Vault was asked for a role and gave no usable answer: one may have been made.",
                              f"Another one is asked for in {left_s:.0f} s.")  # fmt: skip
