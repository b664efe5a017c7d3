"""Signed bundles of files: a ZIP whose manifest has the hash of each file, signed by the key of the audit.

`manifest.txt` is exactly what is signed: a line that says what it is, then canonical JSON. `manifest.sig` is
the signature (Ed25519, 64 bytes), so that other programs check both; `SHA256SUMS` is for `sha256sum --check`.
The same files make the same ZIP. Reading takes nothing on trust: names, sizes and hashes are compared with
the manifest before a byte is given to anybody, and nothing is unpacked to a disk.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, cast

from nbkeep import wholefile

from .canonical import canonical
from .signing import BUNDLE, problem_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from .signing import Keys, PublicKey

MANIFEST, SIGNATURE, SUMS = "manifest.txt", "manifest.sig", "SHA256SUMS"
MOST_FILES = 2000
_MOST_MANIFEST_BYTES = 2 << 20
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}(?:/[a-z0-9][a-z0-9._-]{0,99}){0,3}", re.ASCII)
_CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
# A ZIP (PKWARE's APPNOTE.TXT, 4.3 to 4.5): the header before each file, and what says there that it may be
# larger than 4 GiB; the bytes of its list for each file, beside names; what ends it, plain or beyond 2 GiB.
_LOCAL, _LARGE = struct.Struct("<4s5H3I2H"), struct.Struct("<2H2Q")
_LISTED_BYTES, _END_BYTES, _LARGE_END_BYTES = 46, 22, 98
_LARGE_ID, _IN_EXTRA = 1, 0xFFFFFFFF
_PACKING_BITS = 0x6  # of the flags: how well it was tried to pack it
_SIGNATURE_BYTES = 64
_MORE = "something was added to it that its list of files does not have"


@dataclass(frozen=True)
class Written:
    """A bundle that was written: the hash and the size of the whole file."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class BundleReport:
    """What came of a check: the first problem, or what the manifest says of the bundle."""

    ok: bool
    problem: str = ""
    kind: str = ""
    made_at: str = ""
    key_id: str = ""
    about: dict[str, Any] = field(default_factory=dict[str, Any])
    files: tuple[str, ...] = ()


class BundleProblem(Exception):
    """A bundle is not what was signed; its words follow "Not verified:"."""


