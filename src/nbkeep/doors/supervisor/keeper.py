"""Keeps one service alive: finds or starts it, sees it work, and starts it again when it ends or hangs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from typing import TYPE_CHECKING

from .process import Process, ended, noted, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from nbkeep.settings import Settings

    from .services import Service
    from .state import ServiceState

log = logging.getLogger("nbkeep.supervisor")
_PROBE_EVERY_S = 0.15
_LOOK_EVERY_S = 10.0
# Long: a busy machine is no broken service, and a hub that restores a thousand servers takes a while, too.
_HUNG_AFTER_S = 180.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 15.0
_STABLE_S = 20.0
_END_GRACE_S = 10.0


class Keeper:
    """One service's life. `changed` is called after each change of `state`."""

    def __init__(
        self, service: Service, state: ServiceState, settings: Settings, changed: Callable[[], None]
    ) -> None:
        self.service = service
        self.state = state
        self._settings = settings
        self._changed = changed
        self._process: Process | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self.is_ready = asyncio.Event()

    async def keep(self) -> None:
        """Keep it alive until cancelled."""
        pause_s = _FIRST_PAUSE_S
        while True:
            begun = time.monotonic()
            process = self._find_or_start()
            watch = asyncio.create_task(self._watch(process))
            try:
                await ended(process.pid)
            finally:
                watch.cancel()
            self.is_ready.clear()
            self._note_end()
            # One that ran for a while comes back at once; one that ends again and again is given pauses.
            pause_s = (
                _FIRST_PAUSE_S if time.monotonic() - begun > _STABLE_S else min(pause_s * 2, _LONGEST_PAUSE_S)
            )
            self.state.restarts += 1
            self._set("down")
            await asyncio.sleep(pause_s)

    async def end(self) -> None:
        """End it: gently, then by force. Twice is safe."""
        process = noted(self._note)
        if process is None:
            return
        process.send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_GRACE_S):
                await ended(process.pid)
        process.send(signal.SIGKILL)
        await ended(process.pid)
        self._reap()
        self._set("ended")

    @property
    def _note(self) -> Path:
        return self._settings.run_dir / "pids" / self.service.name

    def _find_or_start(self) -> Process:
        found = noted(self._note)
        if found is None:
            for path in self.service.stale:
                path.unlink(missing_ok=True)
            log_file = self._settings.logs_dir / f"{self.service.name}.log"
            one = self.service
            self._child = start(one.argv, self._note, log_file, one.env, self._settings.data_dir, one.umask)
            found = Process(self._child.pid, 0)
            log.info("%s started, process %d", self.service.name, found.pid)
        else:
            log.info("%s found, process %d", self.service.name, found.pid)
        self._process = found
        self.state.pid = found.pid
        self._set("starting")
        return found

    async def _watch(self, process: Process) -> None:
        """See it become ready and stay so; end it when it does not answer for long."""
        heard = time.monotonic()
        while True:
            if await self.service.works():
                heard = time.monotonic()
                if not self.is_ready.is_set():
                    self.is_ready.set()
                    self._set("ready")
            elif time.monotonic() - heard > _HUNG_AFTER_S:
                log.error("%s does not answer for %d s: ended", self.service.name, _HUNG_AFTER_S)
                living = noted(self._note)
                if living is not None and living.pid == process.pid:
                    living.send(signal.SIGKILL)
                return
            await asyncio.sleep(_LOOK_EVERY_S if self.is_ready.is_set() else _PROBE_EVERY_S)

    def _note_end(self) -> None:
        code = self._reap()
        how = (
            "ended" if code is None else f"ended with {code}" if code >= 0 else f"was ended by signal {-code}"
        )
        self.state.last_end = how
        log.warning("%s %s", self.service.name, how)

    def _reap(self) -> int | None:
        if self._child is None:
            return None
        child, self._child = self._child, None
        return child.wait()

    def _set(self, state: str) -> None:
        self.state.state, self.state.since = state, time.time()
        self._changed()
