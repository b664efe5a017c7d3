"""A page as PDF, printed by Chromium in a jail of its own: what it could do there, it could do to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from . import browser, jail

if TYPE_CHECKING:
    from pathlib import Path

NO_BROWSER = "For PDFs, Chromium has to be installed here (Debian: apt-get install chromium); or take HTML."


class Printing(Protocol):
    """Prints a page (a file `.html`) to `page.pdf` in a folder; returns why there is none, or ""."""

    def __call__(self, page: Path, out: Path, *, timeout_s: float) -> str:
        """Do it within the time."""
        ...


class Press(Protocol):
    """Prints pages as PDF, as the function `make` of this module does by itself."""

    def begin(self) -> None:
        """Get ready: a page will have to be printed soon. Returns at once; twice is once."""
        ...

    @property
    def make(self) -> Printing:
        """What prints; what it cannot print for a reason of its own, it has printed by `pdf.make`."""
        ...


def missing() -> str:
    """Return what has to be installed before there are PDFs, a sentence; "" where all is there."""
    if jail.find() is None:
        return jail.MISSING
    return "" if browser.find() else NO_BROWSER


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
    if ended.status == browser.NO_BROWSER:
        return NO_BROWSER
    return "The browser could not print the document. Take HTML." if ended.status else ""
