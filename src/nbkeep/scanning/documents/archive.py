"""Archives: each file in them as if it lay there unpacked, in bounds that no hostile archive can leave."""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Protocol

from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Limits, Part, Place, Unread

from . import strings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_GZIP, _BZIP2, _XZ, _ZSTD, _7Z, _RAR = (
    b"\x1f\x8b\x08",
    b"BZh",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
)
_UNKNOWN = {_ZSTD: "zstd", _7Z: "7z", _RAR: "rar"}
_PIECE = 2**20
_SMALL = 2**20  # an archive that unpacks to less is no bomb, whatever its ratio
_ENCRYPTED = 0x1
_DESCRIPTOR = 24  # bytes, at most, that may follow an entry's data
_LZMA_MEMORY = 256 * 2**20


class TooMuch(Exception):
    """More is unpacked than the limits allow."""


class Reader(Protocol):
    """Reads what was unpacked; `read.read`."""

    def __call__(
        self, data: bytes, name: str, limits: Limits, depth: int, spent: list[int] | None
    ) -> Iterator[Part | Unread]:
        """Yield the parts of a document."""
        ...


def is_archive(data: bytes) -> bool:
    """Return whether these are the bytes of an archive, or of something compressed."""
    return data.startswith((*_ZIP, _GZIP, _BZIP2, _XZ, *_UNKNOWN)) or _is_tar(data)


def read_archive(
    data: bytes, name: str, limits: Limits, depth: int, spent: list[int], read: Reader
) -> Iterator[Part | Unread]:
    """Yield the parts of the files in an archive; their places say in which."""
    for head, kind in _UNKNOWN.items():
        if data.startswith(head):
            yield Unread(f"is compressed as {kind}, which nbkeep cannot unpack")
            return
    if depth >= limits.archive_depth:
        yield Unread(f"is an archive within {depth} archives: no deeper one is read")
        return
    try:
        if data.startswith(_ZIP):
            yield from _zip(data, limits, depth, spent, read)
        elif _is_tar(data):
            yield from _tar(data, limits, depth, spent, read)
        else:
            clear, rest = _unpacked(data, limits, spent)
            if rest.strip(b"\0"):
                yield from strings.read_strings(rest, Place(part="behind the end"), note="")
            inner = name.rsplit("/", 1)[-1]
            inner = inner[: -len(inner.rsplit(".", 1)[-1]) - 1] if "." in inner else inner
            yield from read(
                clear, f"{inner}.tar" if name.endswith(".tgz") else inner, limits, depth + 1, spent
            )
    except TooMuch as error:
        yield Unread(str(error))
    except Exception as error:  # noqa: BLE001  whatever a broken archive makes of its reader is the answer
        yield Unread(f"is an archive that cannot be read ({type(error).__name__})")


def _is_tar(data: bytes) -> bool:
    return data[257:262] == b"ustar"


def _zip(data: bytes, limits: Limits, depth: int, spent: list[int], read: Reader) -> Iterator[Part | Unread]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [one for one in archive.infolist() if not one.is_dir() or one.file_size]
        if archive.comment:
            yield Part(archive.comment.decode("utf-8", "replace"), Hint("text"), Place(part="comment"))
        for at, one in enumerate(members):
            if at >= limits.archive_members:
                yield Unread(f"holds more than {limits.archive_members:,} files: the others were not read")
                return
            if one.flag_bits & _ENCRYPTED:
                yield Unread("is encrypted", Place(one.filename))
                continue
            try:
                with archive.open(one) as member:
                    clear = _bounded(member, max(one.compress_size, 1), len(data), limits, spent)
            except (
                zipfile.BadZipFile,
                NotImplementedError,
                EOFError,
                zlib.error,
                lzma.LZMAError,
                OSError,
            ) as error:
                yield Unread(f"cannot be unpacked ({type(error).__name__})", Place(one.filename))
                continue
            yield from _within(one.filename, read(clear, one.filename, limits, depth + 1, spent))
        # Names and comments, and what stands before, behind and instead of entries.
        where = Place(part="directory")
        told = [text for one in members for text in (one.filename, one.comment.decode("utf-8", "replace"))]
        yield Part("\n".join(told), Hint("text"), where, line=0, lines=(0,) * len(told))
        rest = data[archive.start_dir : len(data) - len(archive.comment)]
        yield from strings.read_strings(rest, where, note="")
        if gaps := b"\0".join(_gaps(archive, data)):
            yield from strings.read_strings(gaps, Place(part="between entries"), note="")
            yield Unread("holds bytes that belong to none of its files: read as bytes", partly=True)


