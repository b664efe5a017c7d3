"""Talks to the office: heartbeats, the session's own view, and events that must not get lost.

An event is written to a spool file before what it tells about goes on, and delivered at least once, with
an id that the office counts once. While the office is away, the session runs on and the spool grows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import orjson

from nbkeep_runtime.server import tasks
from nbkeep_runtime.server.examining.ownrules import OwnRules

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep_runtime.server.settings import ServerSettings

log = logging.getLogger("nbkeep.office")

_BATCH = 200
_BATCH_BYTES = 4 << 20
_COMPACT_BYTES = 1 << 20
_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_FRESH_S = 1.0  # people count seconds before a stop: what they see may be as old as this
_PATIENCE_S = 2.0


class OfficeRefused(Exception):
    """The office said no: its status and its {code, message, remedy}."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(body.get("message", "The office refused.")))
        self.status = status
        self.body = body


class Spool:
    """Lines in a file of the trusted half, and how far they are delivered; one process writes."""

    def __init__(self, folder: Path) -> None:
        self._lines = folder / "events.jsonl"
        self._mark = folder / "events.sent"
        self._fd = os.open(self._lines, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        self._end_half_line()
        with contextlib.suppress(OSError, ValueError):
            self._sent = min(int(self._mark.read_text()), os.fstat(self._fd).st_size)
            return
        self._sent = 0

    def _end_half_line(self) -> None:
        """Make room after a line that a crash cut short, so that the next one stays whole."""
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")

    def add(self, event: dict[str, Any]) -> None:
        """Append an event; raises OSError when it is not kept."""
        line = orjson.dumps(event) + b"\n"
        if os.write(self._fd, line) != len(line):
            self._end_half_line()
            raise OSError("The event was not written whole")

    def next(self) -> tuple[list[dict[str, Any]], int]:
        """Return events that are not delivered yet, and the mark to set after their delivery."""
        raw = os.pread(self._fd, _BATCH_BYTES, self._sent)
        events: list[dict[str, Any]] = []
        end = 0
        while len(events) < _BATCH:
            newline = raw.find(b"\n", end)
            if newline < 0:
                break
            with contextlib.suppress(orjson.JSONDecodeError):
                events.append(cast("dict[str, Any]", orjson.loads(raw[end:newline])))
            end = newline + 1
        if end == 0 and len(raw) == _BATCH_BYTES:  # one line over the batch: read it whole
            raw = os.pread(self._fd, os.fstat(self._fd).st_size, self._sent)
            end = raw.find(b"\n") + 1
            with contextlib.suppress(orjson.JSONDecodeError):
                events.append(cast("dict[str, Any]", orjson.loads(raw[:end])))
        return events, self._sent + end

    def delivered(self, mark: int) -> None:
        """Remember the delivery; a crash before this only delivers again."""
        if mark > _COMPACT_BYTES and mark == os.fstat(self._fd).st_size:
            os.ftruncate(self._fd, 0)
            mark = 0
        part = self._mark.with_suffix(".part")
        part.write_text(str(mark))
        part.replace(self._mark)
        self._sent = mark

    def sync(self) -> None:
        """Put what was added on disk; blocks."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class Office:
    """The office as one session may use it."""

    def __init__(self, settings: ServerSettings) -> None:
        self.view: dict[str, Any] | None = None
        self.is_reachable = False
        self.rules = OwnRules()
        self._viewed_at_s = 0.0
        self._settings = settings
        self._spool = Spool(settings.server_dir)
        self._wake = asyncio.Event()
        self._client: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def records_code(self) -> bool:
        """Tell whether executions are recorded with their code."""
        return bool(self.view and self.view.get("record_code"))

    def record(self, kind: str, **fields: object) -> str:
        """Keep an event for delivery and return its id; raises OSError when it cannot be kept."""
        number = f"evt_{secrets.token_hex(12)}"
        at = datetime.now(UTC).isoformat()
        self._spool.add({"id": number, "type": kind, "at": at, **fields})
        self._wake.set()
        return number

    def start(self) -> None:
        """Begin to deliver; call once, on the event loop."""
        self._task = asyncio.create_task(self._deliver_forever())

    async def stop(self) -> None:
        """Deliver what is left, for at most three seconds, and close."""
        await tasks.end(self._task)
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError, OfficeRefused):
            async with asyncio.timeout(3):
                while await self._deliver():
                    pass
        self._spool.close()
        if self._client is not None:
            await self._client.close()

    async def heartbeat(self, report: dict[str, Any]) -> dict[str, Any] | None:
        """Tell the office what runs and return the view; None from an office that is away."""
        return await self._viewed("POST", "session/heartbeat", report)

    async def freeze(self, report: dict[str, Any]) -> dict[str, Any]:
        """Offer to be frozen and return the view; raises `OfficeRefused` when work goes on, or OSError."""
        return await self._told("session/freeze", report)

    async def thaw(self) -> dict[str, Any]:
        """Have the sandbox go on and return the view; raises `OfficeRefused` with its words, or OSError."""
        return await self._told("session/thaw", {})

    async def extend(self) -> dict[str, Any]:
        """Ask for more time; raises `OfficeRefused` with the office's words, or OSError."""
        return await self._told("session/extend", {})

    async def refresh(self) -> None:
        """Fetch the view again."""
        await self._viewed("GET", "session", None)

    async def _told(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        view = self._take(await self.call("POST", path, body))
        await self._fetch_rules()
        return view

    async def _viewed(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
        with contextlib.suppress(OfficeRefused, OSError):
            view = self._take(await self.call(method, path, body))
            await self._fetch_rules()
            return view
        return None

    async def _fetch_rules(self) -> None:
        """Fetch the organisation's own rules where they are others than before; tried with every view."""
        if self.view is not None and self.rules.heed(self.view):
            with contextlib.suppress(OfficeRefused, OSError):
                self.rules.take(await self.call("GET", "session/rules", None))

    def _take(self, view: dict[str, Any]) -> dict[str, Any]:
        self.view, self._viewed_at_s = view, time.monotonic()
        self.rules.heed(view)
        return view

    async def current_view(self) -> dict[str, Any]:
        """Return the view as of now; while the office is away the last one, with its `now` moved on."""
        if self.view is None or (self.is_reachable and time.monotonic() - self._viewed_at_s > _FRESH_S):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await self.refresh()
        view = self.view or {}
        told = view.get("now")
        if not isinstance(told, str):
            return view
        age = timedelta(seconds=time.monotonic() - self._viewed_at_s)
        return {**view, "now": (datetime.fromisoformat(told) + age).isoformat()}

    async def call(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        """Return the office's answer; raises `OfficeRefused`, or OSError when it does not answer."""
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(path=str(self._settings.office_socket)), timeout=_TIMEOUT
            )
        headers = {"Authorization": f"Bearer {self._settings.session_token}"}
        url = f"http://office/internal/v1/{path}"
        try:
            async with self._client.request(method, url, json=body, headers=headers) as response:
                raw = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            self._reached(is_reachable=False)
            raise OSError("The office does not answer") from error
        self._reached(is_reachable=status < HTTPStatus.INTERNAL_SERVER_ERROR)
        answer = _object(raw)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise OSError(f"The office failed ({status})")
        if status >= HTTPStatus.BAD_REQUEST:
            raise OfficeRefused(status, answer)
        return answer

    def _reached(self, *, is_reachable: bool) -> None:
        if is_reachable != self.is_reachable:
            log.info("The office %s", "answers" if is_reachable else "does not answer; work goes on")
        self.is_reachable = is_reachable

    async def _deliver_forever(self) -> None:
        failures = 0
        while True:
            try:
                if await self._deliver():
                    failures = 0
                    continue
                self._wake.clear()
                failures = 0
                await self._wake.wait()
            except (OSError, OfficeRefused) as error:
                log.warning("Events wait for delivery: %s", error)
                await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
                failures += 1

    async def _deliver(self) -> bool:
        """Deliver one batch; return False when nothing was left."""
        events, mark = self._spool.next()
        if not events:
            return False
        await asyncio.to_thread(self._spool.sync)
        await self.call("POST", "session/events", {"events": events})
        self._spool.delivered(mark)
        return True


def _object(raw: bytes) -> dict[str, Any]:
    try:
        answer: Any = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
