"""The disk is full while variables are saved: the earlier checkpoint stays whole, and a later save works."""

# pyright: basic

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbkeep_runtime.server.state.errors import CannotKeep
from state_speaker import keep, name_of, restored, store_in

pytestmark = [pytest.mark.attack, pytest.mark.root]
MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounts a small file system, which needs root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_a_full_disk_loses_nothing(small_disk: Path) -> None:
    store = store_in(small_disk / "ses_1")
    first = os.urandom(3 * MIB)
    keep(store, [first])
    for size in (6, 5, 4):  # full while chunks are written, and once more nearly
        with pytest.raises(CannotKeep, match="disk"):
            keep(store, [os.urandom(MIB) for _ in range(size)] + [os.urandom(2 * MIB)])
        assert restored(store_in(store.folder), [name_of(first)])[2] == {name_of(first): first}
    keep(store, [os.urandom(MIB)])
    store.sweep()
    assert sum(path.stat().st_size for path in small_disk.rglob("*") if path.is_file()) < 1.2 * MIB


def test_a_disk_that_is_full_when_the_index_is_written_keeps_the_earlier_one(small_disk: Path) -> None:
    store = store_in(small_disk / "ses_1")
    keep(store, [b"first" * 1000])
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(OSError, match="No space"):
        store.commit(lambda _old: [], [])
    assert restored(store_in(store.folder), [name_of(b"first" * 1000)])[1] == b"stream"
    filler.unlink()
    keep(store, [b"second" * 1000], b"second")
    assert restored(store_in(store.folder))[1] == b"second"