class BundleWriter:
    """A bundle that is being written. `about`: JSON values that say more, as they are when it is signed."""

    def __init__(self, packed: zipfile.ZipFile) -> None:
        self.about: dict[str, Any] = {}
        self.files: list[dict[str, Any]] = []
        self._packed = packed

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """Add a file piece by piece. Raises OSError, and ValueError for a name that no bundle has."""
        there = {one["name"] for one in self.files}
        if not _NAME.fullmatch(name) or name in {MANIFEST, SIGNATURE, SUMS} or name in there:
            raise ValueError(f"no name of a file in a bundle: {name}")
        digest, size = hashlib.sha256(), 0
        # It may grow beyond 4 GiB, which a ZIP has to know beforehand.
        with self._packed.open(_entry(name), "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
        self.files.append({"name": name, "sha256": digest.hexdigest(), "bytes": size})

    def sign(self, kind: str, keys: Keys, at: datetime) -> None:
        """Add the list of its files and the signature, after which nothing can be added."""
        self.files.sort(key=lambda one: one["name"])
        sums = "".join(f"{one['sha256']}  {one['name']}\n" for one in self.files).encode()
        listed = [*self.files, {"name": SUMS, "sha256": _sha256(sums), "bytes": len(sums)}]
        listed.sort(key=lambda one: one["name"])
        values = {"kind": kind, "at": at.isoformat(), "about": self.about, "files": listed}
        signed = keys.sign(BUNDLE, values)
        signature = base64.b64decode(signed.pop("signature"))
        for name, content in (
            (SUMS, sums), (MANIFEST, f"{BUNDLE}\n{canonical(signed)}".encode()), (SIGNATURE, signature),
        ):  # fmt: skip
            self._packed.writestr(_entry(name), content)


@contextlib.contextmanager
def writing(path: Path, *, kind: str, keys: Keys, at: datetime) -> Generator[BundleWriter]:
    """Give a bundle to fill; it is signed at the end, and `path` appears whole, for its owner only.

    `kind`: what it is, such as "evidence". Raises `Refused` (409) where there is no key, and OSError.
    """
    with (
        wholefile.replacing_bytes(path, durable=True) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        made = BundleWriter(packed)
        yield made
        made.sign(kind, keys, at)


def write_bundle(
    path: Path, files: Mapping[str, bytes], *, kind: str, about: dict[str, Any], keys: Keys, at: datetime
) -> Written:
    """Write a signed bundle of files by name. Twice replaces it. Raises what `writing` and `add` raise."""
    with writing(path, kind=kind, keys=keys, at=at) as made:
        made.about = about
        for name, content in sorted(files.items()):
            made.add(name, [content])
    return written(path)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = 3, 0o100644 << 16  # the same on every system
    return entry


def written(path: Path) -> Written:
    """Return hash and size of a file; raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Written(digest.hexdigest(), size)


def verify_bundle(path: Path, keys: Sequence[PublicKey]) -> BundleReport:
    """Check a bundle with nothing but the file and public keys; see `opened`. Raises OSError."""
    try:
        with opened(path, keys) as bundle:
            return bundle.report
    except BundleProblem as problem:
        return BundleReport(ok=False, problem=str(problem))


class Bundle:
    """A bundle that was checked. Its files may be read while it is open."""

    def __init__(self, packed: zipfile.ZipFile, report: BundleReport, sizes: dict[str, int]) -> None:
        self.report = report
        self._packed = packed
        self._sizes = sizes

    def read(self, name: str, most: int) -> bytes:
        """Return a file of at most so many bytes; raise `BundleProblem` for none, or a larger one."""
        size = self._sizes.get(name)
        if size is None:
            raise BundleProblem(f"{name} is missing")
        if size > most:
            raise BundleProblem(f"{name} has {size} bytes, more than the {most} that are looked at")
        with self._packed.open(name) as file:
            return file.read(size)

    def lines(self, name: str, longest: int) -> Iterator[bytes]:
        """Give the lines of a file, however many; raise `BundleProblem` for no file, or a longer line."""
        if name not in self._sizes:
            raise BundleProblem(f"{name} is missing")
        with self._packed.open(name) as file:
            while line := file.readline(longest + 1):
                if len(line) > longest:
                    raise BundleProblem(f"{name} has a line of more than {longest} bytes")
                yield line


@contextlib.contextmanager
def opened(path: Path, keys: Sequence[PublicKey]) -> Generator[Bundle]:
    """Check every byte of a bundle, then give what is in it.

    Raises `BundleProblem` that names what is wrong: truncated, edited, removed, added, renamed, another key;
    and OSError.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            packed = stack.enter_context(zipfile.ZipFile(file))
            entries = _entries(file, packed)
            manifest, report, sizes = _manifest(file, entries, keys)
            _compare_names(entries, manifest)
            for name, (sha256, size) in manifest.items():
                _check_file(file, entries[name], sha256, size)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            struct.error,
            NotImplementedError,
            RuntimeError,
            ValueError,
            UnicodeError,
            RecursionError,
        ) as error:
            raise BundleProblem(_unreadable(error)) from error
        yield Bundle(packed, report, sizes)


def _unreadable(error: Exception) -> str:
    if "CRC" in str(error) or isinstance(error, zlib.error):
        return "a file in it was edited, or was damaged on its way"
    return "it is no whole ZIP: it was truncated, or is something else"


@dataclass(frozen=True)
class _Entry:
    """A file in a bundle, and where its packed bytes begin."""

    info: zipfile.ZipInfo
    begin: int


def _entries(file: IO[bytes], packed: zipfile.ZipFile) -> dict[str, _Entry]:
    """Return the entries by name, when the file is exactly them: no gap, no twin, no odd name.

    Other programs may read a ZIP from its beginning, not by its list, or follow what the list says beside
    names. They must find the same files: what lies between files, and what two places say differently, is
    refused.
    """
    found: dict[str, _Entry] = {}
    infos = packed.infolist()
    if len(infos) > MOST_FILES:
        raise BundleProblem(f"it has {len(infos)} files, more than any bundle")
    end = 0
    for one in sorted(infos, key=lambda info: info.header_offset):
        # What some programs write outside of the folder that they unpack to is not even looked at.
        if one.filename != SUMS and not _NAME.fullmatch(one.filename):
            raise BundleProblem(f"it has a file with a name that no bundle has: {one.filename[:80]!r}")
        if one.filename in found:
            raise BundleProblem(f"it has {one.filename} twice")
        if (
            one.compress_type not in {zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED}
            or one.flag_bits & ~_PACKING_BITS
        ):
            raise BundleProblem(f"{one.filename} is packed in a way that no bundle is")
        if one.header_offset != end:
            raise BundleProblem(_MORE)
        begin = end + _check_header(file, one)
        found[one.filename] = _Entry(one, begin)
        end = begin + one.compress_size
    listed = sum(_LISTED_BYTES + len(one.filename) + len(one.extra) for one in infos)
    is_large = len(infos) and packed.start_dir > zipfile.ZIP64_LIMIT
    tail = _LARGE_END_BYTES if is_large else _END_BYTES
    if end != packed.start_dir or file.seek(0, os.SEEK_END) != end + listed + tail:
        raise BundleProblem(_MORE)
    return found


def _check_header(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Return the length of the header before a file, which must say the same as the list at the end."""
    file.seek(info.header_offset)
    magic, _, flags, method, _, _, crc, packed_bytes, bytes_, name_bytes, extra_bytes = _LOCAL.unpack(
        file.read(_LOCAL.size)
    )
    name, extra = file.read(name_bytes), file.read(extra_bytes)
    if packed_bytes == bytes_ == _IN_EXTRA and len(extra) == _LARGE.size:
        kind, length, bytes_, packed_bytes = _LARGE.unpack(extra)
        is_known = (kind, length) == (_LARGE_ID, _LARGE.size - 4)
    else:
        is_known = not extra
    listed = (
        info.filename.encode(),
        info.flag_bits,
        info.compress_type,
        info.CRC,
        info.compress_size,
        info.file_size,
    )
    if magic != b"PK\x03\x04" or (name, flags, method, crc, packed_bytes, bytes_) != listed or not is_known:
        raise BundleProblem(f"{info.filename} is described in two ways, or was damaged on its way")
    # In the list, too, the one thing that may be said beside a name is a size or a place beyond 4 GiB.
    said = len(info.extra) and int.from_bytes(info.extra[:2], "little") != _LARGE_ID
    if said or len(info.extra) > 4 + 3 * 8 or info.comment:
        raise BundleProblem(f"{info.filename} is described in two ways")
    return _LOCAL.size + name_bytes + extra_bytes


def _content(file: IO[bytes], entry: _Entry, most: int) -> Iterator[bytes]:
    """Give what a file unpacks to, at most so much and a byte; its packed bytes must be that and no more."""
    file.seek(entry.begin)
    left, count, name = entry.info.compress_size, 0, entry.info.filename
    if entry.info.compress_type == zipfile.ZIP_STORED:
        while count <= most and left and (chunk := file.read(min(_CHUNK, left, most + 1 - count))):
            left, count = left - len(chunk), count + len(chunk)
            yield chunk
    else:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        given = b""
        while count <= most and not unpacker.eof:
            given = unpacker.unconsumed_tail or file.read(min(_CHUNK, left))
            if not unpacker.unconsumed_tail:
                left -= len(given)
            chunk = unpacker.decompress(given, min(_CHUNK, most + 1 - count))
            if not chunk and not given:
                break  # it ends in the middle
            count += len(chunk)
            yield chunk
        if count <= most and (not unpacker.eof or unpacker.unused_data):
            raise BundleProblem(f"{name} was edited: something lies behind it, or its end is missing")
    if count <= most and left:
        raise BundleProblem(f"{name} was edited: something lies behind it")


def _manifest(
    file: IO[bytes], entries: dict[str, _Entry], keys: Sequence[PublicKey]
) -> tuple[dict[str, tuple[str, int]], BundleReport, dict[str, int]]:
    for name in (MANIFEST, SIGNATURE):
        if name not in entries:
            raise BundleProblem(f"{name} was removed")
    text = _read(file, entries[MANIFEST], _MOST_MANIFEST_BYTES)
    signature = _read(file, entries[SIGNATURE], _SIGNATURE_BYTES)
    first, _, rest = text.decode().partition("\n")
    value: Any = json.loads(rest)
    if first != BUNDLE or not isinstance(value, dict):
        raise BundleProblem(f"{MANIFEST} is none of a bundle")
    values = cast("dict[str, Any]", value)
    if canonical(values) != rest:
        raise BundleProblem(f"{MANIFEST} was edited")
    signed = {**values, "signature": base64.b64encode(signature).decode()}
    if problem := problem_of(BUNDLE, signed, keys):
        raise BundleProblem(f"the signature of {MANIFEST} {problem}")
    files = {str(one["name"]): (str(one["sha256"]), int(one["bytes"])) for one in values["files"]}
    report = BundleReport(
        ok=True,
        kind=str(values["kind"]),
        made_at=str(values["at"]),
        key_id=str(values["key_id"]),
        about=dict(values["about"]),
        files=tuple(files),
    )
    return files, report, {name: size for name, (_, size) in files.items()}


def _compare_names(entries: dict[str, _Entry], manifest: dict[str, tuple[str, int]]) -> None:
    there = set(entries) - {MANIFEST, SIGNATURE}
    missing, added = sorted(set(manifest) - there), sorted(there - set(manifest))
    if missing and added:
        raise BundleProblem(f"{missing[0]} was removed or renamed, and {added[0]} was added")
    if missing:
        raise BundleProblem(f"{missing[0]} was removed")
    if added:
        raise BundleProblem(f"{added[0]} was added")


def _check_file(file: IO[bytes], entry: _Entry, sha256: str, size: int) -> None:
    name = entry.info.filename
    if entry.info.file_size != size:
        raise BundleProblem(f"{name} was edited")
    digest, count = hashlib.sha256(), 0
    for chunk in _content(file, entry, size):  # never more than was signed: what unpacks to more ends there
        digest.update(chunk)
        count += len(chunk)
    if count != size or digest.hexdigest() != sha256:
        raise BundleProblem(f"{name} was edited")


def _read(file: IO[bytes], entry: _Entry, most: int) -> bytes:
    found = b"".join(_content(file, entry, most))
    if len(found) > most:
        raise BundleProblem(f"{entry.info.filename} is larger than that of any bundle")
    if len(found) != entry.info.file_size or zlib.crc32(found) != entry.info.CRC:
        raise BundleProblem(f"{entry.info.filename} was edited")
    return found


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
