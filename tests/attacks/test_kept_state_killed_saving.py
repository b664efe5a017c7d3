"""The trusted half is killed at any moment of a save: what was kept before can be restored, or the new one can."""

# pyright: basic

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from state_speaker import keep, name_of, restored, store_in

pytestmark = pytest.mark.attack
MIB = 1 << 20
FIRST = [bytes([number]) * MIB for number in range(3)]
NEXT = [FIRST[0], *(bytes([number]) * MIB for number in range(10, 16))]


def save_until_killed(folder: Path, after_s: float) -> bool:
    """Save in a process that is killed after a time; return whether it was done by then."""
    child = os.fork()
    if child == 0:
        try:
            store = store_in(folder)
            store.read()
            keep(store, NEXT, b"next")
            store.sweep()
        finally:
            os._exit(0)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_one_whole_checkpoint_is_there_whenever_the_kill_comes(tmp_path: Path) -> None:
    seen = set()
    chance = random.Random(7)  # noqa: S311  # moments, not secrets
    for number in range(40):
        folder = tmp_path / str(number)
        keep(store_in(folder), FIRST, b"first")
        save_until_killed(folder, chance.uniform(0, 0.12))
        store = store_in(folder)
        stream = restored(store)[1]
        seen.add(stream)
        chunks = FIRST if stream == b"first" else NEXT
        names = [name_of(one) for one in chunks]
        assert restored(store, names)[2] == dict(zip(names, chunks, strict=True))
        keep(store, NEXT, b"after")  # what the killed one left is no hindrance, and is swept
        store.sweep()
        assert {path.name for path in (folder / "k-1/chunks").iterdir()} == {name_of(one) for one in NEXT}
        assert len(list((folder / "k-1").glob("*.*"))) == 3
    assert b"first" in seen
