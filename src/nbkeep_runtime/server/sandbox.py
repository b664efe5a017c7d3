"""Asks the sandbox's first process to start, signal and look at kernels and terminals.

One JSON object per line over `init.sock`. The other side runs beside the user's code and may be replaced by
it: its answers are only ever data. Lines are at most 1 MiB, types are checked, every wait has an end.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import itertools
import logging
import os
import socket
import stat
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

log = logging.getLogger("nbkeep.sandbox")

_LINE_LIMIT = 1 << 20
_ANSWER_S = 10.0
_CONNECT_S = 20.0
_AGAIN_S = 0.5  # between two questions after a broken connection, which a hostile sandbox may repeat
_EXITS_KEPT = 1000
_ERROR_LENGTH = 500


class SandboxError(Exception):
    """The sandbox refused, answered nonsense, or does not answer."""


class SandboxRefused(SandboxError):
    """The sandbox answered that it will not or cannot."""


@dataclass(frozen=True)
class Exit:
    """How a process of the sandbox ended; both None when only its end is known."""

    pid: int
    code: int | None
    signal: int | None
    max_rss_bytes: int


def _whole(value: Any, low: int = 0, high: int = 2**62) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    return None


class Sandbox:
    """The connection to one sandbox; it is opened at first use and again when it breaks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reader_task: asyncio.Task[None] | None = None
        self._reconcile_task: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._spawning: set[int] = set()
        self._started: set[int] = set()  # processes that were asked for and whose end is not known
        self._exits: OrderedDict[int, Exit] = OrderedDict()
        self._listeners: list[Callable[[Exit], None]] = []

    def on_exit(self, listener: Callable[[Exit], None]) -> None:
        """Call `listener` on the event loop for every process that ends."""
        self._listeners.append(listener)

    def exit_of(self, pid: int) -> Exit | None:
        """Return how a process ended, if it is known to have."""
        return self._exits.get(pid)

    async def spawn(self, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> int:
        """Start a process and return its pid inside the sandbox; raises `SandboxError`."""
        answer = await self.ask("spawn", argv=list(argv), env=dict(env), cwd=cwd)
        pid = _pid(answer)
        if pid is None:
            raise SandboxError("The sandbox started a process but did not say which.")
        return pid

    async def adopt(self, pid: int) -> None:
        """Take word of the end of a process from a warm parent; of one that ended already it is told now."""
        self._expect(pid)
        try:
            await self.signal(pid, 0, group=False)
        except SandboxRefused:
            self._exited({"pid": pid})

    async def signal(self, pid: int, signum: int, *, group: bool = True) -> None:
        """Send a signal to a process, or to its group."""
        await self.ask("signal", pid=pid, signum=signum, group=group)

    async def is_busy(self, pid: int) -> bool:
        """Tell whether a foreground job runs in a terminal."""
        return (await self.ask("foreground", pid=pid)).get("busy") is True

    async def ask(self, operation: str, **arguments: object) -> dict[str, Any]:
        """Return the answer to one request; raises `SandboxError` after ten seconds at most."""
        writer = await self._connected()
        number = next(self._ids)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        if operation == "spawn":
            self._spawning.add(number)
        try:
            writer.write(orjson.dumps({"id": number, "op": operation, **arguments}) + b"\n")
            async with asyncio.timeout(_ANSWER_S):
                answer = await future
        except (TimeoutError, OSError) as error:
            raise SandboxError(f"The sandbox does not answer ({operation}).") from error
        finally:
            self._waiting.pop(number, None)
            self._spawning.discard(number)
        return _accepted(answer)

    async def open_terminal(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: str, rows: int, cols: int
    ) -> tuple[int, int]:
        """Start a shell on a terminal of the sandbox; return (pid, descriptor of its master side)."""
        request = {"argv": list(argv), "env": dict(env), "cwd": cwd, "rows": rows, "cols": cols}
        return await asyncio.to_thread(self._open_terminal, request)

    def _open_terminal(self, request: dict[str, Any]) -> tuple[int, int]:
        """Ask on a connection of its own: a descriptor then belongs to this request and no other."""
        deadline = time.monotonic() + _ANSWER_S
        fds: list[int] = []
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_ANSWER_S)
                is_socket(self._path)
                connection.connect(str(self._path))
                connection.sendall(orjson.dumps({"id": 1, "op": "terminal", **request}) + b"\n")
                answer = _accepted(_receive(connection, fds, deadline))
            pid = _pid(answer)
            if pid is None or len(fds) != 1 or not os.isatty(fds[0]):
                raise SandboxError("The sandbox handed over no terminal.")
            self._expect(pid)
            os.set_inheritable(fds[0], False)
            os.set_blocking(fds[0], False)
            return pid, fds.pop()
        except OSError as error:
            raise SandboxError("The sandbox does not answer (terminal).") from error
        finally:
            for fd in fds:
                os.close(fd)

    async def close(self) -> None:
        """Close the connection; the sandbox and what runs in it stay."""
        for task in (self._reconcile_task, self._reader_task):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await asyncio.sleep(0)  # in which the connection is closed

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is not None:
                return self._writer
            deadline = time.monotonic() + _CONNECT_S
            while True:
                try:
                    is_socket(self._path)
                    reader, writer = await asyncio.open_unix_connection(self._path, limit=_LINE_LIMIT)
                    break
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise SandboxError("The sandbox does not answer.") from error
                    await asyncio.sleep(0.02)
            self._writer = writer
            self._reader_task = asyncio.create_task(self._read(reader, writer))
            return writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self._take(line)
            self._reconcile()
        except (OSError, ValueError) as error:  # ValueError: a line over the limit
            log.warning("The connection to the sandbox broke: %s", error)
            self._reconcile()
        finally:
            self._writer = None
            writer.transport.abort()  # closing would wait for the other side to read what it was sent
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(OSError("The connection to the sandbox broke"))

    def _reconcile(self) -> None:
        """Find out who ends while nobody listens, soon."""
        if self._started and (self._reconcile_task is None or self._reconcile_task.done()):
            self._reconcile_task = asyncio.create_task(self._look_for_all())

    async def _look_for_all(self) -> None:
        """Ask until there is an answer about each process; one that is not there has ended, unseen."""
        while True:
            await asyncio.sleep(_AGAIN_S)
            try:
                for pid in sorted(self._started):
                    try:
                        await self.signal(pid, 0, group=False)
                    except SandboxRefused:
                        self._exited({"pid": pid})
            except SandboxError as error:
                log.info("The sandbox is asked again who lives: %s", error)
            else:
                return

    def _take(self, line: bytes) -> None:
        try:
            message: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            # Nothing sensible comes from here any more, and a log line for each of these would fill the disk.
            raise ValueError("a line that is no JSON") from None
        if not isinstance(message, dict):
            raise ValueError("a line that is no object")
        answer = cast("dict[str, Any]", message)
        if answer.get("event") == "exit":
            self._exited(answer)
            return
        number = answer.get("id")
        future = self._waiting.get(number) if isinstance(number, int) else None
        if future is not None and not future.done():
            pid = _pid(answer)
            if number in self._spawning and pid is not None:
                self._expect(pid)  # now: the word of its end may be in the next line
            future.set_result(answer)

    def _expect(self, pid: int) -> None:
        """Take word of this process's end, once."""
        self._exits.pop(pid, None)
        self._started.add(pid)

    def _exited(self, event: dict[str, Any]) -> None:
        pid = _pid(event)
        if pid is None or pid not in self._started:
            return  # a process dies once, and only those that were asked for: each death is told and recorded
        self._started.discard(pid)
        ended = Exit(
            pid,
            _whole(event.get("code"), high=255),
            _whole(event.get("signal"), low=1, high=64),
            _whole(event.get("max_rss_bytes")) or 0,
        )
        self._exits[pid] = ended
        while len(self._exits) > _EXITS_KEPT:
            self._exits.popitem(last=False)
        for listener in self._listeners:
            listener(ended)


