"""One kernel's files: chunks that its checkpoints share, and for each checkpoint a stream and a manifest.

Order of a save: pieces and chunks under temporary names; all of them synced and renamed; then the index names
the checkpoint (`store.py`); then what no checkpoint needs is removed. A kill in between loses nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import struct
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import orjson

from nbkeep_runtime.server.state import files
from nbkeep_runtime.server.state.errors import NOT_OURS, CannotKeep, IsRefused
from nbkeep_runtime.server.state.sealing import OVERHEAD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from nbkeep_runtime.server.state.budget import Budget
    from nbkeep_runtime.server.state.index import Checkpoint
    from nbkeep_runtime.server.state.sealing import Sealer

PIECE_BYTES = 4 << 20
CHUNKS = 262_144
HASH = re.compile(r"[0-9a-f]{32,128}")
_LENGTH = struct.Struct(">I")
_SEALED_BYTES = PIECE_BYTES + OVERHEAD_BYTES
_REFS_BYTES = CHUNKS * 140
_MANIFEST_PIECES = 8
_ROLES = ("stream", "manifest")
_AT_ONCE = 3  # chunks on their way to the disk; twice as many wait


@dataclass(frozen=True)
class Written:
    """A checkpoint whose files are on the disk and which no index names yet."""

    checkpoint_id: str
    manifest_pieces: int
    stream_pieces: int
    bytes: int
    new_bytes: int


class Writer:
    """Takes one checkpoint of a kernel, in one thread; end it with `finish` or `abandon`."""

    def __init__(self, folder: Path, sealer: Sealer, budget: Budget, python: str) -> None:
        self.checkpoint_id = secrets.token_hex(16)
        self._folder = folder
        self._sealer = sealer
        self._budget = budget
        self._bound = (folder.name, python)
        self._chunks = folder / "chunks"
        self._chunks.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._there = {
            entry.name: entry.stat(follow_symlinks=False).st_size for entry in os.scandir(self._chunks)
        }
        self._new: dict[str, int] = {}
        self._refs: set[str] = set()
        self._open = {role: self._create(role) for role in _ROLES}
        self._pieces: dict[str, int] = dict.fromkeys(_ROLES, 0)
        self._bytes = 0
        self._taken = 0
        self._memory = threading.local()
        self._threads = ThreadPoolExecutor(_AT_ONCE, "nbkeep-chunk")
        self._waiting: deque[Future[None]] = deque()

    def _path(self, role: str) -> Path:
        return self._folder / f"{self.checkpoint_id}.{role}"

    def _part(self, role: str) -> Path:
        return self._folder / f"{self.checkpoint_id}.{role}{files.PART_SUFFIX}"

    def _create(self, role: str) -> int:
        return os.open(self._part(role), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Note chunks that the checkpoint needs; return those that are to be sent."""
        wanted = list(names)
        self._need(wanted)
        return [name for name in wanted if name not in self._there and name not in self._new]

    def _need(self, names: list[str]) -> None:
        self._refs.update(names)
        if len(self._refs) > CHUNKS:
            raise CannotKeep(f"The variables are in more than {CHUNKS} pieces.")

    def chunk(self, name: str, data: bytes | bytearray) -> None:
        """Store a chunk, soon: do not change `data`. One that is there already stays as it is."""
        self._need([name])
        if name in self._there or name in self._new:
            return
        size = len(data) + OVERHEAD_BYTES
        self._take(size)
        self._new[name] = size
        while len(self._waiting) >= 2 * _AT_ONCE:
            self._waiting.popleft().result()
        self._waiting.append(self._threads.submit(self._store, name, data))

    def _store(self, name: str, data: bytes | bytearray) -> None:
        """Seal and write in a thread: the disk works while the kernel sends."""
        if not hasattr(self._memory, "buffer"):
            self._memory.buffer = bytearray(_SEALED_BYTES)
        sealed = self._sealer.seal_into("chunk", (*self._bound, name), data, self._memory.buffer)
        files.write_new(self._chunks / (name + files.PART_SUFFIX), sealed)

    def piece(self, role: str, data: bytes | bytearray) -> None:
        """Append to the stream or the manifest."""
        number = self._pieces[role]
        if role == "manifest" and number >= _MANIFEST_PIECES:
            raise CannotKeep("There are too many variables: their list is larger than 32 MiB.")
        sealed = self._sealer.seal(role, (*self._bound, self.checkpoint_id, number), data)
        self._take(_LENGTH.size + len(sealed))
        files.write_all(self._open[role], _LENGTH.pack(len(sealed)) + sealed)
        self._bytes += len(sealed)
        self._pieces[role] += 1

    def _take(self, size: int) -> None:
        self._taken += self._budget.take(size)

    def finish(self) -> Written:
        """Put everything on the disk."""
        refs = self._sealer.seal("refs", (*self._bound, self.checkpoint_id), orjson.dumps(sorted(self._refs)))
        self._take(len(refs))
        files.write_new(self._part("refs"), refs)
        while self._waiting:
            self._waiting.popleft().result()
        for fd in self._open.values():
            os.fsync(fd)
        self._close()
        for name in self._new:
            (self._chunks / (name + files.PART_SUFFIX)).rename(self._chunks / name)
        for role in (*_ROLES, "refs"):
            self._part(role).rename(self._path(role))
        files.sync_folder(self._chunks)
        files.sync_folder(self._folder)
        sizes = {**self._there, **self._new}
        absent = [name for name in self._refs if name not in sizes]
        if absent:
            raise CannotKeep("The kernel did not send all of its memory.")
        return Written(
            self.checkpoint_id,
            self._pieces["manifest"],
            self._pieces["stream"],
            self._bytes + sum(sizes[name] for name in self._refs),
            self._bytes + sum(self._new.values()),
        )

    def abandon(self) -> None:
        """Remove what was written; never raises."""
        self._close()
        paths = [self._chunks / (name + suffix) for name in self._new for suffix in ("", files.PART_SUFFIX)]
        paths += [path for role in (*_ROLES, "refs") for path in (self._part(role), self._path(role))]
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink()
        self._budget.give(self._taken)
        self._taken = 0

    def _close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()


