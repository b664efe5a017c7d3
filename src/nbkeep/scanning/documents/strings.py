"""Bytes to text: which encoding a text has, and what can be read of a file that is none."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Part, Place, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOKED_AT = 8192
# Runs are looked for in a copy in which every readable byte is an "x" and a null byte a "0": a fixed word is
# found fifty times faster than six of a hundred letters.
_SHAPES = bytes(
    ord("x") if byte == 9 or 32 <= byte < 127 else ord(" ") if byte else ord("0") for byte in range(256)
)
_LEAST = 6
_READABLE = tuple(
    (letter * _LEAST, re.compile(b"(?:%b)+" % letter), encoding)
    for letter, encoding in ((b"x", "ascii"), (b"x0", "utf-16-le"), (b"x000", "utf-32-le"))
)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UNKNOWN = "is of a kind that nbkeep does not know: only what can be read in its bytes was looked at"


def text_of(data: bytes) -> str | None:
    """Return the text that `data` is, or None where it is none: UTF-8, 16, 32, or a one-byte code page."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, "replace")
    head = data[:_LOOKED_AT]
    if b"\0" in head:
        half = len(head) // 2
        for encoding, zeros, letters in (
            ("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])
        ):  # fmt: skip
            # A file of many zeros (a database, an old tar, an array) is no text.
            if half >= 4 and zeros.count(0) > half * 0.7 and letters.count(0) <= half * 0.02:
                return data.decode(encoding, "replace")
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    controls = sum(byte < 9 or 13 < byte < 27 for byte in head)
    if controls > len(head) / 50:
        return None
    return data.decode("latin-1")


def read_strings(data: bytes, place: Place | None = None, *, note: str = UNKNOWN) -> Iterator[Part | Unread]:
    """Yield what can be read in bytes of an unknown kind, and that it was no more than that (`note`)."""
    place = place or Place()
    shapes = data.translate(_SHAPES)
    found = [
        data[begin:end].decode(encoding)
        for least, run, encoding in _READABLE
        for begin, end in _runs(shapes, least, run)
    ]
    if found:
        yield Part("\n".join(found), Hint("text"), place, line=0, lines=(0,) * len(found))
    if note:
        yield Unread(note, place, partly=True)


def _runs(shapes: bytes, least: bytes, run: re.Pattern[bytes]) -> Iterator[tuple[int, int]]:
    begin = shapes.find(least)
    while begin >= 0:
        found = run.match(shapes, begin)
        end = found.end() if found else begin + len(least)
        yield begin, end
        begin = shapes.find(least, end)


def without_surrogates(text: str) -> str:
    """Return the text as Unicode allows it: halves of characters, which JSON has, are joined or replaced."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
