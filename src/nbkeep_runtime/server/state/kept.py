"""The kept state of one session: what `session.py` and the REST API know of this room."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server import limits, tasks
from nbkeep_runtime.server.state import ask
from nbkeep_runtime.server.state.ends import Ends
from nbkeep_runtime.server.state.errors import CannotRestore, IsRefused
from nbkeep_runtime.server.state.giving import Giving
from nbkeep_runtime.server.state.holds import Holds
from nbkeep_runtime.server.state.resumed import Resumed, ResumedKernel, refused
from nbkeep_runtime.server.state.saves import Saves
from nbkeep_runtime.server.state.sealing import Binding, Sealer
from nbkeep_runtime.server.state.store import Store
from nbkeep_runtime.server.state.taking import Taking
from nbkeep_runtime.server.state.tries import give_in_tries

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep_runtime.server.settings import ServerSettings
    from nbkeep_runtime.server.state.index import Checkpoint, Index, KeptKernel
    from nbkeep_runtime.server.state.tabs import Tabs

log = logging.getLogger("nbkeep.state")

_START_S = 30.0  # for all kernels together; nobody reaches the server before they are started


class KeptState:
    """Saves and resumes; on the event loop. Without a key and a policy that keeps, it does nothing."""

    def __init__(self, settings: ServerSettings, tabs: Tabs, note: Callable[..., None]) -> None:
        self._settings = settings
        self._tabs = tabs
        self._note = note
        self._ends = Ends()
        self._holds = Holds()
        self._tasks: set[asyncio.Task[None]] = set()
        self._background: asyncio.Task[None] | None = None
        self._resumed: Resumed | None = None
        self.is_ending = False
        binding = Binding(settings.user, settings.session_id, settings.image_digest)
        self._store = Store(
            settings.state / "checkpoints" / settings.session_id,
            Sealer(settings.state_key, binding),
            settings.state_policy.max_bytes,
            least_sequence=settings.state_sequence,
        )
        self._taking = Taking(self._store, self._ends, self._free_bytes)
        self._giving = Giving(self._store, self._ends, self._free_bytes)
        self._saves = Saves(self._store, tabs, self._taking, note, self._used_bytes)

    @property
    def keeps(self) -> bool:
        """Tell whether this session's variables are kept."""
        return self._settings.state_policy.keep and bool(self._settings.state_key)

    @property
    def is_at_work(self) -> bool:
        """Tell whether variables are saved or restored now."""
        return self._taking.is_at_work or self._giving.dues.are_open

    # What happens in the session

    def cell_started(self, kernel_id: str) -> None:
        """Note that a kernel was given something to run."""
        self._saves.cell_started(kernel_id)

    def cell_ended(self, kernel_id: str, started_s: float) -> None:
        """Note that it ended."""
        self._saves.cell_ended(kernel_id, started_s)

    def kernel_died(self, kernel_id: str) -> None:
        """Note that a kernel's process ended by itself."""
        self._ends.ended(kernel_id, died=True)
        self._saves.died(kernel_id)

    def is_restoring(self, kernel_id: str) -> bool:
        """Tell whether a kernel is given its variables now; one that dies of it is given them again."""
        return self._holds.is_held(kernel_id)

    def kernel_restarted(self, kernel_id: str) -> None:
        """Note that the user started a kernel anew."""
        self._ends.ended(kernel_id, died=False)
        self._saves.restarted(kernel_id)

    def hold(self, kernel_id: str, deliver: Callable[[], None]) -> bool:
        """Take a message for a kernel that is being restored; else the caller goes on."""
        return self._holds.hold(kernel_id, deliver)

    # Saving

    def start(self) -> None:
        """Begin to save in the background."""
        if self.keeps:
            self._background = asyncio.get_running_loop().create_task(self._saves.background())

    async def save_now(self) -> None:
        """Save all kernels; what could not be saved is told by `view`."""
        if self.keeps and not self.is_ending:
            await self._saves.now()

    async def save_before_rest(self) -> bool:
        """Save all kernels whose variables can be kept; False when one of them could not be."""
        await self.save_now()
        return self.keeps and not self.is_ending and not self.view()["problems"]

    async def end(self) -> None:
        """Save for the last time, before kernels are shut down; never raises, and ends in time."""
        self.is_ending = True
        await tasks.end(self._background)
        if self.keeps:
            policy = self._settings.state_policy
            try:
                async with asyncio.timeout(policy.save_s + 5):
                    await self._saves.end(policy.save_s, policy.cell_grace_s)
            except Exception:  # the session ends anyway; what was kept before stays
                log.exception("The last save did not end well")
        for task in list(self._tasks):
            task.cancel()
        self._taking.close()
        self._giving.close()

    # Resuming

    async def resume(self) -> None:
        """Start the kept kernels and begin to restore them; never raises. Call before anybody is let in."""
        if not (self._settings.resumes and self._settings.state_key):
            return
        try:
            index = await asyncio.to_thread(self._store.read)
        except CannotRestore as error:
            self._saves.is_refused = isinstance(error, IsRefused)
            self._resumed = refused(str(error), await asyncio.to_thread(self._store.told_paths))
            self._refused("", "", error)
            return
        self._resumed = Resumed(index.saved_at)
        self._giving.dues.begin(index.kernels)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_S):
                await self._start_all(index)

    async def _start_all(self, index: Index) -> None:
        waiting = list(index.kernels)
        try:
            while waiting:
                await self._start_one(index, waiting[0])
                del waiting[0]
        finally:
            for kernel in waiting:
                self._not_started(kernel)

    async def _start_one(self, index: Index, kernel: KeptKernel) -> None:
        tabs = [tab for tab in index.tabs if tab.kernel_id == kernel.kernel_id]
        self._holds.begin(kernel.kernel_id)
        try:
            manager = await self._tabs.bring_back(kernel, tabs)
        except Exception as error:  # noqa: BLE001  # its kernelspec may be gone, or the sandbox
            log.warning("The kernel of %s was not started: %r", kernel.path, error)
            self._not_started(kernel)
            return
        told = self._told().add(kernel)
        if kernel.checkpoint is None:
            self._holds.release(kernel.kernel_id)
            return
        self._saves.restored(kernel, is_whole=False)
        self._spawn(self._restore(manager, kernel, kernel.checkpoint, told))

    def _not_started(self, kernel: KeptKernel) -> None:
        self._holds.release(kernel.kernel_id)
        self._giving.dues.end(kernel.kernel_id)
        self._saves.not_started(kernel)
        told = self._told().add(kernel)
        told.status, told.reason = "failed", "The kernel could not be started."

    async def _restore(
        self, manager: Any, kernel: KeptKernel, checkpoint: Checkpoint, told: ResumedKernel
    ) -> None:
        began_s = time.monotonic()
        try:
            try:
                reply, filling = await give_in_tries(self._giving, manager, kernel)
            finally:
                self._holds.release(kernel.kernel_id)
            lost_now = ask.lost(reply)
            # As counted when they were saved: a kernel restores more than variables (`In`, `Out`, `_`).
            told.kept = max(0, checkpoint.kept - len(lost_now))
            told.lost += lost_now
            told.status = "restored"
            await filling
        except CannotRestore as error:
            told.status, told.reason = "failed", str(error)
            self._refused(kernel.kernel_id, kernel.path, error)
            return
        finally:
            self._giving.dues.end(kernel.kernel_id)
        self._saves.restored(kernel, is_whole=True)
        self._note(
            "state.restored",
            kernel_id=kernel.kernel_id,
            notebook=kernel.path,
            kept=told.kept,
            lost=len(told.lost),
            bytes=checkpoint.bytes,
            saved_at=checkpoint.saved_at,
            duration_s=round(time.monotonic() - began_s, 3),
        )

    def _refused(self, kernel_id: str, path: str, error: CannotRestore) -> None:
        log.warning("Variables were not restored (%s): %s", path, error)
        self._note("state.refused", kernel_id=kernel_id, notebook=path, reason=str(error))

    def _told(self) -> Resumed:
        if self._resumed is None:
            self._resumed = Resumed(None)
        return self._resumed

    # For the API

    def view(self) -> dict[str, Any]:
        """Return what is kept, and what came of the resume."""
        index = self._store.index
        paths = {one.kernel_id: one.path for one in self._tabs.kernels()}
        return {
            "keeps": self.keeps,
            "saved_at": index.saved_at if index else None,
            "bytes": sum(one.checkpoint.bytes for one in index.kernels if one.checkpoint) if index else None,
            "saving": self._saves.is_saving,
            "problems": [
                {"path": paths[kernel_id], "reason": reason}
                for kernel_id, reason in self._saves.problems.items()
                if kernel_id in paths
            ],
            "resumed": self._resumed.as_json() if self._resumed else None,
        }

    def forget_resumed(self) -> None:
        """Note that the user read what came of the resume; twice is safe."""
        self._resumed = None

    def _used_bytes(self) -> int | None:
        use = limits.read(self._settings.limits_dir)
        return None if use is None else use.used_bytes

    def _free_bytes(self) -> int | None:
        return limits.free_bytes(self._settings.limits_dir)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
