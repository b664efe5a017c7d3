"""Prints one page to PDF: a program for the jail, which starts Chromium there. See pdf.py.

Every request but that for the page itself fails.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from .browser import NO_BROWSER, NOT_PRINTED, Browser, find


def printed(source: Path, timeout_s: float) -> bytes | None:
    """Return a page as PDF; None where there is no browser. Raises whatever goes wrong with it."""
    program = find()
    if program is None:
        return None
    page = source.resolve().as_uri()
    # The jail is this document's own, and ends with it: a sandbox within it would only take time to start.
    browser = Browser(program, cpu_s=int(timeout_s) + 1, sandbox=False)

    def decide(asked: dict[str, Any]) -> None:
        (browser.go_on if asked["request"]["url"] == page else browser.refuse)(asked)

    browser.on_request, browser.until = decide, time.monotonic() + timeout_s
    try:
        return browser.open(page)
    finally:
        browser.end()


def main(arguments: list[str]) -> int:
    """Print the page to OUT/page.pdf. Arguments: seconds, the page, the folder."""
    seconds, source, out = arguments
    try:
        made = printed(Path(source), float(seconds))
    except Exception as error:  # noqa: BLE001  whatever goes wrong, there is no PDF
        print(type(error).__name__, error, file=sys.stderr)  # noqa: T201  a program
        return NOT_PRINTED
    if made is None:
        return NO_BROWSER
    Path(out, "page.pdf").write_bytes(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
