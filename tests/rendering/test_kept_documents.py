"""Documents are kept by what they hold: nobody swaps one after it was examined."""

from __future__ import annotations

import hashlib
import stat
from typing import TYPE_CHECKING

import pytest

from nbkeep.model.errors import Unavailable
from nbkeep.rendering.kept import Documents

if TYPE_CHECKING:
    from pathlib import Path


def test_a_document_comes_back_as_it_was_put_there(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "documents")
    name = documents.put(b"report")
    assert documents.put(b"report") == name == hashlib.sha256(b"report").hexdigest()
    assert (documents.read(name), list(documents.names())) == (b"report", [name])
    file = next((tmp_path / "documents").glob("??/*"))
    assert [stat.S_IMODE(one.stat().st_mode) for one in (file, file.parent, tmp_path / "documents")] == [
        0o600,
        0o700,
        0o700,
    ]
    documents.forget(name)
    documents.forget(name)
    assert not documents.holds(name)


def test_a_document_that_was_changed_on_the_disk_is_not_given_out_and_is_put_anew(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    name = documents.put(b"report")
    next(tmp_path.glob("??/*")).write_bytes(b"another")
    with pytest.raises(Unavailable, match="not there any more"):
        documents.read(name)
    assert documents.put(b"report") == name
    assert documents.read(name) == b"report"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_no_other_file_is_reached_by_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Documents(tmp_path).read(name)