def _gaps(archive: zipfile.ZipFile, data: bytes) -> Iterator[bytes]:
    done = 0
    entries = sorted((one.header_offset, one.compress_size) for one in archive.infolist())
    for at, size in (*entries, (archive.start_dir, 0)):
        if at > done + _DESCRIPTOR:
            yield data[done:at]
        head = data[at : at + 30]
        names = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        done = max(done, at + 30 + names + size)


def _tar(data: bytes, limits: Limits, depth: int, spent: list[int], read: Reader) -> Iterator[Part | Unread]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for at, one in enumerate(archive):
            if at >= limits.archive_members:
                yield Unread(f"holds more than {limits.archive_members:,} files: the others were not read")
                return
            member = archive.extractfile(one) if one.isreg() else None
            if member is not None:
                clear = _bounded(member, len(data), len(data), limits, spent)
                yield from _within(one.name, read(clear, one.name, limits, depth + 1, spent))
            elif not one.isdir():
                yield Part(f"{one.name}\n{one.linkname}", Hint("text"), Place(one.name))
        if rest := data[archive.offset :].strip(b"\0"):
            yield from strings.read_strings(rest, Place(part="behind the end"), note="")
            yield Unread("is a tar archive with more behind its end: read as bytes", partly=True)


def _bounded(member: IO[bytes], packed: int, whole: int, limits: Limits, spent: list[int]) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := member.read(_PIECE):
        size += len(piece)
        _count(len(piece), size, min(packed, whole), limits, spent)
        pieces.append(piece)
    return b"".join(pieces)


def _unpacked(data: bytes, limits: Limits, spent: list[int]) -> tuple[bytes, bytes]:
    """Unpack gzip, bzip2 or xz, however many of them stand one after the other; and return what is behind."""
    out: list[bytes] = []
    size = 0
    packed = len(data)
    while data.startswith((_GZIP, _BZIP2, _XZ)):
        pieces, rest = _stream(data)
        for piece in pieces:
            size += len(piece)
            _count(len(piece), size, packed, limits, spent)
            out.append(piece)
        data = rest()
    return b"".join(out), data


def _stream(data: bytes) -> tuple[Iterator[bytes], Callable[[], bytes]]:
    """Return the pieces of the first stream in `data`, and what tells the bytes behind it afterwards."""
    if data.startswith(_GZIP):
        gzip = zlib.decompressobj(31)

        def inflated() -> Iterator[bytes]:
            left = data
            while not gzip.eof:
                piece = gzip.decompress(left, _PIECE)
                left = gzip.unconsumed_tail
                if not piece and not left and not gzip.eof:
                    raise EOFError
                yield piece

        return inflated(), lambda: gzip.unused_data
    tool = bz2.BZ2Decompressor() if data.startswith(_BZIP2) else lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)

    def unpacked() -> Iterator[bytes]:
        left = data
        while not tool.eof:
            piece = tool.decompress(left, _PIECE)
            left = b""
            if not piece and tool.needs_input and not tool.eof:
                raise EOFError
            yield piece

    return unpacked(), lambda: tool.unused_data


def _count(new: int, size: int, packed: int, limits: Limits, spent: list[int]) -> None:
    spent[0] += new
    if spent[0] > limits.archive_bytes or size > limits.file_bytes:
        raise TooMuch(f"unpacks to more than {min(limits.archive_bytes, limits.file_bytes) // 2**20:,} MiB")
    if size > _SMALL and size > packed * limits.archive_ratio:
        raise TooMuch(f"unpacks to more than {limits.archive_ratio} times its size, as bombs do")


def _within(name: str, parts: Iterator[Part | Unread]) -> Iterator[Part | Unread]:
    for one in parts:
        inside = f"{name}!{one.place.inside}" if one.place.inside else name
        yield replace(one, place=replace(one.place, inside=inside))
