"""Code in the sandbox takes a kernel's part while variables are saved or restored, and says what it likes.

Each attempt has a clear end: bounded memory, bounded disk, a sentence, and the earlier checkpoint untouched.
"""

# pyright: basic

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbkeep_runtime.server.state import door as door_module
from nbkeep_runtime.server.state import hand_out as hand_out_module
from nbkeep_runtime.server.state.door import Door
from nbkeep_runtime.server.state.errors import CannotKeep, CannotRestore
from nbkeep_runtime.server.state.store import Store
from state_speaker import SpeakingKernel, disk_bytes, keep, name_of, receiving, restored, store_in

pytestmark = pytest.mark.attack
MIB = 1 << 20
HASH = "0" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = store_in(tmp_path / "ses_1", max_bytes=24 * MIB)
    keep(store, [b"kept" * 1000])
    return store


def for_ever(kernel: SpeakingKernel, kind: str, size: int) -> None:
    data = os.urandom(size)
    kernel.begin()
    while True:
        kernel.send(kind, data)


def chunks_for_ever(kernel: SpeakingKernel) -> None:
    kernel.begin()
    number = 0
    while True:
        number += 1
        kernel.send("chunk", os.urandom(MIB), hash=f"{number:032x}")


def names_for_ever(kernel: SpeakingKernel) -> None:
    kernel.begin()
    number = 0
    while True:
        kernel.send("have", hashes=[f"{number + each:032x}" for each in range(4096)])
        kernel.receive()
        number += 4096


def raw(*parts: bytes) -> Callable[[SpeakingKernel], None]:
    def work(kernel: SpeakingKernel) -> None:
        kernel.begin()
        for part in parts:
            kernel.socket.sendall(part)
        kernel.receive()

    return work


def frame(**content: Any) -> bytes:
    text = json.dumps(content).encode()
    return struct.pack(">I", len(text)) + text


ATTEMPTS: dict[str, Callable[[SpeakingKernel], Any]] = {
    "an endless stream": lambda kernel: for_ever(kernel, "stream", 4 * MIB),
    "an endless manifest": lambda kernel: for_ever(kernel, "manifest", 4 * MIB),
    "an endless stream of nothing": lambda kernel: for_ever(kernel, "stream", 0),
    "endless chunks": chunks_for_ever,
    "endless names": names_for_ever,
    "a manifest of 100 MB": lambda kernel: kernel.save([], manifest=b"[" * 100_000_000),
    "a frame of 4 GiB": raw(b"\xff\xff\xff\xff"),
    "a frame that is no JSON": raw(struct.pack(">I", 4) + b"junk"),
    "a frame that is no object": raw(struct.pack(">I", 2) + b"[]"),
    "a deeply nested frame": raw(struct.pack(">I", 1 << 20) + b"[" * (1 << 20)),
    "a negative size": raw(frame(type="stream", size=-1)),
    "a size over the limit": raw(frame(type="stream", size=4 * MIB + 1)),
    "a size that is no number": raw(frame(type="stream", size=[1])),
    "a size that is true": raw(frame(type="stream", size=True)),
    "a kind that is unknown": raw(frame(type="exec")),
    "a second beginning": raw(frame(type="begin", format=1, python="3.11.7")),
    "a hash that is a path": raw(frame(type="chunk", hash="../../../etc/passwd", size=1) + b"x"),
    "a hash that is no text": raw(frame(type="chunk", hash={"a": 1}, size=1) + b"x"),
    "a hash that is a temporary name": raw(frame(type="chunk", hash=HASH + ".part", size=1) + b"x"),
    "too many names at once": raw(frame(type="have", hashes=["0"] * 4097)),
    "names that are none": raw(frame(type="have", hashes=[None])),
    "chunks that it has and never sends": lambda kernel: (
        kernel.begin(), kernel.send("have", hashes=[HASH]), kernel.receive(), kernel.send("end"), kernel.receive()),
    "an end after the beginning of a frame": lambda kernel: (kernel.begin(), kernel.socket.sendall(b"\0\0\1\0{")),
    "nothing at all": lambda _kernel: None,
    "another format": lambda kernel: kernel.send("begin", format=2, python="3.11.7"),
    "a Python that is a path": lambda kernel: kernel.send("begin", format=1, python="../3.11"),
    "its own word for a failure": lambda kernel: (kernel.begin(), kernel.send("failed", reason="x" * 100_000)),
}  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_save_that_lies_ends_in_a_sentence(store: Store, attempt: str) -> None:
    tracemalloc.start()
    with pytest.raises(CannotKeep) as told:
        receiving(store, ATTEMPTS[attempt], slot="k-hostile", within_s=60)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 10 < len(str(told.value)) < 700
    assert peak < 250 * MIB, f"{peak >> 20} MiB"  # the attacker's own bytes are among them
    assert disk_bytes(store.folder) < 24 * MIB
    assert restored(store_in(store.folder), [name_of(b"kept" * 1000)])[1] == b"stream"


