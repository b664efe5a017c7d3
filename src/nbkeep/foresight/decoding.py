"""What is written so that nobody reads it: base64, hex, compressed, pickled. Decoded, never run; bounded."""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import io
import lzma
import pickletools
import re
import zlib
from typing import TYPE_CHECKING

from nbkeep.scanning.documents.strings import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 4 * 2**20
"""Bytes that are unpacked of one text."""
_BASE64 = re.compile(r"(?:data:[\w/+.;=-]{0,100};base64,)?([A-Za-z0-9+/_-]{24,}={0,2})\s*\Z")
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2}){16,})\s*\Z")
_ESCAPED_HEX = re.compile(r"(?:\\x[0-9a-fA-F]{2}){8,}\Z")
# What begins like this is a picture, a sound, a document: data, as notebooks have it.
_DATA = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"%PDF", b"BM", b"OggS", b"ID3", b"\0\0\x01\0", b"wOF",
    b"\0\0\0 ftyp", b"\0\0\0\x18ftyp", b"<svg", b"<?xml", b"PK\x03\x04", b"PAR1", b"\x93NUMPY", b"\x89HDF",
    b"ARROW1",
)  # fmt: skip
_PROGRAMS = {
    b"\x7fELF": "a program (ELF)", b"MZ": "a program for Windows",
    b"\xcf\xfa\xed\xfe": "a program (Mach-O)", b"\xca\xfe\xba\xbe": "a program (Mach-O or Java)",
    b"\0asm": "a program (WebAssembly)",
}  # fmt: skip


def unzlib(data: bytes) -> bytes | None:
    """Return what a zlib or gzip stream holds, the first `MOST` bytes, or None."""
    for bits in (47, -15):
        try:
            return zlib.decompressobj(bits).decompress(data, MOST)
        except zlib.error:
            continue
    return None


def unbz2(data: bytes) -> bytes | None:
    """Return what a bzip2 stream holds, the first `MOST` bytes, or None."""
    try:
        return bz2.BZ2Decompressor().decompress(data, MOST)
    except (OSError, ValueError, EOFError):
        return None


def unlzma(data: bytes) -> bytes | None:
    """Return what an LZMA or XZ stream holds, the first `MOST` bytes, or None."""
    try:
        return lzma.LZMADecompressor(memlimit=256 * 2**20).decompress(data, MOST)
    except (lzma.LZMAError, ValueError, EOFError, MemoryError):
        return None


def unbase64(data: bytes) -> bytes | None:
    """Return what base64 holds, of both alphabets, as lenient as Python reads it; or None."""
    plain = b"".join(data.translate(bytes.maketrans(b"-_", b"+/")).split()).rstrip(b"=")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        return None


def unhex(data: bytes) -> bytes | None:
    """Return what hexadecimal digits hold, or None."""
    try:
        return bytes.fromhex(data.decode("ascii"))
    except ValueError:
        return None


def _of(decode: Callable[[bytes], bytes]) -> Callable[[bytes], bytes | None]:
    def lenient(data: bytes) -> bytes | None:
        try:
            return decode(data)
        except (ValueError, binascii.Error, OverflowError):
            return None

    return lenient


def _rot13(data: bytes) -> bytes:
    return codecs.encode(data.decode("latin-1"), "rot13").encode("latin-1")


# What Python's functions that decode are called here: full names, and what they undo.
DECODERS: dict[str, tuple[str, Callable[[bytes], bytes | None]]] = {
    "base64.b64decode": ("base64", unbase64), "base64.standard_b64decode": ("base64", unbase64),
    "base64.urlsafe_b64decode": ("base64", unbase64), "base64.decodebytes": ("base64", unbase64),
    "base64.decodestring": ("base64", unbase64), "binascii.a2b_base64": ("base64", unbase64),
    "pybase64.b64decode": ("base64", unbase64), "base64.b32decode": ("base32", _of(base64.b32decode)),
    "base64.b16decode": ("hex", _of(lambda data: base64.b16decode(data, casefold=True))),
    "base64.b85decode": ("base85", _of(base64.b85decode)),
    "base64.a85decode": ("base85", _of(base64.a85decode)), "binascii.unhexlify": ("hex", unhex),
    "binascii.a2b_hex": ("hex", unhex), "bytes.fromhex": ("hex", unhex),
    "bytearray.fromhex": ("hex", unhex), "binascii.a2b_uu": ("uuencode", _of(binascii.a2b_uu)),
    "binascii.a2b_qp": ("quoted-printable", _of(binascii.a2b_qp)),
    "quopri.decodestring": ("quoted-printable", _of(binascii.a2b_qp)), "zlib.decompress": ("zlib", unzlib),
    "gzip.decompress": ("gzip", unzlib), "bz2.decompress": ("bzip2", unbz2),
    "lzma.decompress": ("xz", unlzma),
}  # fmt: skip
_CODECS: dict[str, tuple[str, Callable[[bytes], bytes | None]]] = {
    "base64": ("base64", unbase64), "hex": ("hex", unhex), "zlib": ("zlib", unzlib),
    "zip": ("zlib", unzlib), "bz2": ("bzip2", unbz2), "rot13": ("rot13", _of(_rot13)),
    "uu": ("uuencode", _of(binascii.a2b_uu)), "quopri": ("quoted-printable", _of(binascii.a2b_qp)),
}  # fmt: skip


