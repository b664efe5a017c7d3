"""Examines the documents of a session beside its saves, and remembers what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbkeep.model.gates import Gate
from nbkeep_runtime.server import tasks
from nbkeep_runtime.server.home import clean

from . import policy, quarantine
from .examined import Examined, unexamined, where
from .ownrules import OwnRules, Rules
from .reader import Reader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nbkeep_runtime.server.home import Home
    from nbkeep_runtime.server.office import Office

    from .policy import Judgement

log = logging.getLogger("nbkeep.examining")

_REMEMBERED = 200
_WAITING = 50  # documents at once; further ones are examined when somebody looks at them
_SHOWN_FINDINGS = 3
_SAVES = 2  # at once, where each is examined first
WAYS_OUT = (Gate.DOWNLOAD, Gate.EXPORT, Gate.SHARE, Gate.PUBLISH)

_Version = tuple[int, int, int]  # inode, time of the last change, size
_Looked = tuple[_Version, Rules]  # what was looked at, and by which rules of the organisation
# A path, and whether it is looked at as what leaves is: strictly, with its pictures.
_Asked = tuple[str, bool]


@dataclass(frozen=True)
class Blocked:
    """A save that did not happen: what was found in it, why it stopped, and where its copy lies.

    `was`: the file that it would have replaced, None for none; the save is history once that is another.
    `is_new`: whether it is another one than was blocked before, so that it is worth a record.
    """

    examined: Examined
    judgement: Judgement
    path: str
    copy: str
    at: datetime
    was: _Version | None = None
    is_new: bool = True

    @property
    def words(self) -> str:
        """What its author needs to know, in a few sentences."""
        return " ".join((
            f"Not saved: {_found_words(self.examined)}",
            self.judgement.words,
            f"The file is as it was; what you have is kept in {self.copy}.",
            "Take the value out, or mark what is none with a reason, and save again.",
        ))  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Return it for the browser."""
        return {
            **self.judgement.as_json(),
            "copy": self.copy,
            "at": self.at.isoformat(),
            "message": self.words,
        }


class NotSaved(Exception):
    """A policy does not let a document be saved."""

    def __init__(self, blocked: Blocked) -> None:
        super().__init__(blocked.words)
        self.blocked = blocked


