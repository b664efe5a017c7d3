"""What programs write for a terminal: overwritten text is gone, colours stay, what else steers is gone."""

from __future__ import annotations

import re
from html import escape

_SGR = re.compile(r"\x1b\[([0-9;]*)m")
# CSI, OSC (with what it carries), two-character escapes; SGR alone is kept.
_STEERS = re.compile(
    r"\x1b\[(?![0-9;]{0,40}m)[0-?]*[ -/]*[@-~]?|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b(?!\[)[ -/]*[0-~]?",
    re.DOTALL,
)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
# They make a text read differently from what it is (CVE-2021-42574).
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def plain(text: str) -> tuple[str, bool]:
    r"""Return what a terminal would show in the end, colours kept; and whether anything was overwritten.

    >>> plain("10%\r100%\nab\bc\n")
    ('100%\nac\n', True)
    """
    if "\x1b" in text:
        text = _STEERS.sub("", text)
        # A lone escape is none: nothing of it may join with what follows.
        text = re.sub(r"\x1b(?!\[[0-9;]*m)", "", text)
    text = text.replace("\r\n", "\n")
    overwritten = False
    if "\r" in text or "\b" in text:
        shown = "\n".join(_line(line) for line in text.split("\n"))
        overwritten = shown != text.rstrip("\r")
        text = shown
    return _CONTROLS.sub("", text), overwritten


def _line(line: str) -> str:
    if "\r" in line:
        parts = [part for part in line.split("\r") if part]
        shown = parts[0] if parts else ""
        for part in parts[1:]:
            shown = part if "\x1b" in part + shown else part + shown[len(part) :]
        line = shown
    if "\b" in line:
        kept: list[str] = []
        for one in line:
            if one != "\b":
                kept.append(one)
            elif kept:
                kept.pop()
        line = "".join(kept)
    return line


def without_controls(text: str) -> str:
    """Return a text without characters that steer a terminal; tabs and line ends stay."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\x1b", ""))


def without_colours(text: str) -> str:
    """Return a text without colour codes."""
    return _SGR.sub("", text).replace("\x1b", "")


def safe(text: str) -> str:
    """Return a text as HTML; characters that turn the direction of reading are shown by their numbers."""
    text = escape(text, quote=True)
    return _TURNS.sub(lambda found: f'<span class="turn">U+{ord(found[0]):04X}</span>', text)


def as_html(text: str) -> str:
    """Return a text with colour codes as HTML: `span`s with classes of the page."""
    if "\x1b" not in text:
        return safe(text)
    made: list[str] = []
    at, style = 0, _Style()
    for found in _SGR.finditer(text):
        made.append(style.wrap(text[at : found.start()]))
        style.take(found[1])
        at = found.end()
    made.append(style.wrap(text[at:]))
    return "".join(made)


class _Style:
    """What is switched on: bold, dim, italic, underlined, and two of the page's eight colours."""

    def __init__(self) -> None:
        self._on: set[str] = set()
        self._front = self._back = ""

    def wrap(self, text: str) -> str:
        text = text.replace("\x1b", "")
        classes = sorted(self._on)
        classes += [f"{kind}-{one}" for kind, one in (("fg", self._front), ("bg", self._back)) if one]
        if not text or not classes:
            return safe(text)
        return f'<span class="{" ".join(classes)}">{safe(text)}</span>'

    def take(self, codes: str) -> None:
        numbers = [int(one) if one else 0 for one in codes.split(";")[:40] if len(one) < 5]
        while numbers:
            code = numbers.pop(0)
            if code == 0:
                self.__init__()
            elif code in {1, 2, 3, 4}:
                self._on.add(("bold", "dim", "italic", "under")[code - 1])
            elif code in {22, 23, 24}:
                self._on -= {22: {"bold", "dim"}, 23: {"italic"}, 24: {"under"}}[code]
            elif code in {38, 48}:
                self._set(code == 38, _extended(numbers))
            elif code in {39, 49}:
                self._set(code == 39, "")
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self._set(True, _COLOURS[code % 10])
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self._set(False, _COLOURS[code % 10])

    def _set(self, front: bool, colour: str) -> None:  # noqa: FBT001  one of two, never both
        if front:
            self._front = colour
        else:
            self._back = colour


def _extended(numbers: list[int]) -> str:
    kind = numbers.pop(0) if numbers else 0
    if kind == 2 and len(numbers) >= 3:
        return _nearest(*(min(numbers.pop(0), 255) for _ in range(3)))
    if kind == 5 and numbers:
        return _of_256(min(numbers.pop(0), 255))
    return ""


def _of_256(number: int) -> str:
    if number < 16:
        return _COLOURS[number % 8]
    if number >= 232:
        return _nearest(*(8 + 10 * (number - 232),) * 3)
    number -= 16
    return _nearest(*(55 + 40 * one if one else 0 for one in (number // 36, number // 6 % 6, number % 6)))


def _nearest(red: int, green: int, blue: int) -> str:
    """Return which of the eight colours this is: they can be read on the page's light and dark ground."""
    most = max(red, green, blue)
    if most - min(red, green, blue) < 40:
        return "black" if most < 96 else "white"
    return _COLOURS[sum(bit for bit, one in ((1, red), (2, green), (4, blue)) if one > most * 0.6)]
