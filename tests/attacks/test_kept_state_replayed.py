"""Somebody puts an older checkpoint of the same session in the place of the latest."""

# pyright: basic

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nbkeep_runtime.server.state.errors import CannotRestore
from state_speaker import keep, restored, store_in

pytestmark = pytest.mark.attack


def test_an_older_state_is_refused_where_the_platform_knows_a_later_one(tmp_path: Path) -> None:
    folder, older = tmp_path / "ses_1", tmp_path / "older"
    store = store_in(folder)
    keep(store, [b"old" * 1000], b"old")
    shutil.copytree(folder, older)
    keep(store, [b"new" * 1000], b"new")
    latest = store_in(folder).read().sequence
    assert restored(store_in(folder, least_sequence=latest))[1] == b"new"
    shutil.rmtree(folder)
    shutil.copytree(older, folder)
    with pytest.raises(CannotRestore, match="older state"):
        restored(store_in(folder, least_sequence=latest))


@pytest.mark.parametrize("what", ["index", "stream", "manifest", "refs"])
def test_a_part_of_an_older_checkpoint_fits_no_later_one(tmp_path: Path, what: str) -> None:
    folder, older = tmp_path / "ses_1", tmp_path / "older"
    store = store_in(folder)
    keep(store, [b"old" * 1000], b"old")
    shutil.copytree(folder, older)
    keep(store, [b"new" * 1000], b"new")
    store.sweep()
    if what == "index":  # it names files that are gone
        shutil.copy(older / "index", folder / "index")
    else:
        ((old,), (new,)) = (list((where / "k-1").glob(f"*.{what}")) for where in (older, folder))
        shutil.copy(old, new)
    with pytest.raises(CannotRestore):
        restored(store_in(folder))
