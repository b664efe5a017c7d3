"""Takes what was sent apart: its encodings, the parts of a form, files within JSON. Runs in the jail alone.

What a server might make of it is not known, so a body is read in every way that its bytes and its headers
allow; what says that it is something and is not counts as not read.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import json
import re
import zlib
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_to_bytes

from nbkeep.scanning.documents import archive, image, parquet, pdf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Headers = tuple[tuple[str, str], ...]

MOST_BYTES = 128 << 20  # of all that comes out of one body
_OF_A_BOMB = 4 << 20  # what is looked at where that was not all
_DEPTH = 4
_PARTS = 2000
_STRINGS = 200
_MEMBERS, _PIECE = 10_000, 16 << 10  # of what was compressed in several pieces, one after another
_LEAST_ENCODED = 64
_ENCODED = re.compile(rb"\s*(?:data:[\w.+/;=-]{0,200};base64,)?([A-Za-z0-9+/_\s-]{64,}={0,2})\s*")
_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;,]{1,200}))""", re.IGNORECASE)
_FILENAME = re.compile(r"""(?:file)?name\*?\s*=\s*(?:"([^"]{0,400})"|([^\s;]{0,400}))""", re.IGNORECASE)
_MULTIPART = re.compile(rb"\s{0,8}--([^\s-][^\r\n]{0,199})\r?\n[A-Za-z-]{1,60}:", re.IGNORECASE)
_FORM = re.compile(rb"[\w.+*%~:/@!$'()\[\],-]{1,400}=[^\s<>\"{}]*")
_CHUNK_OF_AWS = re.compile(rb"([0-9a-fA-F]{1,8});chunk-signature=[0-9a-f]{64}[^\r\n]{0,200}\r\n")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a]")
_HEAD = re.compile(rb"\r?\n\r?\n")


