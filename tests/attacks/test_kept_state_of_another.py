"""The kept state of another user, session or image is put into a session's folder."""

# pyright: basic

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from nbkeep_runtime.server.state.errors import CannotRestore
from state_speaker import JANE, KEY, keep, restored, store_in

pytestmark = pytest.mark.attack


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    keep(store_in(tmp_path / "janes"), [b"jane's" * 1000])
    shutil.copytree(tmp_path / "janes", tmp_path / "copied")
    return tmp_path / "copied"


@pytest.mark.parametrize(
    ("change", "told"),
    [({"owner": "john"}, "another user"), ({"session_id": "ses_2"}, "another user or session"),
     ({"image_digest": "sha256:two"}, "another image")],
)  # fmt: skip
def test_it_is_refused_with_the_reason_and_stays(copied: Path, change: dict[str, str], told: str) -> None:
    """Even one who has the owner's key (the same for all her sessions) cannot hand it to another session."""
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(CannotRestore, match=told):
        restored(store_in(copied, binding=dataclasses.replace(JANE, **change)))
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("field", ["owner", "session_id", "image_digest"])
def test_a_forged_head_opens_nothing(copied: Path, field: str) -> None:
    """The head in clear only chooses the sentence: what is sealed names its owner again."""
    other = dataclasses.replace(JANE, **{field: "forged"})
    index = copied / "index"
    head, _, sealed = index.read_bytes().partition(b"\n")
    index.write_bytes(head.replace(getattr(JANE, field).encode(), b"forged") + b"\n" + sealed)
    with pytest.raises(CannotRestore, match="altered"):
        restored(store_in(copied, binding=other))


def test_another_key_opens_nothing(copied: Path) -> None:
    with pytest.raises(CannotRestore, match="another key"):
        restored(store_in(copied, key=KEY[::-1]))


def test_anothers_chunks_beside_ones_own_index_open_nothing(tmp_path: Path, copied: Path) -> None:
    john = dataclasses.replace(JANE, owner="john")
    keep(store_in(tmp_path / "johns", key=KEY[::-1], binding=john), [b"jane's" * 1000])
    shutil.rmtree(tmp_path / "johns/k-1/chunks")
    shutil.copytree(copied / "k-1/chunks", tmp_path / "johns/k-1/chunks")
    (name,) = [path.name for path in (tmp_path / "johns/k-1/chunks").iterdir()]
    with pytest.raises(CannotRestore, match="altered"):
        restored(store_in(tmp_path / "johns", key=KEY[::-1], binding=john), [name])
