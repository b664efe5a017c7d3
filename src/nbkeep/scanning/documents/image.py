"""Pictures: the texts beside the pixels, and, where tesseract is installed, the text that the pixels show."""

from __future__ import annotations

import base64
import binascii
import resource
import shutil
import struct
import subprocess
import zlib
from functools import cache
from typing import TYPE_CHECKING

from nbkeep.scanning import engines
from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Limits, Part, Place, Unread

from . import strings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PNG = b"\x89PNG\r\n\x1a\n"
_HEADS = (PNG, b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n\r"
# How base64 of pictures begins.
_BASE64_HEADS = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "SUkqA", "TU0AK")
_MOST_CHUNKS = 100_000
_LARGEST_FOR_OCR = 20 * 2**20
NO_OCR = "is a picture: what it shows was not read, for tesseract is not installed here"


def is_image(data: bytes) -> bool:
    """Return whether these are the bytes of a picture, whatever its name."""
    if data.startswith(b"BM"):
        return len(data) > 26 and data[6:10] == b"\0\0\0\0"
    return data.startswith(_HEADS) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def is_base64_of_one(text: str) -> bool:
    """Return whether a text begins as a picture does in base64."""
    return len(text) > 60 and text.startswith(_BASE64_HEADS)


@cache
def _others() -> engines.Present:
    """Return what sees characters that base64 has not; it may see some where there are none."""
    return engines.Present([r"[^A-Za-z0-9+/=\r\n]"])


def read_base64(text: str, place: Place, limits: Limits) -> Iterator[Part | Unread]:
    """Yield the texts of a picture that is written in base64; what is no base64 is read as text as well."""
    raw = text.encode("ascii", "replace")
    is_text = bool(_others().find(text)) and bool(raw.translate(None, _BASE64))
    if is_text:
        yield Part(text, Hint("output"), place)
        raw = bytes(byte for byte in raw if byte in _BASE64)
    raw = raw.rstrip(b"\r\n")
    if b"\n" in raw:
        raw = raw.translate(None, b"\r\n")

    def piece(begin: int, size: int) -> bytes:
        first = begin // 3
        part = raw[first * 4 : -(-(begin + size) // 3) * 4].rstrip(b"=")
        try:
            clear = base64.b64decode(part[: len(part) - (len(part) % 4 == 1)] + b"=" * (-len(part) % 4))
        except (binascii.Error, ValueError):
            return b""
        return clear[begin - first * 3 :][:size]

    size = len(raw.rstrip(b"=")) * 3 // 4
    head = piece(0, 32)
    if head.startswith(PNG):  # most of them; only its texts are decoded
        yield from _png(piece, size, place, limits)
        yield from _shown(lambda: piece(0, size), size, place, limits)
    elif is_image(head):
        yield from read_image(piece(0, size), limits, place)
    else:
        if not is_text:
            yield Part(text, Hint("output"), place)  # it may be in clear: "AKIA…" is base64, too
        yield from strings.read_strings(
            piece(0, size), place, note="is called a picture and is none: read as bytes"
        )


def read_image(data: bytes, limits: Limits, place: Place | None = None) -> Iterator[Part | Unread]:
    """Yield the texts of a picture: comments, EXIF, XMP, what stands behind its end, and what it shows."""
    place = place or Place()
    if data.startswith(PNG):
        yield from _png(lambda begin, size: data[begin : begin + size], len(data), place, limits)
    elif data.startswith(b"\xff\xd8"):
        yield from strings.read_strings(_jpeg(data), place, note="")
    else:
        yield from strings.read_strings(data, place, note="")
    yield from _shown(lambda: data, len(data), place, limits)


def _png(
    piece: Callable[[int, int], bytes], size: int, place: Place, limits: Limits
) -> Iterator[Part | Unread]:
    at = len(PNG)
    for _ in range(_MOST_CHUNKS):
        head = piece(at, 8)
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        at += 8
        if at + length > size:
            yield from strings.read_strings(piece(at - 8, size - at + 8), place, note="")
            yield Unread("is a picture that is cut off or broken: read as bytes", place, partly=True)
            return
        if kind in {b"tEXt", b"iTXt", b"zTXt", b"eXIf"} or kind not in {
            b"IHDR",
            b"IDAT",
            b"PLTE",
            b"IEND",
            b"iCCP",
        }:
            text = _chunk(kind, piece(at, length), limits)
            if text.strip():
                yield Part(text, Hint("text"), place, line=0, lines=(0,) * (text.count("\n") + 1))
        at += length + 4
        if kind == b"IEND":
            break
    if at < size:
        yield from strings.read_strings(piece(at, size - at), place, note="")


def _chunk(kind: bytes, data: bytes, limits: Limits) -> str:
    name, _, rest = data.partition(b"\0")
    words = rest
    if kind == b"zTXt":
        words = _inflated(rest[1:], limits)
    elif kind == b"iTXt":
        _, _, words = rest[2:].partition(b"\0")
        _, _, words = words.partition(b"\0")
        words = _inflated(words, limits) if rest[:1] == b"\1" else words
    elif kind != b"tEXt":
        return "\n".join(part.text for part in strings.read_strings(data, note="") if isinstance(part, Part))
    return f"{name.decode('latin-1')}: {words.decode('utf-8', 'replace')}"


def _inflated(data: bytes, limits: Limits) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, limits.inflated_bytes)
    except zlib.error:
        return data


def _jpeg(data: bytes) -> bytes:
    """Return what stands beside the pixels: application segments, comments, and what comes after the end."""
    kept: list[bytes] = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA or length < 2:
            break
        if marker >= 0xE0:
            kept.append(data[at + 4 : at + 2 + length])
        at += 2 + length
    end = data.rfind(b"\xff\xd9")
    kept.append(data[end + 2 :] if end > at else data[at:])
    return b"\0".join(kept)


@cache
def ocr() -> str:
    """Return the program that reads pictures, or ""."""
    return shutil.which("tesseract") or ""


def _shown(data: Callable[[], bytes], size: int, place: Place, limits: Limits) -> Iterator[Part | Unread]:
    if not limits.ocr_s:
        return
    if not ocr():
        yield Unread(NO_OCR, place, partly=True)
        return
    if size > _LARGEST_FOR_OCR:
        yield Unread("is a picture too large to read what it shows", place, partly=True)
        return
    try:
        done = subprocess.run(
            [ocr(), "stdin", "stdout"], input=data(), capture_output=True, check=True, timeout=limits.ocr_s,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30)),
            env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        yield Unread("is a picture whose text could not be read by tesseract", place, partly=True)
        return
    text = done.stdout.decode("utf-8", "replace")
    if text.strip():
        yield Part(
            text,
            Hint("output"),
            Place(place.inside, place.cell, place.cell_id, f"{place.part} (shown)".strip()),
        )
