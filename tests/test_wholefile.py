"""Files appear whole, with the permissions asked for, or not at all."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from nbkeep import wholefile

if TYPE_CHECKING:
    from pathlib import Path


def test_an_exception_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    file.write_text("old")

    def half() -> None:
        with wholefile.replacing(file) as out:
            out.write("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()

    assert file.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["kept.json"]


@pytest.mark.parametrize(("umask", "mode"), [(0o000, 0o600), (0o077, 0o644)])
def test_permissions_do_not_hang_on_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        wholefile.write(tmp_path / "made", "text", mode=mode, durable=True)
    finally:
        os.umask(before)

    assert (tmp_path / "made").stat().st_mode & 0o777 == mode


def test_a_reader_beside_many_writers_sees_whole_texts_only(tmp_path: Path) -> None:
    file = tmp_path / "shared"
    texts = [str(number) * 100_000 for number in range(8)]
    wholefile.write(file, texts[0])

    with ThreadPoolExecutor(8) as pool:
        written = [pool.submit(wholefile.write, file, text) for text in texts * 10]
        while not all(one.done() for one in written):
            assert file.read_text() in texts

    assert all(one.exception() is None for one in written)
    assert [one.name for one in tmp_path.iterdir()] == ["shared"]


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        wholefile.write(tmp_path / "absent" / "file", "text")
