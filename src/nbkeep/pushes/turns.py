"""Whose push is looked through next: people take turns, whatever one of them asks for."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

AT_ONCE = 2  # each may take two minutes, a processor and two gigabytes of memory
MOST_OF_ONE, MOST = 4, 40


class Turns:
    """For all pushes of an office: `at_once`, of one person one, and the next is of who waited longest.

    `most_of_one`, `most`: so many wait, of a person and of all. Who waits beyond that is sent away.
    """

    def __init__(self, at_once: int = AT_ONCE, most_of_one: int = MOST_OF_ONE, most: int = MOST) -> None:
        self._at_once, self._most_of_one, self._most = at_once, most_of_one, most
        self._busy: set[str] = set()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # in the order of people's turns

    @contextlib.asynccontextmanager
    async def of(self, who: str) -> AsyncGenerator[None]:
        """Wait for a turn of a person, and have it; raises `Unavailable` where too many wait."""
        own = self._waiting.get(who, ())
        if len(own) >= self._most_of_one or sum(map(len, self._waiting.values())) >= self._most:
            raise Unavailable("pushes-wait", "Too many pushes wait to be examined.", "Try again in a minute.")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(turn)
        self._go_on()
        try:
            await turn
            yield
        finally:
            if turn in self._waiting.get(who, ()):  # whoever waited has gone
                self._waiting[who].remove(turn)
            else:
                self._busy.discard(who)
                if who in self._waiting:  # behind all others now
                    self._waiting[who] = self._waiting.pop(who)
            self._go_on()

    def _go_on(self) -> None:
        self._waiting = {who: turns for who, turns in self._waiting.items() if turns}
        for who in list(self._waiting):
            if len(self._busy) >= self._at_once:
                return
            if who in self._busy:
                continue
            turn = self._waiting[who].popleft()
            self._busy.add(who)
            if turn.done():  # cancelled just now: it gives its turn back
                continue
            turn.set_result(None)