def _pid(message: dict[str, Any]) -> int | None:
    return _whole(message.get("pid"), low=2, high=2**22)


def _accepted(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("ok") is not True:
        raise SandboxRefused(f"The sandbox refused: {str(answer.get('error'))[:_ERROR_LENGTH]}")
    return answer


def is_socket(path: Path) -> None:
    """Raise OSError unless a socket (and no link to another one) lies at `path`."""
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise ConnectionRefusedError(f"{path} is no socket")


def _receive(connection: socket.socket, fds: list[int], deadline: float) -> dict[str, Any]:
    """Return the first line that is no event; descriptors that come with it are added to `fds`."""
    buffer = b""
    while True:
        room = socket.CMSG_SPACE(4 * array.array("i").itemsize)
        connection.settimeout(max(0.01, deadline - time.monotonic()))
        data, ancillary, _flags, _address = connection.recvmsg(1 << 16, room, socket.MSG_CMSG_CLOEXEC)
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers = array.array("i")
                numbers.frombytes(payload[: len(payload) - len(payload) % numbers.itemsize])
                fds.extend(numbers)
        if len(fds) > 1:  # it could go on until this process has no descriptor left
            raise SandboxError("The sandbox handed over more than a terminal.")
        if not data or len(buffer) > _LINE_LIMIT or time.monotonic() > deadline:
            raise SandboxError("The sandbox does not answer (terminal).")
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            try:
                answer: Any = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(answer, dict) and "event" not in answer:
                return cast("dict[str, Any]", answer)
