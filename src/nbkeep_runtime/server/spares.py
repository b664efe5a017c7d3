"""Keeps one kernel in reserve, forked from a warm parent and initialised: the next start only takes it.

It belongs to nobody until then: it is in no list of kernels, counts as no work, and has run no code of the
user. One that died, hangs, or whose parent was replaced is ended, and another one made. None is made where
the user needs the memory more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from nbkeep_runtime.server import kernel_folders, tasks, warm
from nbkeep_runtime.server.sandbox import Exit, Sandbox, SandboxError, is_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from pathlib import Path

    from nbkeep_runtime.server.settings import ServerSettings

log = logging.getLogger("nbkeep.kernels")

# One that was asked for is nearer than any that is begun now.
_TAKE_S = 3.0
_LOOK_S = 0.003
_LEISURE_S = 1.0  # after one was taken: its first cell goes first
_AGAIN_S, _LONGEST_S = 5.0, 80.0  # after there was no parent for it
_KEPT_S = 3600.0  # a session in which nobody opens anything needs none
_MOST_KERNELS = 6  # who has so many makes them one by one no more
_LINE_LIMIT = 4096


class Spare:
    """A kernel that waits to be taken."""

    def __init__(self, connection_file: Path, key: str, pid: int) -> None:
        self.connection_file = connection_file
        self.key = key
        self.pid = pid
        self.is_claimed = False
        self.over = asyncio.Event()  # set when it is claimed or nobody can have it any more

    def claim(self) -> bool:
        """Make it the caller's; False when it is another's already, or has ended."""
        if self.over.is_set():
            return False
        self.is_claimed = True
        self.over.set()
        return True


@dataclass(frozen=True)
class Early:
    """A kernel that was asked for before the server was made; the answer comes by `talk`."""

    connection_file: Path
    key: str
    talk: socket.socket

    def give_up(self) -> None:
        """Forget it: whoever makes it ends it, as nobody takes the answer."""
        self.talk.close()
        kernel_folders.remove(self.connection_file)


def ask_early(settings: ServerSettings) -> Early | None:
    """Have a new session's first kernel forked while its server is made; None where that cannot be.

    Not where variables come back: they need the memory first.
    """
    if not settings.spare_kernel or settings.resumes:
        return None
    key, file = secrets.token_hex(32), None
    try:
        file = kernel_folders.make(settings.kernels_dir, key, "python3")
        return Early(file, key, warm.ask(settings.warm_socket, **_asked(settings, file)))
    except OSError as error:
        log.info("No kernel was asked for early: %s", error)
        if file is not None:
            kernel_folders.remove(file)
        return None


def _asked(settings: ServerSettings, file: Path) -> dict[str, object]:
    return {"connection_file": str(file), "cwd": settings.home_inside, "env": {}, "spare": True}


class SpareKernels:
    """The kernel in reserve of one session."""

    def __init__(self, settings: ServerSettings, sandbox: Sandbox, early: Early | None = None) -> None:
        """`early`: the first one, where it was asked for already."""
        self._settings = settings
        self._sandbox = sandbox
        self._early = early
        self._coming: asyncio.Future[Spare | None] | None = None
        self._wanted = asyncio.Event()
        self._now: Spare | None = None
        self.kernels: Callable[[], int] = _none
        self.has_room: Callable[[], bool] = _always
        # No kernel is forked into a frozen sandbox, or ended in it.
        self.thawed: Callable[[], Awaitable[object]] = _at_once
        self._keeping: asyncio.Task[None] | None = None
        sandbox.on_exit(self._exited)

    def start(self) -> None:
        """Begin to keep one, where the warden has said so; call on the event loop, once."""
        if self._settings.spare_kernel:
            self._keeping = asyncio.create_task(self._keep())

    async def end(self) -> None:
        """Keep none any more."""
        await tasks.end(self._keeping)
        early, self._early = self._early, None
        if early is not None:
            early.give_up()

    async def take(self, cwd: str, env: Mapping[str, str]) -> Spare | None:
        """Return a kernel that runs with this folder and environment, or None: a new one has to be started.

        Waits for one that is being made.
        """
        self._wanted.set()
        try:
            async with asyncio.timeout(_TAKE_S):
                spare = await asyncio.shield(self._coming) if self._coming is not None else None
        except TimeoutError:
            return None
        if spare is None or not spare.claim():
            return None
        try:
            async with asyncio.timeout(_TAKE_S):
                if await self._told(spare, {"cwd": cwd, "env": dict(env)}):
                    return spare
        except (TimeoutError, SandboxError) as error:
            log.info("The spare kernel cannot be used: %s", error)
        await self._discard(spare.connection_file, spare.pid)
        return None

    async def _told(self, spare: Spare, asked: dict[str, Any]) -> bool:
        """Tell it whose it is as soon as it listens; return whether it answered so."""
        path = spare.connection_file.with_name("take")
        while self._sandbox.exit_of(spare.pid) is None:
            try:
                is_socket(path)
                reader, writer = await asyncio.open_unix_connection(path, limit=_LINE_LIMIT)
            except OSError:
                await asyncio.sleep(_LOOK_S)
                continue
            try:
                writer.write(orjson.dumps(asked) + b"\n")
                told: Any = orjson.loads(await reader.readline())
            except (OSError, ValueError):
                return False
            else:
                return told == {"ok": True}
            finally:
                writer.transport.abort()
        return False

    async def _keep(self) -> None:
        again_s = _AGAIN_S
        while True:
            self._wanted.clear()
            if not self.has_room():
                await asyncio.sleep(_LEISURE_S)
            elif self.kernels() < _MOST_KERNELS and await self._keep_one():
                again_s = _AGAIN_S
                await self._wanted.wait()
                await asyncio.sleep(_LEISURE_S)
            else:
                await asyncio.sleep(again_s)
                again_s = min(_LONGEST_S, again_s * 2)

    async def _keep_one(self) -> bool:
        """Have one made, and return when it is over; False when it could not be made, or is no more."""
        self._coming = asyncio.get_running_loop().create_future()
        early, self._early = self._early, None
        key, talk = (secrets.token_hex(32), None) if early is None else (early.key, early.talk)
        file, spare, is_unused = None if early is None else early.connection_file, None, False
        try:
            file = file or kernel_folders.make(self._settings.kernels_dir, key, "python3")
            async with warm.door(self._settings.warm_socket, talk) as door:
                pid = await door.fork(**_asked(self._settings, file))
                if pid is not None:
                    spare = self._now = Spare(file, key, pid)
                    await self._sandbox.adopt(pid)
                    self._coming.set_result(spare)
                    is_unused = not await _first_of(_KEPT_S, spare.over.wait(), door.closed())
        except (OSError, ValueError, SandboxError) as error:
            log.info("No spare kernel: %s", error)
        finally:
            if not self._coming.done():
                self._coming.set_result(None)
            self._coming = None
            is_taken = spare is not None and spare.is_claimed
            if spare is not None:
                spare.over.set()
            if file is not None and not is_taken:
                await self._discard(file, None if spare is None else spare.pid)
        return is_taken or is_unused

    async def _discard(self, connection_file: Path, pid: int | None) -> None:
        if pid is not None and self._sandbox.exit_of(pid) is None:
            with contextlib.suppress(SandboxError):
                await self._sandbox.signal(pid, signal.SIGKILL)
        kernel_folders.remove(connection_file)

    def _exited(self, ended: Exit) -> None:
        if self._now is not None and self._now.pid == ended.pid:
            self._now.over.set()


def _none() -> int:
    """Stand in until `kernels.py` joins the parts."""
    return 0


def _always() -> bool:
    """Stand in until `session.py` joins the parts."""
    return True


async def _at_once() -> None:
    """Stand in until `session.py` joins the parts."""


async def _first_of(within_s: float, *waits: Coroutine[Any, Any, object]) -> bool:
    """Return True once one of these is done, False after `within_s`."""
    tasks = [asyncio.create_task(one) for one in waits]
    try:
        done, _ = await asyncio.wait(tasks, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return bool(done)