def codec(name: str) -> tuple[str, Callable[[bytes], bytes | None]] | None:
    """Return what `codecs.decode(…, name)` undoes, or None for encodings of texts."""
    return _CODECS.get(name.lower().replace("_", "").replace("-", "").removesuffix("codec"))


def literal(text: str) -> tuple[str, bytes] | None:
    """Return by what a text is hidden that looks as if it were, and what it holds; None for any other."""
    if len(text) < 24 or len(text) > 8 * MOST:
        return None
    flat = "".join(text.split()) if len(text) > 76 and "\n" in text else text.strip()
    if (found := _HEX.match(flat)) and (data := unhex(found[1].encode())) is not None:
        return "hex", data
    if _ESCAPED_HEX.match(flat) and (data := unhex(flat.replace("\\x", "").encode())) is not None:
        return "hex", data
    if (
        (found := _BASE64.match(flat))
        and not flat.isalpha()
        and (data := unbase64(found[1].encode())) is not None
    ):
        return "base64", data
    return None


def packed(data: bytes) -> tuple[str, bytes] | None:
    """Return by what bytes are compressed, going by how they begin, and what they hold; or None."""
    head = data[:6]
    for begins, how, undo in (
        (b"\x1f\x8b", "gzip", unzlib), (b"BZh", "bzip2", unbz2), (b"\xfd7zXZ", "xz", unlzma),
        (b"x\x9c", "zlib", unzlib), (b"x\xda", "zlib", unzlib), (b"x\x01", "zlib", unzlib),
        (b"x^", "zlib", unzlib),
    ):  # fmt: skip
        if head.startswith(begins) and (inner := undo(data)):
            return how, inner
    return None


def is_data(data: bytes) -> bool:
    """Tell whether bytes begin like a picture, a sound, a document, an array."""
    return data.startswith(_DATA)


def program(data: bytes) -> str:
    """Return what kind of program bytes are, or ""."""
    return next((words for head, words in _PROGRAMS.items() if data.startswith(head) and len(data) > 60), "")


def as_text(data: bytes) -> str | None:
    """Return the text that bytes are, as people write them, or None."""
    if not data or (b"\0" in data[:64] and data[1:2] != b"\0"):
        return None
    text = text_of(data)
    if text is None:
        return None
    sample = text[:4000]
    odd = sum(not (one.isprintable() or one in "\n\r\t\f") for one in sample)
    foreign = sum(one > "\u024f" or "\x7f" <= one <= "\xa0" for one in sample)
    return text if odd <= len(sample) / 100 and foreign <= len(sample) / 3 else None


def pickled(data: bytes) -> tuple[list[str], list[str]] | None:
    """Return the full names that a pickle would call or load, and the texts in it; None for what is none.

    The words of a pickle are read, and nothing is loaded.
    """
    if not (data[:1] == b"\x80" and data[1:2] in {b"\2", b"\3", b"\4", b"\5"}) and not re.match(
        rb"[(c][\w.]+\n|\(?c[\w.]+\n[\w.]+\n", data[:200]
    ):
        return None
    names: list[str] = []
    texts: list[str] = []
    recent: list[str] = []
    try:
        for step, (code, value, _) in enumerate(pickletools.genops(io.BytesIO(data[:MOST]))):
            if step > 200_000:
                break
            if isinstance(value, str) and code.name in {"GLOBAL", "INST"}:
                names.append(value.replace(" ", "."))
            elif code.name == "STACK_GLOBAL":
                names.append(".".join(recent[-2:]))
            elif isinstance(value, str):
                recent = [*recent[-1:], value]
                texts.append(value)
    except Exception:  # noqa: BLE001  pickletools raises what it likes for what is no pickle
        if not names:
            return None
    return names[:500], texts[:500]
