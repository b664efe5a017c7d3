"""Somebody alters what is kept of a session, by a byte anywhere, or by a file in another's place."""

# pyright: basic

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nbkeep_runtime.server.state.errors import CannotRestore
from state_speaker import SLOT, keep, name_of, restored, store_in

pytestmark = pytest.mark.attack
CHUNKS = [b"a" * 5000, b"b" * 5000]
NAMES = [name_of(one) for one in CHUNKS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "ses_1"
    store = store_in(folder)
    keep(store, CHUNKS, os.urandom(9000))
    keep(store, [b"other" * 1000], b"other", slot="k-2")
    return folder


def sealed_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "state.json")


def test_a_flipped_bit_anywhere_is_refused(folder: Path) -> None:
    files = sealed_files(folder)
    assert {path.suffix for path in files} == {"", ".stream", ".manifest", ".refs"}
    for path in files:
        if path.parent.name == "k-2" or path.parent.parent.name == "k-2":
            continue
        whole = path.read_bytes()
        for at in {0, 3, 5, 11, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(CannotRestore):
                restored(store_in(folder), NAMES)
        path.write_bytes(whole)
    assert restored(store_in(folder), NAMES)[2] == dict(zip(NAMES, CHUNKS, strict=True))


def test_a_file_cut_short_or_made_longer_is_never_taken_for_whole(folder: Path) -> None:
    for path in sealed_files(folder):
        if path.parent.name == "k-2" or path.parent.parent.name == "k-2":
            continue
        whole = path.read_bytes()
        for cut in (0, 4, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:cut])
            with pytest.raises(CannotRestore):
                restored(store_in(folder), NAMES)
        path.write_bytes(whole)


def test_a_chunk_in_the_place_of_another_is_refused(folder: Path) -> None:
    chunks = folder / SLOT / "chunks"
    shutil.copy(chunks / NAMES[0], chunks / NAMES[1])
    with pytest.raises(CannotRestore, match="altered"):
        restored(store_in(folder), NAMES)


def test_one_notebooks_variables_in_the_place_of_anothers_are_refused(folder: Path) -> None:
    (mine,), (other,) = (list((folder / slot).glob("*.stream")) for slot in (SLOT, "k-2"))
    shutil.copy(other, mine)
    with pytest.raises(CannotRestore, match="altered"):
        restored(store_in(folder), NAMES)


def test_a_link_in_the_place_of_a_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    chunk = folder / SLOT / "chunks" / NAMES[0]
    shutil.move(chunk, tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotRestore):
        restored(store_in(folder), NAMES)
