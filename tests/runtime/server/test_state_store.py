"""What is kept on the disk: whole checkpoints, what changed of the next one, and nothing that no one needs."""

# pyright: basic

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbkeep_runtime.server.state.errors import CannotKeep, CannotRestore
from nbkeep_runtime.server.state.store import Store
from state_speaker import SLOT, disk_bytes, keep, name_of, receiving, restored, store_in

MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return store_in(tmp_path / "ses_1")


def test_what_was_kept_comes_back_to_the_byte(store: Store) -> None:
    chunks = [os.urandom(size) for size in (1, 4096, 2 * MIB, 4 * MIB)]
    stream = os.urandom(9 * MIB)
    keep(store, chunks, stream)
    manifest, got, parts = restored(store_in(store.folder), [name_of(one) for one in chunks])
    assert (manifest, got, list(parts.values())) == (b"{}", stream, chunks)


def test_nothing_readable_lies_on_the_disk(store: Store) -> None:
    keep(store, [b"a secret " * 1000], b"another secret " * 1000)
    for path in store.folder.rglob("*"):
        if path.is_file():
            assert b"secret" not in path.read_bytes(), path
            assert path.stat().st_mode & 0o077 == 0, path


def test_the_next_checkpoint_sends_only_what_changed_and_the_rest_goes(store: Store) -> None:
    same, old, new = (os.urandom(MIB) for _ in range(3))
    keep(store, [same, old])
    received = keep(store, [same, new])
    assert MIB <= received.written.new_bytes < 1.1 * MIB
    assert received.written.bytes > 2 * MIB
    store.sweep()
    assert {path.name for path in (store.folder / SLOT / "chunks").iterdir()} == {name_of(same), name_of(new)}
    assert len(list((store.folder / SLOT).glob("*.stream"))) == 1
    assert restored(store_in(store.folder), [name_of(new)])[2] == {name_of(new): new}


def test_a_save_that_fails_leaves_the_earlier_one_and_no_files(store: Store) -> None:
    keep(store, [b"first" * 1000])
    before = sorted(store.folder.rglob("*"))
    with pytest.raises(CannotKeep):
        receiving(
            store, lambda kernel: (kernel.begin(), kernel.send("chunk", os.urandom(MIB), hash="0" * 32))
        )
    assert sorted(store.folder.rglob("*")) == before
    assert restored(store_in(store.folder), [name_of(b"first" * 1000)])[1] == b"stream"


def test_a_kernel_without_a_place_in_the_index_is_swept_and_another_stays(store: Store) -> None:
    keep(store, [b"one" * 1000], slot="k-1")
    keep(store, [b"two" * 1000], slot="k-2")
    store.commit(lambda old: [one for one in old if one.slot == "k-2"], [])
    store.sweep()
    assert not (store.folder / "k-1").exists()
    assert restored(store_in(store.folder), [name_of(b"two" * 1000)], slot="k-2")[1] == b"stream"


def test_the_limit_holds_at_every_moment_and_is_told(tmp_path: Path) -> None:
    store = store_in(tmp_path / "ses_1", max_bytes=3 * MIB)
    keep(store, [os.urandom(MIB)])
    with pytest.raises(CannotKeep, match=r"too large.*3 MiB"):
        keep(store, [os.urandom(MIB) for _ in range(3)])
    assert disk_bytes(store.folder) < 3 * MIB
    keep(store, [os.urandom(MIB)])  # room was given back
    assert restored(store_in(store.folder))[1] == b"stream"


def test_many_tiny_chunks_count_as_the_blocks_that_they_take(tmp_path: Path) -> None:
    store = store_in(tmp_path / "ses_1", max_bytes=MIB)
    with pytest.raises(CannotKeep, match="too large"):
        keep(store, [number.to_bytes(2, "big") for number in range(300)])


def test_a_missing_chunk_is_seen_before_the_kernel_is_told_to_go_on(store: Store) -> None:
    keep(store, [b"one" * 1000])
    (store.folder / SLOT / "chunks" / name_of(b"one" * 1000)).unlink()
    with pytest.raises(CannotRestore, match="missing"):
        restored(store_in(store.folder))


def test_nothing_kept_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(CannotRestore, match="Nothing was kept"):
        store_in(tmp_path).read()
