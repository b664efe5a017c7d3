"""The sandbox may be frozen: nothing is forwarded to it then, and whoever comes back has it thawed first.

The office decides both. It asks for a freeze in the answer to a heartbeat. Kernels are saved, forwarding
stops, and the office is told; it says yes, or no because somebody worked meanwhile. What a person does from
then on waits here, in its order, until the office has thawed the sandbox. When an answer of the office was
lost, nothing is forwarded until it is known how things are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server.office import OfficeRefused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from nbkeep_runtime.server.office import Office

log = logging.getLogger("nbkeep.pause")

_AGAIN_S = 0.2  # between two questions to an office that is away
_TOLD_AFTER_S = 2.0
_QUIET_S = 5.0  # after a sign of a person nothing is frozen: what follows it may be on its way
_HELD = 1000  # messages; a browser does not send more before it hears an answer
_WAITS = "This session is paused, and the platform does not answer just now. This runs as soon as it does."
FROZEN, READY = "frozen", "ready"


class StaysPaused(Exception):
    """The office does not let the session go on; the message says why and what to do."""


@dataclass(frozen=True)
class Held:
    """Something that waits: how it goes on, and how its sender is told in words that it waits or may not."""

    deliver: Callable[[], None]
    waits: Callable[[str], None]
    refuse: Callable[[str], None]


class Pause:
    """Whether the sandbox may be asked anything; on the event loop."""

    def __init__(
        self,
        office: Office,
        save: Callable[[], Awaitable[bool]],
        report: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        self.is_closed = False
        self.is_frozen = False
        self.opened = asyncio.Event()  # set while it is not closed
        self.opened.set()
        self._office = office
        self._save = save
        self._report = report
        self._held: list[Held] = []
        self._using = 0
        self._sign_s = -_QUIET_S
        self._turn = 0
        self._is_over = False
        self._freezing: asyncio.Task[None] | None = None
        self._thawing: asyncio.Task[None] | None = None

    # For those who ask the sandbox something

    def hold(self, held: Held, *, wakes: bool) -> bool:
        """Take what cannot be forwarded now; False: the caller goes on. `wakes`: a person wants it."""
        if not self.is_closed:
            return False
        if len(self._held) < _HELD:
            self._held.append(held)
        else:
            held.refuse("Too much waits for this session: try again when it goes on.")
        if wakes:
            self.wake()
        return True

    def wake(self) -> None:
        """Have the session go on, soon, because its user is back. Nothing happens where it runs."""
        self._sign_s = time.monotonic()
        if self.is_closed:
            self._thaw_soon()

    async def awake(self) -> None:
        """Return when the sandbox can be asked; raises `StaysPaused`. A sign of its user, as `wake`."""
        self._sign_s = time.monotonic()
        while self.is_closed:
            await asyncio.shield(self._thaw_soon())

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """Have the sandbox awake, and keep it so meanwhile; raises `StaysPaused`."""
        await self.awake()
        self._using += 1
        try:
            yield
        finally:
            self._using -= 1

    # For the heartbeat

    @property
    def turn(self) -> int:
        """Return a number that changes with each freeze and thaw: what was asked before it tells nothing."""
        return self._turn

    def follow(self, view: dict[str, Any], turn: int) -> None:
        """Do as the session's view says, which was asked for in `turn`."""
        if turn != self._turn or self._is_over or self._is_going_on(self._freezing):
            return
        if view.get("state") == FROZEN:
            self._close(is_frozen=True)
        elif view.get("state") != READY:
            return  # it ends: nothing is forwarded that was not before
        elif self.is_closed:
            self._open()
        elif view.get("freeze_asked") is True and self._may_rest():
            self._freezing = asyncio.create_task(self._freeze())

    def end(self) -> None:
        """Hold nothing any more: the session ends, and its sandbox was thawed for that."""
        self._is_over = True
        self._open()

    def _may_rest(self) -> bool:
        return not self._using and time.monotonic() - self._sign_s >= _QUIET_S

    async def _freeze(self) -> None:
        is_saved = await self._save()
        if not self._may_rest() or self._is_over:
            return
        self._close(is_frozen=False)
        try:
            view = await self._office.freeze({**await self._report(), "saved": is_saved})
        except OfficeRefused as refusal:
            log.info("Not frozen: %s", refusal)
            self._open()
        except OSError:
            # It was heard or was not: to thaw is right in both cases, and so is what a later view says.
            self._turn += 1
        else:
            log.info("The session is %s", view.get("state"))
            self._close(is_frozen=view.get("state") == FROZEN)

    # Going on

    def _thaw_soon(self) -> asyncio.Task[None]:
        if self._thawing is None or self._thawing.done():
            self._thawing = asyncio.create_task(self._thaw())
            self._thawing.add_done_callback(_heard)
        return self._thawing

    async def _thaw(self) -> None:
        """Ask until the office answers; raises `StaysPaused` with its words, which all that waits is told."""
        if self._freezing is not None and not self._freezing.done():
            await asyncio.wait([self._freezing])
        began_s, is_told = time.monotonic(), False
        while self.is_closed:
            try:
                await self._office.thaw()
            except OfficeRefused as refusal:
                words = " ".join(str(refusal.body.get(key) or "") for key in ("message", "remedy")).strip()
                held, self._held = self._held, []
                for one in held:
                    one.refuse(words or str(refusal))
                raise StaysPaused(words or str(refusal)) from refusal
            except OSError:
                if not is_told and time.monotonic() - began_s >= _TOLD_AFTER_S:
                    is_told = True
                    for one in self._held:
                        one.waits(_WAITS)
                await asyncio.sleep(_AGAIN_S)
            else:
                self._open()

    def _close(self, *, is_frozen: bool) -> None:
        if not self._is_over:
            self.is_closed, self.is_frozen = True, is_frozen
            self.opened.clear()
            self._turn += 1

    def _open(self) -> None:
        """Forward what waits, in its order, and everything from now on."""
        self.is_closed = self.is_frozen = False
        self.opened.set()
        self._turn += 1
        held, self._held = self._held, []
        for one in held:
            try:
                one.deliver()
            except Exception:  # such as a browser that went meanwhile; the others are not to wait for it
                log.exception("Something that waited was not forwarded")

    @staticmethod
    def _is_going_on(task: asyncio.Task[None] | None) -> bool:
        return task is not None and not task.done()


def _heard(task: asyncio.Task[None]) -> None:
    """Take a refusal as told: everybody who waited has its words."""
    if not task.cancelled():
        task.exception()
