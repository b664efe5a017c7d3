"""A kernel's half of saving and restoring, whole and small, for tests of the trusted half without a kernel."""

# pyright: basic

from __future__ import annotations

import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbkeep_runtime.server.state.frames import Frames
from nbkeep_runtime.server.state.hand_out import hand_out
from nbkeep_runtime.server.state.index import Checkpoint, KeptKernel
from nbkeep_runtime.server.state.receive import Received, receive
from nbkeep_runtime.server.state.sealing import Binding, Sealer
from nbkeep_runtime.server.state.store import Store

KEY = bytes(range(32))
JANE = Binding("jane", "ses_1", "sha256:one")
SLOT = "k-1"
PIECE = 4 << 20


def name_of(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=32).hexdigest()


class SpeakingKernel:
    """Sends and receives frames; blocks."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(30)

    def send(self, kind: str, data: bytes | None = None, **more: Any) -> None:
        if data is not None:
            more["size"] = len(data)
        self.send_raw(json.dumps({"type": kind, **more}).encode(), data or b"")

    def send_raw(self, text: bytes, data: bytes = b"") -> None:
        self.socket.sendall(struct.pack(">I", len(text)) + text + data)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        frame = json.loads(self._read(struct.unpack(">I", self._read(4))[0]))
        return frame, self._read(frame.get("size", 0))

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def begin(self, python: str = "3.11.7") -> None:
        self.send("begin", format=1, python=python)

    def save(self, chunks: list[bytes], stream: bytes = b"stream", manifest: bytes = b"{}") -> dict[str, Any]:
        """Save, and return the answer; what was sent anew is in `sent`."""
        self.begin()
        named = {name_of(chunk): chunk for chunk in chunks}
        self.send("have", hashes=list(named))
        self.sent = self.receive()[0]["hashes"]
        for name in self.sent:
            self.send("chunk", named[name], hash=name)
        for kind, data in (("stream", stream), ("manifest", manifest)):
            for start in range(0, max(len(data), 1), PIECE):
                self.send(kind, data[start : start + PIECE])
        self.send("end")
        return self.receive()[0]

    def restore(
        self, wanted: list[str] | None, asks: Callable[[SpeakingKernel], Any]
    ) -> tuple[bytes, bytes, dict[str, bytes]]:
        """Return manifest, stream and the chunks asked for; raises EOFError when the other side ends it."""
        got = {"manifest": b"", "stream": b""}
        while True:
            frame, data = self.receive()
            if frame["type"] == "go":
                break
            if frame["type"] == "failed":
                raise EOFError(frame["reason"])
            got[frame["type"]] += data
        chunks = {}
        for name in wanted or []:
            self.send("want", hashes=[name])
            frame, chunks[name] = self.receive()
            if frame["type"] == "failed":
                raise EOFError(frame["reason"])
        asks(self)
        self.send("done")
        return got["manifest"], got["stream"], chunks


def store_in(
    folder: Path, *, key: bytes = KEY, binding: Binding = JANE, max_bytes: int = 1 << 30, **more: Any
) -> Store:
    return Store(folder, Sealer(key, binding), max_bytes, **more)


def receiving(
    store: Store, work: Callable[[SpeakingKernel], Any], *, slot: str = SLOT, within_s: float = 30
) -> Received:
    """Let a kernel do its work against the trusted half; return what was received, or raise what that raises."""
    ours, theirs = socket.socketpair()
    errors: list[BaseException] = []

    def talk() -> None:
        try:
            with theirs:
                work(SpeakingKernel(theirs))
        except (OSError, EOFError, KeyError) as error:
            errors.append(error)

    thread = threading.Thread(target=talk)
    thread.start()
    frames = Frames(ours, b"", time.monotonic() + within_s)
    try:
        return receive(frames, store, slot, lambda: True)
    finally:
        frames.close()
        store.release(slot)
        thread.join(30)


def keep(store: Store, chunks: list[bytes], stream: bytes = b"stream", *, slot: str = SLOT) -> Received:
    """Save and make it the valid checkpoint."""
    received = receiving(store, lambda kernel: kernel.save(chunks, stream), slot=slot)
    written = received.written
    checkpoint = Checkpoint(
        written.checkpoint_id, "2026-01-01T00:00:00+00:00", received.python, written.manifest_pieces,
        written.stream_pieces, written.bytes, 1, (),
    )  # fmt: skip
    mine = KeptKernel(f"id-{slot}", slot, f"{slot}.ipynb", "python3", "python", checkpoint)
    store.commit(lambda old: [*(one for one in old if one.slot != slot), mine], [])
    return received


def restored(
    store: Store,
    wanted: list[str] | None = None,
    *,
    slot: str = SLOT,
    asks: Callable[[SpeakingKernel], Any] = lambda _kernel: None,
) -> tuple[bytes, bytes, dict[str, bytes]]:
    """Read the index and restore one kernel from it; raises `CannotRestore` as the trusted half does.

    `asks` is what the kernel does after it got the chunks that are `wanted`.
    """
    kernel = next(one for one in store.read().kernels if one.slot == slot)
    assert kernel.checkpoint is not None
    reader = store.reader(kernel, kernel.checkpoint)
    ours, theirs = socket.socketpair()
    got: list[Any] = []

    def talk() -> None:
        try:
            with theirs:
                got.append(SpeakingKernel(theirs).restore(wanted, asks))
        except (OSError, EOFError, KeyError) as error:
            got.append(error)

    thread = threading.Thread(target=talk)
    thread.start()
    frames = Frames(ours, b"", time.monotonic() + 30)
    try:
        hand_out(frames, reader, lambda _size: None)
    finally:
        frames.close()
        thread.join(30)
    return got[0]


def disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
