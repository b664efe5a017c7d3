"""Prints page after page to PDF with one Chromium: a program for a jail that lives on. See warm.py.

A page comes in on standard input and its PDF goes out on standard output; the jail has no file of any
document. Each page is alone: in a new context (profile) of the browser, at an address that nobody can guess,
which is answered once and by this program, under a policy that forbids all but what stands in the page. What
shows it is in Chromium's own sandbox besides: a renderer that a page takes over has nowhere to go. Without
that sandbox there is no press room. After anything odd this program ends, and with it the jail.
"""

from __future__ import annotations

import secrets
import struct
import sys
import time
from typing import Any, BinaryIO

from .browser import NO_BROWSER, NOT_PRINTED, Browser, find

ASKED, ANSWERED = struct.Struct(">QI"), struct.Struct(">Q")
"""Before a page: its bytes, and the seconds that it has. Before a PDF, and once at first (0): its bytes."""
_CPU_S = 300  # of each of the browser's processes, in all its life; a page's own has that much for itself
_START_S = 60
_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:;"
)


class _Odd(Exception):
    """Something is left of a page that is printed, or was never to be there."""


class Room:
    """One browser, and what was there before any page."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        browser.until = time.monotonic() + _START_S
        self._own = self._there()

    def printed(self, page: bytes, seconds: float) -> bytes:
        """Return a page as PDF. Raises whatever goes wrong; then the room is not to be used any more."""
        browser = self._browser
        browser.until = time.monotonic() + seconds
        url = f"http://{secrets.token_hex(16)}.invalid/"
        waiting = [page]

        def decide(asked: dict[str, Any]) -> None:
            if waiting and asked["request"]["url"] == url and asked["request"]["method"] == "GET":
                headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": _POLICY,
                           "referrer-policy": "no-referrer", "cache-control": "no-store"}  # fmt: skip
                browser.answer(asked, headers, waiting.pop())
            else:
                browser.refuse(asked)

        browser.on_request = decide
        context = browser.ask("Target.createBrowserContext")["browserContextId"]
        made = browser.open(url, browserContextId=context)
        browser.ask("Target.disposeBrowserContext", browserContextId=context)
        browser.on_request = browser.refuse
        if self._there() != self._own:
            raise _Odd
        return made

    def _there(self) -> set[str]:
        """Return all that is open in the browser: pages, frames, workers."""
        return {one["targetId"] for one in self._browser.ask("Target.getTargets")["targetInfos"]}


def main() -> int:
    """Print what comes until nothing comes any more."""
    program = find()
    if program is None:
        return NO_BROWSER
    browser = Browser(program, cpu_s=_CPU_S, sandbox=True)
    try:
        room = Room(browser)
        _say(b"")
        while (head := _heard(sys.stdin.buffer, ASKED.size)) is not None:
            size, seconds = ASKED.unpack(head)
            page = _heard(sys.stdin.buffer, size)
            if page is None:
                break
            _say(room.printed(page, seconds))
    except Exception as error:  # noqa: BLE001  whatever goes wrong, nothing is printed here any more
        print(type(error).__name__, file=sys.stderr)  # noqa: T201  a program
        return NOT_PRINTED
    finally:
        browser.end()
    return 0


def _heard(stream: BinaryIO, size: int) -> bytes | None:
    data = stream.read(size)
    return data if len(data) == size else None


def _say(made: bytes) -> None:
    sys.stdout.buffer.write(ANSWERED.pack(len(made)) + made)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