class Memory:
    """Room for one chunk, sealed and opened."""

    def __init__(self) -> None:
        self.sealed = bytearray(_SEALED_BYTES)
        self.opened = bytearray(PIECE_BYTES)


class Reader:
    """Hands out one checkpoint, each piece verified; raises `IsRefused` for what is not as it was saved."""

    def __init__(self, folder: Path, sealer: Sealer, checkpoint: Checkpoint) -> None:
        self._folder = folder
        self._sealer = sealer
        self._checkpoint = checkpoint
        self._bound = (folder.name, checkpoint.python)
        self.refs = frozenset(self._read_refs())

    def _read_refs(self) -> list[str]:
        number = self._checkpoint.checkpoint_id
        raw = _read(self._folder / f"{number}.refs", _REFS_BYTES)
        return orjson.loads(self._sealer.open("refs", (*self._bound, number), raw))

    def check(self) -> None:
        """Look for every chunk before a kernel is told to go on; its bytes are verified as they are read."""
        with contextlib.suppress(OSError):
            there = {entry.name for entry in os.scandir(self._folder / "chunks")}
            if self.refs <= there:
                return
        raise IsRefused(
            "A part of the kept variables is missing on the platform's disk, so they were not used."
        )

    def pieces(self, role: str) -> Iterator[bytes]:
        """Return the stream's or the manifest's pieces in order."""
        number = self._checkpoint.checkpoint_id
        count = self._checkpoint.stream_pieces if role == "stream" else self._checkpoint.manifest_pieces
        try:
            fd = os.open(self._folder / f"{number}.{role}", os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise IsRefused(NOT_OURS) from error
        with os.fdopen(fd, "rb") as file:
            for position in range(count):
                yield self._sealer.open(role, (*self._bound, number, position), _sealed(file))
            if file.read(1):
                raise IsRefused(NOT_OURS)

    def chunk(self, name: str, memory: Memory) -> memoryview:
        """Return a chunk of this checkpoint, in `memory` until that is used again; for several threads."""
        try:
            sealed = files.read_into(self._folder / "chunks" / name, memory.sealed)
        except OSError as error:
            raise IsRefused(NOT_OURS) from error
        return self._sealer.open_into("chunk", (*self._bound, name), sealed, memory.opened)


def _sealed(file: BinaryIO) -> bytes:
    head = file.read(_LENGTH.size)
    size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else -1
    sealed = file.read(size) if 0 <= size <= _SEALED_BYTES else b""
    if len(sealed) != size:
        raise IsRefused(NOT_OURS)
    return sealed


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        return files.read(path, most_bytes)
    except OSError as error:
        raise IsRefused(NOT_OURS) from error
