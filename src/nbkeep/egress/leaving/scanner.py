"""Has documents looked at in a jail, which is started when there is something to look at."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from typing import TYPE_CHECKING, Any

from nbkeep.egress.wire import Wire
from nbkeep.model.gates import Found
from nbkeep.rendering import jail

from . import wire
from .interface import Document, Looked
from .ownrules import OwnRules

if TYPE_CHECKING:
    import subprocess

log = logging.getLogger("nbkeep.gateway")

TIMEOUT_S = 60.0
_LEAST_BYTES_A_SECOND = 1 << 20  # on a machine that is very busy; it is some ten times as fast else
_AT_ONCE = 4
_SHORT_AT_ONCE = 2  # of requests without a body, which wait for no large ones
_LONGEST = 200
_PROBE_S = 15.0


class JailedScanner:
    """One jail for all sessions, in which each document has a process of its own.

    `rules`: the organisation's own; nothing is examined while they are not here.
    """

    def __init__(self, rules: OwnRules | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        self._rules = rules or OwnRules()
        self._timeout_s = timeout_s
        self.turns = asyncio.Semaphore(_AT_ONCE)
        self.short_turns = asyncio.Semaphore(_SHORT_AT_ONCE)
        self._process: subprocess.Popen[bytes] | None = None
        self._asking: socket.socket | None = None
        self._has = ""  # the hash of the rules that the jail has

    @property
    def pid(self) -> int | None:
        """The jail's process, for tests; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    async def look(self, document: Document) -> Looked:
        """Return what is in it; raises nothing. What crashed, hung or could not be started is unread."""
        size = os.fstat(document.file).st_size if document.file is not None else 0
        timeout_s = min(self._timeout_s + size / _LEAST_BYTES_A_SECOND, wire.MOST_S)
        async with self.turns if document.file is not None else self.short_turns:
            if self._rules.now.data is None:
                why = "could not be examined: the organisation's own rules are not here yet"
                return _unread(why, is_by_nobody=True)
            try:
                async with asyncio.timeout(timeout_s):
                    return await self._asked(document)
            except TimeoutError:
                return _unread(f"took longer than {timeout_s:.0f} seconds to examine")
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                log.warning("What is sent was not examined: %s", type(error).__name__)
                # Whoever breaks what looks at it has not been read; where nobody looks, nothing is known.
                return _unread("could not be examined", is_by_nobody=not await self._is_there())

    async def _is_there(self) -> bool:
        """Tell whether a document that is as simple as can be is looked at."""
        try:
            async with asyncio.timeout(_PROBE_S):
                await self._asked(Document(None, words="x"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # also TimeoutError
            log.warning("Nothing that is sent can be examined: %s", type(error).__name__)
            return False
        return True

    def close(self) -> None:
        """End the jail and all in it; twice is safe."""
        if self._asking is not None:
            self._asking.close()
        process, self._process, self._asking, self._has = self._process, None, None, ""
        if process is not None:
            process.kill()
            process.wait()

    async def _asked(self, document: Document) -> Looked:
        question = {"name": document.name, "headers": document.headers, "words": document.words}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        answer = Wire(ours)
        try:
            with theirs:
                files = [theirs.fileno(), *([document.file] if document.file is not None else [])]
                # By the rules that hold at this moment: nothing is awaited in between.
                socket.send_fds(self._ready(), [wire.QUESTION], files)
            await answer.send(wire.framed(json.dumps(question).encode()))
            size = wire.length_of(await answer.exactly(wire.LENGTH))
            told: dict[str, Any] = json.loads(await answer.exactly(size))
        finally:
            answer.close()
        return _looked(told)

    def _ready(self) -> socket.socket:
        """Return the way into the jail, which has the rules that hold now; raises OSError."""
        asking, rules = self._started(), self._rules.now
        if rules.sha256 != self._has:
            file = rules.opened()
            try:
                socket.send_fds(asking, [wire.RULES], [file])
            finally:
                os.close(file)
            self._has = rules.sha256
        return asking

    def _started(self) -> socket.socket:
        """Return the way into the jail; raises OSError where there is none."""
        if self._asking is not None and self.pid is not None:
            return self._asking
        self.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(5.0)
        with theirs:
            # By the thread that stays: bubblewrap ends with the one that has started it.
            try:
                self._process = jail.stay(wire.MODULE, theirs.fileno())
            except BaseException:
                ours.close()
                raise
        self._asking = ours
        return ours


def _looked(told: dict[str, Any]) -> Looked:
    """Return an answer as it is used: the process that gave it has read what anybody may have written."""
    found = {Found(str(one)) for one in told["kinds"]} & {Found.SECRET, Found.PERSONAL}
    reasons = _words(told["reasons"])
    if reasons:
        found.add(Found.UNREAD)
    return Looked(frozenset(found or {Found.NOTHING}), _words(told["titles"]), reasons)


def _words(said: list[Any]) -> tuple[str, ...]:
    return tuple(
        "".join(letter if letter.isprintable() else "?" for letter in str(one)[:_LONGEST]) for one in said[:8]
    )


def _unread(why: str, *, is_by_nobody: bool = False) -> Looked:
    return Looked(frozenset({Found.UNREAD}), reasons=(why,), is_by_nobody=is_by_nobody)
