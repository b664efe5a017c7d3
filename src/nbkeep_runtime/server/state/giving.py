"""Gives a checkpoint to one kernel that ran nothing yet."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server.state import ask
from nbkeep_runtime.server.state.door import Door
from nbkeep_runtime.server.state.dues import Dues
from nbkeep_runtime.server.state.ends import Ends, first
from nbkeep_runtime.server.state.errors import CannotRestore, IsRefused, KernelDied
from nbkeep_runtime.server.state.frames import Frames
from nbkeep_runtime.server.state.hand_out import hand_out
from nbkeep_runtime.server.state.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep_runtime.server.state.index import KeptKernel
    from nbkeep_runtime.server.state.slot import Reader
    from nbkeep_runtime.server.state.store import Store

LIMIT_S = 120.0  # after this a kernel may be used, empty; nobody waits longer without a word
_AT_ONCE = 12
_ALL_S = 3600.0
_SILENCE_S = 300.0
_LAST_WORD_S = 10.0


class Giving:
    """Restores kernels; on the event loop."""

    def __init__(self, store: Store, ends: Ends, free_bytes: Callable[[], int | None]) -> None:
        self._store = store
        self._ends = ends
        self._free_bytes = free_bytes
        self.dues = Dues()
        self._threads = ThreadPoolExecutor(_AT_ONCE, "nbkeep-restore")
        self._open: set[Frames] = set()

    def close(self) -> None:
        """End what still runs."""
        for frames in list(self._open):
            frames.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def give(
        self, kernel: Any, kept: KeptKernel, limit_s: float, without: frozenset[int]
    ) -> tuple[dict[str, Any], asyncio.Future[None]]:
        """Return the kernel's reply, and what ends once all memory is there; raises `CannotRestore`.

        The second raises `CannotRestore` too, `IsRefused` among them: verified is each piece as it is sent.
        Raises `KernelDied` for a kernel that is started again by itself. `without`: what is to be left out.
        """
        checkpoint = kept.checkpoint
        if checkpoint is None:
            raise CannotRestore(kept.reason)
        deadline_s = time.monotonic() + limit_s
        gone = self._ends.of(kept.kernel_id)
        self.dues.owe(kept.kernel_id, checkpoint.memory_bytes)
        reader = await asyncio.to_thread(self._store.reader, kept, checkpoint)
        folder = Path(kernel.connection_file).parent
        try:
            with Door(folder) as door, Progress(folder) as progress, ask.Asked(kernel, "restore") as asked:
                asked.send(
                    socket=str(door.path),
                    token=door.token,
                    progress=str(progress.path),
                    without=sorted(without),
                    free_bytes=self._free_for(kept.kernel_id),
                )
                reply = asyncio.ensure_future(asked.reply())
                try:
                    paid = functools.partial(self.dues.paid, kept.kernel_id)
                    return await self._give(kernel, reader, door, reply, gone, deadline_s, paid)
                except IsRefused:
                    raise
                except CannotRestore as error:
                    if gone.done() and gone.result():
                        raise KernelDied(str(error), progress.frame()) from error
                    raise
        except OSError as error:
            raise CannotRestore("The kernel cannot be reached.") from error

    async def _give(
        self,
        kernel: Any,
        reader: Reader,
        door: Door,
        reply: asyncio.Future[dict[str, Any]],
        gone: asyncio.Future[bool],
        deadline_s: float,
        paid: Callable[[int], None],
    ) -> tuple[dict[str, Any], asyncio.Future[None]]:
        entered = asyncio.ensure_future(door.entered())
        try:
            await first(entered, reply, gone, timeout_s=deadline_s - time.monotonic())
            if not entered.done():
                raise CannotRestore(await self._why(kernel, reply, gone))
            connection, rest = entered.result()
        finally:
            entered.cancel()
        frames = Frames(connection, rest, time.monotonic() + _ALL_S, _SILENCE_S)
        self._open.add(frames)
        loop = asyncio.get_running_loop()
        filling = loop.run_in_executor(self._threads, hand_out, frames, reader, paid)
        filling.add_done_callback(lambda _done: self._ended(frames))
        await first(reply, gone, filling, timeout_s=deadline_s - time.monotonic())
        if filling.done() and not filling.exception():  # all was sent, and is being unpickled
            await first(reply, gone, timeout_s=deadline_s - time.monotonic())
        return await self._restored(kernel, reply, gone, filling, frames), filling

    async def _restored(
        self,
        kernel: Any,
        reply: asyncio.Future[dict[str, Any]],
        gone: asyncio.Future[bool],
        filling: asyncio.Future[None],
        frames: Frames,
    ) -> dict[str, Any]:
        """Return a good reply; else end the connection and raise why."""
        if filling.done() and filling.exception() and not reply.done():  # the kernel's word is on its way
            await first(reply, gone, timeout_s=_LAST_WORD_S)
        try:
            if filling.done() and (isinstance(filling.exception(), IsRefused) or not gone.done()):
                filling.result()  # what we refused says more than the kernel's word for it
            if not reply.done():
                raise CannotRestore(await self._why(kernel, reply, gone))
            if why := ask.failure(reply.result()):
                raise CannotRestore(why)
            return reply.result()
        except ask.BadReply as error:
            raise CannotRestore(str(error)) from error
        finally:
            is_good = reply.done() and not reply.exception() and not ask.failure(reply.result())
            if not is_good:
                frames.close()
                with contextlib.suppress(CannotRestore):
                    await asyncio.wait([filling])

    async def _why(
        self, kernel: Any, reply: asyncio.Future[dict[str, Any]], gone: asyncio.Future[bool]
    ) -> str:
        if gone.done():
            return "The kernel ended while its variables were restored."
        if reply.done():
            try:
                return ask.failure(reply.result()) or "The kernel did not restore."
            except ask.BadReply as error:
                return str(error)
        with contextlib.suppress(
            Exception
        ):  # it may be busy with what was restored; the user's cells come next
            async with asyncio.timeout(5):
                await kernel.interrupt_kernel()
        return "The kernel did not restore its variables in time."

    def _free_for(self, kernel_id: str) -> int | None:
        free_bytes = self._free_bytes()
        return None if free_bytes is None else free_bytes - self.dues.of_others(kernel_id)

    def _ended(self, frames: Frames) -> None:
        frames.close()
        self._open.discard(frames)
