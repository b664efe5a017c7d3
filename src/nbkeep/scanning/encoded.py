"""Texts that are written in base64 or hexadecimal, put in clear where they stand."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .interface import Hint

Edit = tuple[int, int, str]
"""From, to, and what stands there in clear."""

_INFLATED = 4 * 2**20
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# What each of four characters must be so that all three bytes are below 128: one in eight of all fours.
_QUAD = "".join(
    "[" + "".join(re.escape(chr(char)) for at, char in enumerate(_BASE64) if not at & bit) + extra + "]"
    for bit, extra in ((32, ""), (8, ""), (2, ""), (0, "_\\-"))
)
_LOOKS_ASCII = re.compile(f"(?:{_QUAD}){{2}}")
_PAIRS = bytes(
    120 if byte in b"0123456789abcdefABCDEF" else 32 if byte in b" :" else 46 for byte in range(256)
)
_MOST_PAIRS = re.compile(rb"(?:xx )*xx(?!x)")
_RUNS = bytes(120 if byte in _BASE64 + b"-_" else 32 for byte in range(256))
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})+)\Z")
_MORE_LINES = re.compile(r"(?:[ \t]*\r?\n[ \t]*[A-Za-z0-9+/_-]{2,}={0,2}(?=[ \t]*(?:\r?\n|$|[\"'`])))+")
_LINE_OF_BASE64 = 40
_LONG_RUN = 4096
_PACKED = ("H4sI", "eJ", "eN", "//4")  # gzip, zlib and UTF-16, in base64


def base64_and_hex(text: str, hint: Hint) -> list[Edit]:
    """Decode base64, also of several lines, and hexadecimal, where a text comes out."""
    least = 8 if hint.kind == "config" else 16
    runs = text.encode("ascii" if text.isascii() else "latin-1", "replace").translate(_RUNS)
    needle = b"x" * least
    edits: list[Edit] = []
    begin = runs.find(needle)
    while begin >= 0:
        end = runs.find(b" ", begin)
        end = len(runs) if end < 0 else end
        after = end
        clear = _hex(text[begin:end]) if end - begin >= 16 else None
        if clear is None and begin == 0 and end > _LONG_RUN and not text.startswith(_PACKED):
            # A window may begin within a run: four characters belong together, from the first or a later one.
            begin = next((at for at in range(4) if _LOOKS_ASCII.match(text, at)), 0)
        if clear is None and (_LOOKS_ASCII.match(text, begin) or text.startswith(_PACKED, begin)):
            if end - begin >= _LINE_OF_BASE64 and (more := _MORE_LINES.match(text, end)):
                after = more.end()
            clear = _base64("".join(text[begin:after].split()))
        if clear is not None:
            while text[after : after + 1] == "=":
                after += 1
            edits.append((begin, after, clear))
        begin = runs.find(needle, max(end, after if clear is not None else end))
    return edits


def hex_pairs(text: str, hint: Hint) -> list[Edit]:
    """Decode hexadecimal with blanks or colons between the bytes, as dumps show it."""
    del hint
    pairs = text.encode("ascii" if text.isascii() else "latin-1", "replace").translate(_PAIRS)
    needle = b"xx " * 7 + b"xx"  # an address of a network card has six
    edits: list[Edit] = []
    begin = pairs.find(needle)
    while begin >= 0:
        found = _MOST_PAIRS.match(pairs, begin)
        end = found.end() if found else begin + len(needle)
        clear = _as_text(bytes.fromhex(text[begin:end].replace(":", " ")))
        if clear is not None:
            edits.append((begin, end, clear))
        begin = pairs.find(needle, end)
    return edits


def _hex(token: str) -> str | None:
    found = _HEX.match(token)
    return _as_text(bytes.fromhex(found[1])) if found else None


def _base64(token: str) -> str | None:
    plain = token.rstrip("=").replace("-", "+").replace("_", "/")
    if "=" in plain or len(plain) % 4 == 1:
        plain = plain.split("=", 1)[0]
        plain = plain[: len(plain) - len(plain) % 4]
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        return None
    if data[:3] == b"\x1f\x8b\x08" or data[:1] == b"\x78":
        unpacked = _inflate(data)
        return _as_text(unpacked) if unpacked else _as_text(data)
    return _as_text(data)


def _inflate(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(47).decompress(data, _INFLATED)  # 47: zlib's or gzip's header
    except zlib.error:
        return b""


def _as_text(data: bytes) -> str | None:
    """Return what people would call text, or None."""
    try:
        if data[:2] == b"\xff\xfe" or (len(data) >= 8 and data[1:8:2] == b"\0\0\0\0"[: len(data[1:8:2])]):
            text = data.decode("utf-16-le").lstrip("\ufeff")
        else:
            text = data.decode()
    except UnicodeDecodeError:
        return None
    flat = text.translate(_PRINTED)
    return text if flat.isprintable() and text.strip() else None


_PRINTED = str.maketrans({"\n": " ", "\r": " ", "\t": " ", "\0": " ", "\ufeff": None})
