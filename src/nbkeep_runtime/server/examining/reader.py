"""Has documents examined by a process of its own, which is started when there is something to examine."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson

from nbkeep.scanning.values import Limits

from . import wire
from .examined import Examined, unexamined
from .ownrules import OwnRules

if TYPE_CHECKING:
    from collections.abc import Generator

    from .ownrules import Rules

log = logging.getLogger("nbkeep.examining")

TIMEOUT_S = 60.0
_LEAST_BYTES_A_SECOND = 1 << 20  # on a machine that is very busy; it is some ten times as fast else
_IDLE_S = 180.0
_END_S = 2.0
_PATIENCE_S = 1.0  # how long a save waits for a look that nobody waits for; a new process takes as long
_MOST_GIVEN_WAY = 3  # then a look goes on to its end, or many saves would have it never end
_TRIES = 2  # the process may just have ended, because nothing was asked for long
_LONGEST_NAME = 1000
_MOST_ANSWER_BYTES = 8 << 20
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}  # no token, no key


class _Ended(Exception):
    """The process ended by itself, before it had seen the request or while it worked."""


@dataclass(slots=True)
class _Turn:
    """One document's turn. `gave_way`: it was ended for one that somebody waits for."""

    may_give_way: bool
    gave_way: bool = False


class Reader:
    """At most one process, one document at a time: those first that somebody waits for.

    May be used by several threads.
    """

    def __init__(
        self, *, idle_s: float = _IDLE_S, timeout_s: float = TIMEOUT_S, rules: OwnRules | None = None
    ) -> None:
        self._rules = OwnRules() if rules is None else rules
        self._idle_s = idle_s
        self._timeout_s = timeout_s
        self._freed = threading.Condition()
        self._turn_now: _Turn | None = None
        self._urgent = 0  # how many wait for whom somebody waits
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """The process's id, for tests; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def is_busy(self) -> bool:
        """Tell whether a document is examined now, for tests."""
        return self._turn_now is not None

    def examine(
        self,
        file: int,
        name: str,
        *,
        pictures: bool = False,
        strict: bool = False,
        is_urgent: bool = True,
    ) -> Examined:
        """Return what is in an open file; blocks, for a minute (large ones: some), and raises nothing.

        What makes the process crash or takes too long was not examined, and is never clean. `pictures`: read
        what they show, which takes seconds each. `strict`: it is about to leave, so what its author allowed
        counts. `is_urgent`: a save or a download waits for it; others let these go first, are ended where one
        waits for long, and done again.
        """
        size = os.fstat(file).st_size
        if size > Limits().file_bytes:
            return unexamined("is too large to be examined")
        rules = self._rules.now
        if rules.data is None:
            reason = "was not examined, as the organisation's own rules have not arrived yet"
            return unexamined(reason, is_final=False)
        told = name[-_LONGEST_NAME:].encode(errors="replace").decode()
        timeout_s = self._timeout_s + size / _LEAST_BYTES_A_SECOND
        request = orjson.dumps({"name": told, "pictures": pictures, "strict": strict, "rules": rules.sha256})
        given_way = 0
        while True:
            may_give_way = not is_urgent and given_way < _MOST_GIVEN_WAY
            with self._turn(is_urgent=is_urgent, may_give_way=may_give_way) as turn, _opened(rules) as beside:
                found = self._looked(request, [file, *beside], timeout_s, turn)
            if found.is_final or not turn.gave_way or self._is_closed:
                return found
            given_way += 1

    def _looked(self, request: bytes, files: list[int], timeout_s: float, turn: _Turn) -> Examined:
        for _ in range(_TRIES):
            if self._is_closed:
                return unexamined("the session ends", is_final=False)
            try:
                return self._asked(request, files, timeout_s, turn)
            except TimeoutError:
                self._end()
                return unexamined(f"took longer than {timeout_s:.0f} seconds to examine", is_final=False)
            except (OSError, ValueError) as error:
                log.warning("A document was not examined: %s", type(error).__name__)
                self._end()
                break
            except _Ended:
                if self._end() != 0 or turn.gave_way:
                    return unexamined("ended the process that examined it", is_final=False)
        return unexamined("could not be examined", is_final=False)

    def close(self) -> None:
        """End the process; a document that it examines just now is not examined."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._turn(is_urgent=True):
            self._end()

    @contextlib.contextmanager
    def _turn(self, *, is_urgent: bool, may_give_way: bool = False) -> Generator[_Turn]:
        mine = _Turn(may_give_way)

        def is_free() -> bool:
            return self._turn_now is None and (is_urgent or not self._urgent)

        with self._freed:
            self._urgent += is_urgent
            try:
                if is_urgent and not self._freed.wait_for(is_free, _PATIENCE_S):
                    self._end_look()
                self._freed.wait_for(is_free)
            finally:
                self._urgent -= is_urgent
            self._turn_now = mine
        try:
            yield mine
        finally:
            with self._freed:
                if mine.gave_way:
                    self._end()
                self._turn_now = None
                self._freed.notify_all()

    def _end_look(self) -> None:
        """Have the look of now give way, if it may. Needs the lock: its turn must not end meanwhile."""
        if self._turn_now is not None and self._turn_now.may_give_way:
            self._turn_now.gave_way = True
            process = self._process
            if process is not None:
                process.kill()

    def _asked(self, request: bytes, files: list[int], timeout_s: float, turn: _Turn) -> Examined:
        connection = self._connected()
        if turn.gave_way:  # told while the process started, so that nobody has ended it
            raise _Ended
        connection.settimeout(timeout_s)
        try:
            socket.send_fds(connection, [request], files)
            size = int.from_bytes(self._received(connection, wire.LENGTH_BYTES))
            if size > _MOST_ANSWER_BYTES:
                raise ValueError
            answer: Any = orjson.loads(self._received(connection, size))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _Ended from error
        return Examined.of(cast("dict[str, Any]", answer))

    def _connected(self) -> socket.socket:
        if self._socket is not None and self._process is not None and self._process.poll() is None:
            return self._socket
        self._end()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", wire.MODULE, str(theirs.fileno()), str(self._idle_s)],
                env=_ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # a traceback may tell what is in a document
                pass_fds=[theirs.fileno()],
            )
        self._socket = ours
        return ours

    @staticmethod
    def _received(connection: socket.socket, size: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < size:
            piece = connection.recv(size - len(pieces))
            if not piece:
                raise _Ended
            pieces += piece
        return bytes(pieces)

    def _end(self) -> int:
        """End the process and return its exit code; 0 where there was none."""
        process, self._process = self._process, None
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()
        if process is None:
            return 0
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(0.2)
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
        return -1


@contextlib.contextmanager
def _opened(rules: Rules) -> Generator[list[int]]:
    """Give the file of rules to send along, or none. Raises OSError where there is no memory for it."""
    if not rules.sha256:
        yield []
        return
    file = rules.opened()
    try:
        yield [file]
    finally:
        os.close(file)
