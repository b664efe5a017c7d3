"""Saves kernels: when the user asks, now and then in the background, and at the end of the session."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server.state.backoff import Cost
from nbkeep_runtime.server.state.errors import CannotKeep
from nbkeep_runtime.server.state.index import Checkpoint, KeptKernel
from nbkeep_runtime.server.state.taking import Patience, Taken, Taking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nbkeep_runtime.server.state.store import Store
    from nbkeep_runtime.server.state.tabs import LiveKernel, Tabs

log = logging.getLogger("nbkeep.state")

ASKED_S = 60.0
BACKGROUND_S = 15.0
NOT_THIS_KIND = "Variables of this kernel type are not kept, only those of Python kernels of the image."
_LOOK_S = 2.0
_RAN_NOTHING = "Nothing ran since the last state was kept, which stays."
_DISK = "The platform's disk does not take more."


class Saves:
    """What is saved of each kernel; on the event loop."""

    def __init__(
        self,
        store: Store,
        tabs: Tabs,
        taking: Taking,
        note: Callable[..., None],
        used_bytes: Callable[[], int | None],
    ) -> None:
        self.problems: dict[str, str] = {}
        self.is_refused = False
        self._store = store
        self._tabs = tabs
        self._taking = taking
        self._note = note
        self._used_bytes = used_bytes
        self._slots: dict[str, str] = {}
        self._empty: set[str] = set()
        self._costs: dict[str, Cost] = {}
        self._running: dict[str, asyncio.Lock] = {}
        self._count = 0
        self._has_run = False
        self._waiting: list[KeptKernel] = []

    @property
    def is_saving(self) -> bool:
        """Tell whether a save goes on that somebody asked for."""
        return self._count > 0

    # What happens to kernels

    def restored(self, kernel: KeptKernel, *, is_whole: bool) -> None:
        """Note that a kernel goes on in its slot. Empty, it is not saved before it ran something."""
        self._slots[kernel.kernel_id] = kernel.slot
        if is_whole:
            self._empty.discard(kernel.kernel_id)
        else:
            self._empty.add(kernel.kernel_id)

    def not_started(self, kernel: KeptKernel) -> None:
        """Note that a kernel did not start: what is kept of it stays, for another time."""
        self._waiting.append(kernel)

    def cell_started(self, kernel_id: str) -> None:
        """Note that a kernel is no longer as it was started."""
        self._has_run = True
        self._empty.discard(kernel_id)

    def cell_ended(self, kernel_id: str, started_s: float) -> None:
        """Count a cell's time."""
        self._costs.setdefault(kernel_id, Cost()).cell_ended(started_s, time.monotonic())

    def died(self, kernel_id: str) -> None:
        """Note that a kernel lost its variables without anybody wanting that: what is kept stays."""
        self._empty.add(kernel_id)
        self._costs.pop(kernel_id, None)

    def restarted(self, kernel_id: str) -> None:
        """Note that the user wanted a kernel without variables: what is kept goes with the next save."""
        self._slots.pop(kernel_id, None)
        self._costs.pop(kernel_id, None)

    # Saving

    async def now(self) -> None:
        """Save all kernels because somebody asked; problems are told in `problems`."""
        if self._must_not_replace():
            return
        until_s = time.monotonic() + ASKED_S
        await self._all("asked", self._savable(), Patience(until_s))

    async def background(self) -> None:
        """Save what changed, for ever, as seldom as `backoff` says; an error ends nothing."""
        while not self.is_refused:
            await asyncio.sleep(_LOOK_S)
            used_bytes = self._used_bytes() or 0
            for live in self._savable():
                cost = self._costs.get(live.kernel_id)
                is_due = cost is not None and cost.may_save(time.monotonic(), used_bytes)
                if is_due and self._tabs.is_idle(live.kernel_id):
                    await self._one("background", live, Patience(time.monotonic() + BACKGROUND_S))

    async def end(self, save_s: float, cell_grace_s: float) -> None:
        """Save all kernels for the last time, within `save_s`; running cells have `cell_grace_s` of it.

        They have less where the last save of a kernel took long: twice its time is left for saving.
        """
        if self._must_not_replace():
            return
        now_s = time.monotonic()
        until_s = now_s + save_s
        live = self._savable()
        known_s = [cost.last_save_s or 0.0 for cost in self._costs.values()]
        interrupt_at_s = max(now_s, min(now_s + cell_grace_s, until_s - 2 * max(known_s, default=0.0)))
        await self._all("end", live, Patience(until_s, interrupt_at_s))
        if self._tabs.kernels() or self._waiting:
            await self._commit({})
            await asyncio.to_thread(self._store.sweep)
        else:
            await asyncio.to_thread(self._store.clear)

    def _must_not_replace(self) -> bool:
        """Tell whether what lies there was refused, and nothing was done since that is worth its place."""
        return self.is_refused and not self._has_run

    def _savable(self) -> list[LiveKernel]:
        return [one for one in self._tabs.kernels() if one.can_save]

    async def _all(self, why: str, kernels: Iterable[LiveKernel], patience: Patience) -> None:
        self._count += 1
        try:
            await asyncio.gather(*(self._one(why, live, patience) for live in kernels))
        finally:
            self._count -= 1

    async def _one(self, why: str, live: LiveKernel, patience: Patience) -> None:
        """Save one kernel, or say in `problems` why not; never raises anything of the kernel's making."""
        kernel_id = live.kernel_id
        async with self._running.setdefault(kernel_id, asyncio.Lock()):
            began_s = time.monotonic()
            slot = self._slots.setdefault(kernel_id, f"k-{secrets.token_hex(8)}")
            try:
                taken = await self._taken(kernel_id, slot, patience)
            except CannotKeep as error:
                self.problems[kernel_id] = str(error)
                log.warning("The variables of %s were not kept: %s", live.path, error)
                took_s = time.monotonic() - began_s
            else:
                took_s = taken.took_s
                self._told(why, live, taken)
            finally:
                self._store.release(slot)
            if why == "background" or kernel_id not in self.problems:  # others may have waited for a cell
                self._costs.setdefault(kernel_id, Cost()).saved(took_s)
            await asyncio.to_thread(self._store.sweep)

    async def _taken(self, kernel_id: str, slot: str, patience: Patience) -> Taken:
        if kernel_id in self._empty and self._has_state(kernel_id):
            raise CannotKeep(_RAN_NOTHING)
        kernel: Any = self._tabs.kernel(kernel_id)
        if kernel is None:
            raise CannotKeep("The kernel ended before its variables were saved.")
        taken = await self._taking.take(kernel_id, kernel, slot, patience)
        try:
            await self._commit({kernel_id: taken.checkpoint})
        except OSError as error:
            log.warning("A checkpoint was not made the valid one: %s", error)
            raise CannotKeep(_DISK) from error
        self.problems.pop(kernel_id, None)
        return taken

    def _has_state(self, kernel_id: str) -> bool:
        index = self._store.index
        return index is not None and any(
            one.kernel_id == kernel_id and one.checkpoint for one in index.kernels
        )

    async def _commit(self, new: dict[str, Checkpoint]) -> None:
        """Write an index of the kernels that run now; raises OSError."""
        live, tabs = self._tabs.kernels(), self._tabs.tabs()
        slots, problems, waiting = dict(self._slots), dict(self.problems), list(self._waiting)

        def changed(old: tuple[KeptKernel, ...]) -> list[KeptKernel]:
            earlier = {one.kernel_id: one for one in old}
            paths = {one.path for one in live}
            return [one for one in waiting if one.path not in paths] + [
                _kept(one, slots.get(one.kernel_id, ""), earlier.get(one.kernel_id), new, problems)
                for one in live
            ]

        await asyncio.to_thread(self._store.commit, changed, tabs)

    def _told(self, why: str, live: LiveKernel, taken: Taken) -> None:
        checkpoint = taken.checkpoint
        self._note(
            "state.saved",
            kernel_id=live.kernel_id,
            notebook=live.path,
            kept=checkpoint.kept,
            lost=len(checkpoint.lost),
            bytes=checkpoint.bytes,
            new_bytes=taken.new_bytes,
            why=why,
            duration_s=round(taken.took_s, 3),
        )


def _kept(
    live: LiveKernel,
    slot: str,
    earlier: KeptKernel | None,
    new: dict[str, Checkpoint],
    problems: dict[str, str],
) -> KeptKernel:
    checkpoint = new.get(live.kernel_id)
    reason = ""
    if checkpoint is None:
        is_same = earlier is not None and earlier.slot == slot
        checkpoint = earlier.checkpoint if is_same and earlier else None
        reason = problems.get(live.kernel_id, "") if live.can_save else NOT_THIS_KIND
    return KeptKernel(live.kernel_id, slot, live.path, live.kernel_name, live.language, checkpoint, reason)