class Unpacked:
    """What comes out of one body. `unread`: why some of it was not read, in words."""

    def __init__(self, data: bytes, name: str, headers: Headers) -> None:
        self.unread: list[str] = []
        self._left = MOST_BYTES
        self._seen: set[bytes] = set()
        self._begin = data, name, headers

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """Yield each document with its name, once; go through all of them before `unread` is looked at."""
        data, name, headers = self._begin
        yield from self._body(data, name, dict(headers), 0)

    def _body(
        self, data: bytes, name: str, headers: dict[str, str], depth: int
    ) -> Iterator[tuple[str, bytes]]:
        yield name, data
        if depth >= _DEPTH:
            self._miss("is packed too often to be read")
            return
        plain = self._decoded(data, headers)
        if plain is not data:
            yield name, plain
        yield from self._parts(plain, headers, depth)
        yield from self._fields(plain, headers, depth)
        yield from self._strings(plain, depth)
        if found := self._unbased(plain):
            yield from self._body(found, f"{name}.decoded", {}, depth + 1)

    # What a body is encoded with

    def _decoded(self, data: bytes, headers: dict[str, str]) -> bytes:
        said = f"{headers.get('content-encoding', '')},{headers.get('content-transfer-encoding', '')}"
        for one in reversed([word.strip().lower() for word in said.split(",") if word.strip()]):
            if one in {"identity", "7bit", "8bit", "binary"}:
                continue
            try:
                data = self._counted(_DECODERS[one](data, self._left))
            except (KeyError, ValueError, OSError, zlib.error, binascii.Error, ImportError):
                self._miss("is encoded in a way that is not read")
                return data
        return data

    def _counted(self, data: bytes) -> bytes:
        if len(data) > self._left:
            self._miss(f"unpacks to more than {MOST_BYTES >> 20} MiB")
            data = data[: min(self._left, _OF_A_BOMB)]
        self._left -= len(data)
        return data

    # What is in it

    def _parts(self, data: bytes, headers: dict[str, str], depth: int) -> Iterator[tuple[str, bytes]]:
        said = headers.get("content-type", "")
        is_said = said.strip().lower().startswith("multipart/")
        named = [one or other for one, other in _BOUNDARY.findall(said)] if is_said else []
        begins = _MULTIPART.match(data)
        marks = {one.encode("latin-1", "replace") for one in named}
        if begins:
            marks.add(begins[1].rstrip())
        if is_said and not any(b"--" + mark in data for mark in marks):
            self._miss("is not the form that it says it is")
        for mark in marks:
            between = rb"(?:\A|\r?\n)--" + re.escape(mark) + rb"(?:--)?[ \t]*(?=\r?\n|\Z)"
            pieces = re.split(between, data, maxsplit=_PARTS)
            if len(pieces) > _PARTS:
                self._miss(f"has more than {_PARTS} parts")
            for piece in pieces[1:]:
                head, content = _split(piece)
                own = _headers_of(head)
                filename = _name_of(own.get("content-disposition", ""))
                if content:
                    yield from self._once(self._counted(content), filename, own, depth)

    def _fields(self, data: bytes, headers: dict[str, str], depth: int) -> Iterator[tuple[str, bytes]]:
        is_said = "urlencoded" in headers.get("content-type", "").lower()
        if not is_said and not _FORM.fullmatch(data.strip()):
            return
        lines: list[bytes] = []
        for number, field in enumerate(data.split(b"&")):
            if number >= _PARTS:
                self._miss(f"has more than {_PARTS} fields")
                break
            name, _, value = (unquote_to_bytes(one.replace(b"+", b" ")) for one in field.partition(b"="))
            lines.append(name + b" = " + value)
            if len(value) >= _LEAST_ENCODED:
                yield from self._once(self._counted(value), "field", {}, depth)
        yield "form.txt", self._counted(b"\n".join(lines))

    def _strings(self, data: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
        """Yield files that are strings of JSON, in base64."""
        if data.lstrip()[:1] not in {b"{", b"["}:
            return
        try:
            found: Any = json.loads(data)
        except (ValueError, RecursionError):
            return  # it is looked at as text all the same
        count = 0
        waiting = [found]
        while waiting:
            one = waiting.pop()
            if isinstance(one, dict):
                waiting += cast("dict[str, Any]", one).values()
            elif isinstance(one, list):
                waiting += cast("list[Any]", one)
            elif isinstance(one, str) and len(one) >= _LEAST_ENCODED:
                value = self._unbased(one.encode("utf-8", "replace"))
                if value is None:
                    continue
                count += 1
                if count > _STRINGS:
                    self._miss(f"has more than {_STRINGS} files in it")
                    return
                yield from self._once(value, "string", {}, depth)

    def _once(
        self, data: bytes, name: str, headers: dict[str, str], depth: int
    ) -> Iterator[tuple[str, bytes]]:
        if data and data not in self._seen:
            self._seen.add(data)
            yield from self._body(data, name, headers, depth + 1)

    def _unbased(self, data: bytes) -> bytes | None:
        """Return the file or text that all of this is in base64; None for a hash, an id, anything else."""
        found = _ENCODED.fullmatch(data)
        if not found:
            return None
        try:
            plain = _from_base64(found[1], self._left)
        except (ValueError, binascii.Error):
            return None
        return self._counted(plain) if _is_something(plain) else None

    def _miss(self, why: str) -> None:
        if why not in self.unread:
            self.unread.append(why)


def _is_something(data: bytes) -> bool:
    known = (archive.is_archive, image.is_image, parquet.is_parquet, pdf.is_pdf)
    if any(one(data) for one in known):
        return True
    try:
        return not _CONTROLS.search(data.decode())
    except UnicodeDecodeError:
        return False


def _split(piece: bytes) -> tuple[bytes, bytes]:
    """Return the head of a part and what is in it."""
    piece = piece.removeprefix(b"\r").removeprefix(b"\n")
    found = _HEAD.search(b"\n" + piece, 0, 64 << 10)
    if not found:
        return b"", piece
    return piece[: max(found.start() - 1, 0)], piece[max(found.end() - 1, 0) :]


def _headers_of(head: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in re.sub(rb"\r?\n[ \t]+", b" ", head).splitlines()[:100]:
        name, colon, value = line.partition(b":")
        if colon:
            found[name.strip().decode("latin-1").lower()] = value.strip().decode("latin-1")
    return found


def _name_of(disposition: str) -> str:
    names = [one or other for one, other in _FILENAME.findall(disposition)]
    return (names[-1] if names else "part").rpartition("/")[2][-200:]


def _inflated(bits: int) -> Callable[[bytes, int], bytes]:
    def decode(data: bytes, most: int) -> bytes:
        out, at = bytearray(), 0
        for _ in range(_MEMBERS):
            if at >= len(data) or len(out) > most:
                return bytes(out)
            one = zlib.decompressobj(bits)
            while at < len(data) and not one.eof and len(out) <= most:
                # By pieces: what is left after each member is copied.
                piece = data[at : at + _PIECE]
                out += one.decompress(piece, most + 1 - len(out))
                at += len(piece) - len(one.unused_data)
            if not one.eof and len(out) <= most:
                raise zlib.error
        raise zlib.error

    return decode


def _deflated(data: bytes, most: int) -> bytes:
    """RFC 9110 says that it is zlib's form; some send it without."""
    try:
        return _inflated(15)(data, most)
    except zlib.error:
        return _inflated(-15)(data, most)


def _by_arrow(codec: str) -> Callable[[bytes, int], bytes]:
    """Return what pyarrow unpacks, where it is installed."""

    def decode(data: bytes, most: int) -> bytes:
        arrow: Any = importlib.import_module("pyarrow")  # it is large, and nbkeep does not bring it
        stream = arrow.CompressedInputStream(arrow.BufferReader(data), codec)
        return bytes(stream.read(most + 1))

    return decode


def _from_base64(data: bytes, most: int) -> bytes:
    del most
    plain = re.sub(rb"\s", b"", data).replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)


def _from_quoted(data: bytes, most: int) -> bytes:
    del most
    return binascii.a2b_qp(data)


def _from_aws(data: bytes, most: int) -> bytes:
    """AWS's own chunks, as its tools sign them one by one: https://docs.aws.amazon.com/AmazonS3/latest/API/."""
    del most
    out, at = bytearray(), 0
    while found := _CHUNK_OF_AWS.match(data, at):
        size = int(found[1], 16)
        out += data[found.end() : found.end() + size]
        at = found.end() + size + 2
        if not size:
            return bytes(out)
    raise ValueError


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _inflated(31), "x-gzip": _inflated(31), "deflate": _deflated, "br": _by_arrow("brotli"),
    "zstd": _by_arrow("zstd"), "base64": _from_base64, "quoted-printable": _from_quoted,
    "aws-chunked": _from_aws,
}  # fmt: skip
