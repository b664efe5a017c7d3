"""Takes a checkpoint of one kernel: opens a door, asks, receives in a thread, hears what the kernel lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server.state import ask
from nbkeep_runtime.server.state.door import Door
from nbkeep_runtime.server.state.ends import Ends, first
from nbkeep_runtime.server.state.errors import CannotKeep
from nbkeep_runtime.server.state.frames import Frames
from nbkeep_runtime.server.state.index import Checkpoint
from nbkeep_runtime.server.state.receive import Received, receive

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep_runtime.server.state.store import Store

_AT_ONCE = 2  # so much memory of pieces on their way, and so many cores
_REPLY_S = 15.0
_WORD_S = 1.0
_GONE = "The kernel ended while its variables were saved."


@dataclass(frozen=True)
class Patience:
    """Until when, on the monotonic clock: a running cell is interrupted then; all must be done then."""

    until_s: float
    interrupt_at_s: float | None = None


@dataclass(frozen=True)
class Taken:
    """A checkpoint on the disk that no index names yet."""

    checkpoint: Checkpoint
    new_bytes: int
    took_s: float


class Taking:
    """Takes checkpoints, of several kernels at once; on the event loop."""

    def __init__(self, store: Store, ends: Ends, free_bytes: Callable[[], int | None]) -> None:
        self._store = store
        self._ends = ends
        self._free_bytes = free_bytes
        self._threads = ThreadPoolExecutor(_AT_ONCE, "nbkeep-save")
        self._open: set[Frames] = set()
        self._count = 0

    @property
    def is_at_work(self) -> bool:
        """Tell whether a checkpoint is taken now."""
        return self._count > 0

    def close(self) -> None:
        """End what still runs; call when nothing is waited for any more."""
        for frames in list(self._open):
            frames.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def take(self, kernel_id: str, kernel: Any, slot: str, patience: Patience) -> Taken:
        """Return a new checkpoint, or raise `CannotKeep`. Its slot stays busy until `Store.release`."""
        self._count += 1
        try:
            return await self._take(kernel_id, kernel, slot, patience)
        finally:
            self._count -= 1

    async def _take(self, kernel_id: str, kernel: Any, slot: str, patience: Patience) -> Taken:
        gone = self._ends.of(kernel_id)
        try:
            with Door(Path(kernel.connection_file).parent) as door, ask.Asked(kernel, "save") as asked:
                limit_s = max(1.0, patience.until_s - time.monotonic())
                asked.send(
                    socket=str(door.path),
                    token=door.token,
                    limit_s=limit_s,
                    free_bytes=self._free_bytes(),
                )
                reply = asyncio.ensure_future(asked.reply())
                connection, rest = await self._entered(gone, kernel, door, reply, patience)
                began_s = time.monotonic()
                try:
                    received = await self._receive(Frames(connection, rest, patience.until_s), slot)
                except CannotKeep as error:
                    raise await self._why(error, gone, reply) from error
                try:
                    told = await self._reply(reply, gone)
                except BaseException:
                    received.writer.abandon()
                    raise
        except OSError as error:
            raise CannotKeep("The kernel cannot be reached.") from error
        written = received.written
        checkpoint = Checkpoint(
            written.checkpoint_id,
            datetime.now(UTC).isoformat(timespec="seconds"),
            received.python,
            written.manifest_pieces,
            written.stream_pieces,
            written.bytes,
            ask.kept(told),
            ask.lost(told),
            ask.memory(told),
        )
        return Taken(checkpoint, written.new_bytes, time.monotonic() - began_s)

    async def _entered(
        self,
        gone: asyncio.Future[bool],
        kernel: Any,
        door: Door,
        reply: asyncio.Future[dict[str, Any]],
        patience: Patience,
    ) -> tuple[Any, bytes]:
        """Wait until the kernel begins to save; a cell that runs too long is interrupted, as by Ctrl-C."""
        entered = asyncio.ensure_future(door.entered())
        stages = [patience.until_s]
        if patience.interrupt_at_s is not None:
            stages.insert(0, patience.interrupt_at_s)
        try:
            for stage_s in stages:
                done = await first(entered, reply, gone, timeout_s=stage_s - time.monotonic())
                if entered in done:
                    return entered.result()
                if gone in done:
                    raise CannotKeep(_GONE)
                if reply in done:
                    raise CannotKeep(ask.failure(reply.result()) or "The kernel did not save.")
                if stage_s != patience.until_s:
                    with contextlib.suppress(Exception):  # a kernel that cannot be interrupted runs on
                        async with asyncio.timeout(5):
                            await kernel.interrupt_kernel()
        except ask.BadReply as error:
            raise CannotKeep(str(error)) from error
        finally:
            entered.cancel()
        raise CannotKeep("A cell was still running, and did not end in time.")

    async def _why(
        self, error: CannotKeep, gone: asyncio.Future[bool], reply: asyncio.Future[dict[str, Any]]
    ) -> CannotKeep:
        """Return what says most about the end of a connection; word of a dead kernel comes a little later."""
        await first(gone, reply, timeout_s=_WORD_S)
        return CannotKeep(_GONE) if gone.done() else error

    async def _receive(self, frames: Frames, slot: str) -> Received:
        """Receive in a thread. Who is cancelled meanwhile leaves nothing behind."""
        is_given_up = False
        self._open.add(frames)
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, receive, frames, self._store, slot, lambda: not is_given_up
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            is_given_up = True
            frames.close()
            with contextlib.suppress(CannotKeep, asyncio.CancelledError):
                await work
            raise
        finally:
            frames.close()
            self._open.discard(frames)

    async def _reply(
        self, reply: asyncio.Future[dict[str, Any]], gone: asyncio.Future[bool]
    ) -> dict[str, Any]:
        await first(reply, gone, timeout_s=_REPLY_S)
        if not reply.done():
            raise CannotKeep("The kernel did not say what it kept.")
        try:
            told = reply.result()
        except ask.BadReply as error:
            raise CannotKeep(str(error)) from error
        if why := ask.failure(told):
            raise CannotKeep(why)
        return told
