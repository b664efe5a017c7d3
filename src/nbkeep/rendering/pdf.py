"""A page as PDF, printed by Chromium in a jail of its own: what it could do there, it could do to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import jail, press

if TYPE_CHECKING:
    from pathlib import Path

NO_BROWSER = "For PDFs, Chromium has to be installed here (Debian: apt-get install chromium); or take HTML."


def missing() -> str:
    """Return what has to be installed before there are PDFs, a sentence; "" where all is there."""
    if jail.find() is None:
        return jail.MISSING
    return "" if press.find() else NO_BROWSER


def make(page: Path, out: Path, *, timeout_s: float) -> str:
    """Print a page (a file `.html`) to `page.pdf` in a folder; return why there is none, or "".

    The browser sees the page, no other file of a person, no network, no environment; scripts are off.
    What it writes is hostile to whoever reads it. Raises OSError.
    """
    if problem := missing():
        return problem
    ended = jail.run("nbkeep.rendering.press", [f"{timeout_s:.0f}"], page, out, said=b"", timeout_s=timeout_s)
    if ended.problem:
        return ended.problem
    if ended.status is None:
        return f"The PDF was not ready within {timeout_s:.0f} seconds. Leave out large outputs, or take HTML."
    if ended.status == press.NO_BROWSER:
        return NO_BROWSER
    return "The browser could not print the document. Take HTML." if ended.status else ""