class Examiner:
    """One session's. `look` and `before_replace` may be called from any thread, the rest on the loop."""

    def __init__(
        self, home: Home, office: Office, reader: Reader | None = None, rules: OwnRules | None = None
    ) -> None:
        self._rules = OwnRules() if rules is None else rules
        self.reader = Reader(rules=self._rules) if reader is None else reader
        self._home = home
        self._office = office
        self._known: OrderedDict[_Asked, tuple[_Looked, Examined]] = OrderedDict()
        self._blocked: OrderedDict[str, Blocked] = OrderedDict()
        self._tasks: dict[_Asked, asyncio.Task[Examined]] = {}
        # A thread of its own, and a bound on saves that wait: an examination may take a minute, and the
        # threads that all else of this server runs in are few.
        self._beside = ThreadPoolExecutor(1, "examining")
        self._saves = asyncio.Semaphore(_SAVES)

    @property
    def waiting(self) -> int:
        """How many documents are or will be examined, for tests."""
        return len(self._tasks)

    async def stop(self) -> None:
        """End everything."""
        await asyncio.to_thread(self.reader.close)
        for task in list(self._tasks.values()):
            await tasks.end(task)
        self._beside.shutdown(wait=False, cancel_futures=True)

    # Beside a save

    def soon(self, path: str) -> None:
        """Examine a document that was saved; returns at once. Twice is once more."""
        asked = clean(path), False
        if asked not in self._tasks and len(self._tasks) < _WAITING:
            self._begin(asked)

    def _begin(self, asked: _Asked) -> asyncio.Task[Examined]:
        task = asyncio.get_running_loop().create_task(self._examine(asked))
        self._tasks[asked] = task
        task.add_done_callback(lambda _task: self._tasks.pop(asked, None))
        return task

    async def _examine(self, asked: _Asked) -> Examined:
        path, leaves = asked
        look = functools.partial(self.look, path, leaves=leaves)
        return await asyncio.get_running_loop().run_in_executor(self._beside, look)

    def look(self, path: str, *, leaves: bool = False) -> Examined:
        """Return what is in a document of the home as it is now; blocks. Raises OSError where it is gone.

        `leaves`: look as is done where it leaves: what its author allowed counts, and pictures are read.
        """
        file = self._home.open_file(path)
        try:
            looked = _version(file), self._rules.now
            known = self._known.get((path, leaves))
            if known is not None and known[0] == looked:
                return known[1]
            found = self.reader.examine(file, path, pictures=leaves, strict=leaves, is_urgent=False)
        finally:
            os.close(file)
        self._remember((path, leaves), looked, found)
        return found

    def _remember(self, asked: _Asked, looked: _Looked, found: Examined) -> None:
        if not found.is_final:
            return  # the next look may come to more
        self._known[asked] = (looked, found)
        self._known.move_to_end(asked)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def told(self, path: str, wait_s: float) -> dict[str, Any]:
        """Return what the browser shows of a document, examined as it is now if that takes no longer.

        Raises OSError where it is gone.
        """
        path = clean(path)
        view = self._office.view
        saves = {one.value: policy.judge(view, Gate.SAVE, [one]).as_json() for one in policy.LOOKED_FOR}
        answer: dict[str, Any] = {"path": path, "saves": saves}
        blocked = await asyncio.to_thread(self._still_blocked, path)
        if blocked is not None:
            return {**answer, "state": "blocked", **blocked.examined.as_json(), "blocked": blocked.as_json()}
        found = await self._found((path, False), wait_s)
        if found is None:
            return {**answer, "state": "examining", **Examined().as_json(), "blocked": None}
        return {**answer, "state": "examined", **found.as_json(), "blocked": None}

    async def leaving(self, path: str, wait_s: float) -> dict[str, Any]:
        """Return what was found in a document, looked at as what leaves is, and what each way out means then.

        Advice: where it leaves, it is copied, examined and judged anew. Raises OSError where it is gone.
        """
        path = clean(path)
        blocked = await asyncio.to_thread(self._still_blocked, path)
        answer: dict[str, Any] = {"path": path, "not_saved": "" if blocked is None else blocked.words}
        found = await self._found((path, True), wait_s)
        if found is None:
            return {**answer, "state": "examining", **Examined().as_json(), "gates": {}}
        view = self._office.view
        gates = {gate.value: policy.judge(view, gate, found.found).as_json() for gate in WAYS_OUT}
        return {**answer, "state": "examined", **found.as_json(), "gates": gates}

    def _still_blocked(self, path: str) -> Blocked | None:
        """Return what was not saved last, if the file is still as it was then; blocks."""
        blocked = self._blocked.get(path)
        if blocked is not None and self._version_there(path) != blocked.was:
            self._forget(path, blocked)
            return None
        return blocked

    def forget(self, path: str, before: datetime | None = None) -> None:
        """Tell no more of what was not saved of a document, or below a folder: who works with it has another.

        It was deleted or moved, or is read anew; `before`: what is not saved by the reading itself is told.
        """
        path = clean(path)
        for one, blocked in list(self._blocked.items()):
            is_meant = one == path or one.startswith(f"{path}/")
            if is_meant and (before is None or blocked.at < before):
                self._forget(one, blocked)

    def _forget(self, path: str, blocked: Blocked) -> None:
        if self._blocked.get(path) is blocked:
            self._blocked.pop(path, None)

    async def _found(self, asked: _Asked, wait_s: float) -> Examined | None:
        """Return what is in the file now, or None where that is not known in time."""
        until = asyncio.get_running_loop().time() + wait_s
        while True:
            version = await asyncio.to_thread(self._version_of, asked[0])
            known = self._known.get(asked)
            if known is not None and known[0] == (version, self._rules.now):
                return known[1]
            left_s = until - asyncio.get_running_loop().time()
            task = self._tasks.get(asked)
            if task is None and len(self._tasks) < _WAITING:
                task = self._begin(asked)
            if left_s <= 0:
                return None
            if task is None:
                others = list(self._tasks.values())
                await asyncio.wait(others, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                continue
            await asyncio.wait([task], timeout=left_s)
            if task.done() and not task.cancelled() and task.exception() is None:
                found = task.result()
                if not found.is_final:
                    return found

    def _version_there(self, path: str) -> _Version | None:
        try:
            return self._version_of(path)
        except OSError:
            return None

    def _version_of(self, path: str) -> _Version:
        file = self._home.open_file(path)
        try:
            return _version(file)
        finally:
            os.close(file)

    # Before a save

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait on the loop, without a thread, until few enough others save what is examined first."""
        decided = policy.is_decided(self._office.view, Gate.SAVE)
        if decided is not None and decided.is_allowed:
            yield
            return
        async with self._saves:
            yield

    def before_replace(self, path: str, file: int, folder: int, part: str) -> None:
        """Judge what is about to become the document `path`; blocks while it is examined.

        `file` is open and lies as `part` in `folder`. Raises `NotSaved` where a policy says so (a copy
        is kept then), and OSError.
        """
        path = clean(path)
        view = self._office.view
        decided = policy.is_decided(view, Gate.SAVE)
        if decided is not None and decided.is_allowed:
            self._blocked.pop(path, None)
            return
        rules = self._rules.now
        try:
            found = self.reader.examine(file, path)
        except OSError:
            found = unexamined("could not be examined", is_final=False)
        judgement = policy.judge(view, Gate.SAVE, found.found)
        if judgement.is_allowed:
            self._blocked.pop(path, None)
            self._remember((path, False), (_version(file), rules), found)
            return
        now = datetime.now(UTC)
        os.fchmod(file, 0o600)
        kept = quarantine.keep(self._home, folder, part, path, now)
        was = self._version_there(path)
        blocked = Blocked(found, judgement, path, kept.path, now, was, is_new=kept.is_new)
        self._blocked[path] = blocked
        while len(self._blocked) > _REMEMBERED:
            self._blocked.popitem(last=False)
        raise NotSaved(blocked)

    def note(self, blocked: Blocked) -> None:
        """Record a save that did not happen; it did not, whether or not that can be recorded.

        JupyterLab tries again and again to save what is not saved: the same is recorded once.
        """
        if not blocked.is_new:
            return
        try:
            self._office.record(
                "save.blocked",
                path=blocked.path,
                copy=blocked.copy,
                decision=blocked.judgement.decision.value,
                found=", ".join(sorted(blocked.examined.found)),
                rules=rules_of(blocked.examined),
            )
        except OSError as error:
            log.error("A blocked save was not recorded: %s", error)


def rules_of(found: Examined) -> str:
    """Return the rules that found something, for the record."""
    return ", ".join(sorted({str(one.get("rule")) for one in found.findings}))[:1000]


def _version(file: int) -> _Version:
    status = os.fstat(file)
    return status.st_ino, status.st_mtime_ns, status.st_size


def _found_words(found: Examined) -> str:
    worst = found.worst
    if worst is None:
        reasons = "; ".join(str(one.get("reason")) for one in found.unread[:_SHOWN_FINDINGS])
        return f"it {reasons}." if reasons else "its kind needs a decision."
    others = len(found.findings) + found.more - 1
    more = f", and {others} more" if others else ""
    return f"{worst['title']} ({worst['masked']}) in {where(worst)}, rule {worst['rule']}{more}."