def test_one_that_trickles_is_cut_off_in_time(store: Store) -> None:
    def trickle(kernel: SpeakingKernel) -> None:
        kernel.begin()
        while True:
            kernel.socket.sendall(b"\0")
            time.sleep(0.05)

    with pytest.raises(CannotKeep):
        receiving(store, trickle, within_s=1)


def test_one_that_never_reads_is_cut_off_in_time(store: Store) -> None:
    def deaf(kernel: SpeakingKernel) -> None:
        kernel.begin()
        while True:
            kernel.send("have", hashes=[HASH] * 4096)

    with pytest.raises(CannotKeep):
        receiving(store, deaf, within_s=1)


WANTS: dict[str, Any] = {
    "what is not its own": ["f" * 32],
    "a path": ["../../state.json"],
    "nothing": [],
    "no names": [1],
}


@pytest.mark.parametrize("wanted", WANTS.values(), ids=list(WANTS))
def test_a_restore_hands_out_chunks_of_its_own_checkpoint_only(store: Store, wanted: list[Any]) -> None:
    keep(store, [b"of another" * 1000], slot="k-2")
    with pytest.raises(CannotRestore):
        restored(store, asks=lambda kernel: (kernel.send("want", hashes=wanted), kernel.receive()))


def test_a_restore_that_asks_for_ever_is_cut_off(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_out_module, "_HASHES", 50)

    def greedy(kernel: SpeakingKernel) -> None:
        while True:
            kernel.send("want", hashes=[name_of(b"kept" * 1000)])
            kernel.receive()

    with pytest.raises(CannotRestore, match="more than it can need"):
        restored(store, asks=greedy)


async def connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, str(path))
    return connection


async def test_only_who_shows_the_token_is_let_in(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others come first: silent ones, liars, talkers, crowds. The kernel still gets in, with what it said."""
    monkeypatch.setattr(door_module, "_TOKEN_S", 0.5)
    loop = asyncio.get_running_loop()
    with Door(short_dir) as door:
        for said in (
            b"",
            b"\n",
            b'{"token": ""}\n',
            b'{"token": 1}\n',
            b"[]\n",
            b"x" * 100_000,
            b'{"token": "' + b"0" * 64 + b'"}\n',
        ):
            stranger = await connected(door.path)
            try:
                await loop.sock_sendall(stranger, said)
                if said:
                    assert await asyncio.wait_for(loop.sock_recv(stranger, 10), 5) == b""
            except OSError:
                pass
            stranger.close()
        crowd = [await connected(door.path) for _ in range(14)]
        await asyncio.sleep(0.8)  # their time is up
        kernel = await connected(door.path)
        await loop.sock_sendall(kernel, json.dumps({"token": door.token}).encode() + b"\nfirst frame")
        connection, rest = await asyncio.wait_for(door.entered(), 5)
        assert rest == b"first frame"
        connection.close()
        for one in (*crowd, kernel):
            one.close()
    assert not os.listdir(short_dir)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_crowd_at_the_door_holds_few_descriptors(short_dir: Path) -> None:
    before = descriptors()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    with Door(short_dir) as door:
        crowd = []
        for _ in range(min(300, limit // 4)):
            crowd.append(await connected(door.path))
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        assert descriptors() - before - len(crowd) < 25
        for one in crowd:
            one.close()
    await asyncio.sleep(0.1)
    assert descriptors() <= before + 2
