"""Live parts of pages: a stream that sends a part's HTML whenever what it shows has changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from nbkeep.model.errors import Refused, Unavailable

from .browser import browser_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fastapi import Request

    from nbkeep.app import Office
    from nbkeep.sessions.news import Waiting

_EVERY_S = 1.0
_LONGEST_S = 600  # then the browser connects anew: no stream outlives its office by much
# Relative times tick in the browser; that they read differently is no news.
_TIME_TEXT = re.compile(r">[^<]*</time>")


@dataclass(frozen=True)
class Part:
    """HTML to swap in, and where to go when what was waited for is there."""

    html: str
    open_url: str = ""


def stream(request: Request, look: Callable[[], Part], session_id: str = "") -> EventSourceResponse:
    """Return a stream of `swap` (HTML), `goto` (an address) and `gone` (signed out, or nothing to see).

    `session_id`: the session whose news is shown at once; everything else is looked at every second.
    """
    return EventSourceResponse(
        _events(request, look, session_id), ping=15, headers={"X-Accel-Buffering": "no"}
    )


async def _events(
    request: Request, look: Callable[[], Part], session_id: str
) -> AsyncIterator[ServerSentEvent]:
    office: Office = request.app.state.office
    with office.news.of(session_id) as waiting:
        async for event in _told(request, look, waiting):
            yield event


async def _told(
    request: Request, look: Callable[[], Part], waiting: Waiting
) -> AsyncIterator[ServerSentEvent]:
    office: Office = request.app.state.office
    last = ""
    for _ in range(int(_LONGEST_S / _EVERY_S)):
        # Asked anew each time: somebody who is disabled or signs out elsewhere sees nothing more.
        browser = await run_in_threadpool(browser_of, request, office)
        if browser is None:
            yield ServerSentEvent("", event="gone")
            return
        request.state.browser = browser
        try:
            part = await run_in_threadpool(look)
        except Unavailable:
            await waiting.wait(_EVERY_S)  # busy for a moment: what is shown stays
            continue
        except Refused:
            yield ServerSentEvent("", event="gone")
            return
        mark = _TIME_TEXT.sub("", part.html)
        if mark != last:
            last = mark
            yield ServerSentEvent(part.html, event="swap")
        if part.open_url:
            yield ServerSentEvent(part.open_url, event="goto")
            return
        await waiting.wait(_EVERY_S)
