"""Joins the parts of one session's server: who is told when something happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import orjson
from tornado import web

from nbkeep_runtime.server import limits
from nbkeep_runtime.server.activity import Activity, Work
from nbkeep_runtime.server.cells import CellMarks
from nbkeep_runtime.server.clients import Clients
from nbkeep_runtime.server.deaths import Death, Deaths, explain, used_bytes
from nbkeep_runtime.server.kernels import SessionKernels, execution_state
from nbkeep_runtime.server.outputs import Merge, Outputs
from nbkeep_runtime.server.pause import Pause, StaysPaused
from nbkeep_runtime.server.recorder import Execution, Recorder
from nbkeep_runtime.server.state.kept import KeptState
from nbkeep_runtime.server.state.tabs import Tabs

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nbkeep_runtime.server.limits import MemoryUse
    from nbkeep_runtime.server.notebook_sessions import NotebookSessions
    from nbkeep_runtime.server.office import Office
    from nbkeep_runtime.server.sandbox import Exit
    from nbkeep_runtime.server.settings import ServerSettings
    from nbkeep_runtime.server.terminals import SandboxTerminals

log = logging.getLogger("nbkeep.session")

_SWEEP_S = 5.0
_LAST_WORD_S = 10.0  # how long after its reply a kernel may take to say that it is idle
_FOR_A_SPARE_BYTES = 256 << 20  # it takes about 40 MiB; who is short of memory does not pay for speed
_OOM_SEEN_S = 1.6  # the warden's own count of kills is written once a second
_SIGKILL = 9


class Session:
    """All that happens in a session passes through here once."""

    def __init__(
        self,
        settings: ServerSettings,
        office: Office,
        kernels: SessionKernels,
        terminals: SandboxTerminals,
        *,
        sessions: NotebookSessions,
        merge: Merge,
    ) -> None:
        self.settings = settings
        self.office = office
        self.clients = Clients()
        self.deaths = Deaths()
        self.outputs = Outputs(self.clients, merge)
        self.recorder = Recorder(office, sessions.path_of)
        self.cells = CellMarks(kernels)
        self.kept = KeptState(settings, Tabs(sessions, kernels), self._note)
        self.activity = Activity(self._look, self._tell, settings.heartbeat_s)
        self.pause = Pause(office, self.kept.save_before_rest, self.activity.report)
        self._kernels = kernels
        self._terminals = terminals
        self._path_of = sessions.path_of
        self._oom_kills = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.recorder.finished += [self.outputs.finished, self._cell_ended]
        kernels.listeners.append(self._published)
        kernels.on_death = self._died
        kernels.on_started = self._started
        kernels.on_restarted = self._restarted
        kernels.at_work = terminals.at_work = self.at_work
        kernels.spares.thawed = self.pause.opened.wait
        kernels.spares.has_room = self._has_room_for_a_spare
        terminals.pause = self.pause
        terminals.on_input = self.activity.user_did_something
        terminals.on_output = self.activity.output_appeared
        terminals.on_opened = lambda name: self._note("terminal.opened", terminal=name)
        terminals.on_closed = lambda name: self._note("terminal.closed", terminal=name)

    def start(self) -> None:
        """Begin to deliver events and heartbeats; call on the running loop."""
        memory = self.memory()
        self._oom_kills = memory.oom_kills if memory else 0
        self.office.start()
        self.activity.start()
        self.kept.start()
        self._spawn(self._sweep())

    async def end(self) -> None:
        """Save what is kept, for the last time; what still waited is told that the session ends."""
        self.kept.is_ending = True
        self.pause.end()
        await self.kept.end()

    async def stop(self) -> None:
        """Put unseen output into its notebooks and deliver what is left."""
        for task in self._tasks:
            task.cancel()
        await self.activity.stop()
        await self.outputs.flush()
        await self.office.stop()

    def memory(self) -> MemoryUse | None:
        """Return the sandbox's memory use."""
        return limits.read(self.settings.limits_dir)

    def _has_room_for_a_spare(self) -> bool:
        """No reserve is made while variables are saved or restored, which count on what was free at first."""
        free_bytes = limits.free_bytes(self.settings.limits_dir)
        return not self.kept.is_at_work and (free_bytes is None or free_bytes > _FOR_A_SPARE_BYTES)

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """Have the sandbox awake for a person's request; 409 with the office's words where it may not be."""
        try:
            async with self.pause.at_work():
                yield
        except StaysPaused as refusal:
            raise web.HTTPError(HTTPStatus.CONFLICT, str(refusal), reason="Paused") from refusal

    # What the websocket sees

    def execution_requested(
        self,
        kernel_id: str,
        channel: str,
        header: dict[str, Any],
        metadata: dict[str, Any],
        content: dict[str, Any],
    ) -> None:
        """Record an execution before it is forwarded; raises OSError when it cannot be recorded."""
        execution = self.recorder.start(kernel_id, header, metadata, content)
        self.kept.cell_started(kernel_id)
        self.activity.user_did_something()
        if channel != "control":
            self.outputs.started(execution)

    def kernel_replied(self, kernel_id: str, frames: list[Any]) -> None:
        """Follow a kernel's reply on its way to a client."""
        with contextlib.suppress(ValueError, IndexError, AttributeError):
            start = frames.index(b"<IDS|MSG>") + 2
            kind = orjson.loads(frames[start]).get("msg_type")
            if kind not in {"debug_reply", "execute_reply"}:
                return
            parent, content = (orjson.loads(frames[start + index]) for index in (1, 3))
            status = content.get("status")
            if kind == "debug_reply":
                status = "ok" if content.get("success") is True else "error"
            self.recorder.replied(kernel_id, str(parent.get("msg_id")), str(status))

    # What kernels publish

    def _published(
        self, kernel_id: str, kind: str, _header: dict[str, Any], parent: dict[str, Any], content: bytes
    ) -> None:
        msg_id = parent.get("msg_id")
        if not isinstance(msg_id, str):
            return
        self.outputs.published(kernel_id, msg_id, kind, content)
        state = execution_state(content) if kind == "status" else None
        try:
            self.recorder.published(kernel_id, msg_id, kind, state)
        except OSError as error:
            log.error("The end of an execution was not recorded: %s", error)
        if state is not None and parent.get("msg_type") == "execute_request":
            self.activity.changed()

    def _cell_ended(self, execution: Execution) -> None:
        self.kept.cell_ended(execution.kernel_id, execution.started_s)

    def _started(self, kernel_id: str, path: str | None) -> None:
        self._note("kernel.started", kernel_id=kernel_id, notebook=path)

    def _restarted(self, kernel_id: str) -> None:
        self._end_all(kernel_id)
        self.kept.kernel_restarted(kernel_id)
        self._note("kernel.restarted", kernel_id=kernel_id)

    def _end_all(self, kernel_id: str) -> list[Execution]:
        try:
            return self.recorder.died(kernel_id)
        except OSError as error:
            log.error("The end of an execution was not recorded: %s", error)
            return []

    def _died(self, kernel_id: str, ended: Exit) -> None:
        was_restored = self.kept.is_restoring(kernel_id)
        self.kept.kernel_died(kernel_id)
        running = self.recorder.running(kernel_id)
        self._spawn(self._explain(kernel_id, ended, running, was_restored=was_restored))

    async def _explain(
        self, kernel_id: str, ended: Exit, executions: list[Execution], *, was_restored: bool
    ) -> None:
        memory = await self._memory_at_death(ended)
        out_of_memory = memory is not None and memory.oom_kills > self._oom_kills
        if memory is not None:
            self._oom_kills = memory.oom_kills
        larger = _larger_profiles(self.office.view)
        reason, sentence = explain(
            ended,
            ran_out_of_memory=out_of_memory,
            memory=memory,
            larger_profiles=larger,
            was_restored=was_restored,
        )
        used = used_bytes(ended, memory)
        limit = memory.limit_bytes if memory else None
        now = datetime.now(UTC).isoformat()
        self.deaths.add(
            Death(kernel_id, self._path_of(kernel_id), now, reason, sentence, used, limit, larger)
        )
        for execution in executions:
            self.outputs.explain(execution, sentence)
            for client in self.clients.of(kernel_id):
                if client.client == execution.client:
                    client.tell(sentence, execution.header)
        self._end_all(kernel_id)
        self._note(
            "kernel.died",
            kernel_id=kernel_id,
            reason=reason,
            message=sentence,
            memory_used_bytes=used,
            memory_limit_bytes=limit,
        )
        self.activity.changed()

    async def _memory_at_death(self, ended: Exit) -> MemoryUse | None:
        """Return the use; after a SIGKILL wait a moment for the count of memory kills to rise."""
        waited_s = 0.0
        while True:
            memory = self.memory()
            rose = memory is not None and memory.oom_kills > self._oom_kills
            if rose or ended.signal != _SIGKILL or waited_s >= _OOM_SEEN_S or memory is None:
                return memory
            await asyncio.sleep(0.1)
            waited_s += 0.1

    # Work and housekeeping

    async def _tell(self, report: dict[str, Any]) -> None:
        turn = self.pause.turn
        view = await self.office.heartbeat(report)
        if view is not None:
            self.pause.follow(view, turn)

    async def _look(self) -> Work:
        memory = await asyncio.to_thread(self.memory)
        return Work(
            busy_kernels=len(self._kernels.busy_kernels()),
            terminals=len(self._terminals.terminals),
            # What is frozen could not answer, and does nothing.
            terminal_is_busy=not self.pause.is_frozen and await self._terminals.is_busy(),
            memory_used_bytes=memory.used_bytes if memory else None,
        )

    def _note(self, kind: str, **fields: object) -> None:
        """Record what is not held back by its record."""
        try:
            self.office.record(kind, **fields)
        except OSError as error:
            log.error("%s was not recorded: %s", kind, error)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self._end_unheard()
            await self.outputs.sweep()

    def _end_unheard(self) -> None:
        """End what was answered a while ago and of whose end no word came: a flood may lose it."""
        try:
            ended = self.recorder.end_answered(time.monotonic() - _LAST_WORD_S)
        except OSError as error:
            log.error("The end of an execution was not recorded: %s", error)
            return
        for kernel_id in {one.kernel_id for one in ended}:
            if not self.recorder.running(kernel_id):
                self._kernels.is_idle_after_all(kernel_id)
        if ended:
            self.activity.changed()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _larger_profiles(view: dict[str, Any] | None) -> list[dict[str, Any]]:
    larger: Any = (view or {}).get("larger_profiles")
    return cast("list[dict[str, Any]]", larger) if isinstance(larger, list) else []
