"""A home is listed to its end, whatever its owner put into it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbkeep.backends.interface import HomeFile
from nbkeep.backends.local.homes import Homes
from nbkeep.backends.local.layout import Layout
from nbkeep.backends.local.listing import list_home

_MEMORY = Path("/dev/shm")


@pytest.fixture
def home() -> Iterator[Path]:
    """A home in memory: a file system that keeps every time, however odd."""
    if not os.access(_MEMORY, os.W_OK):
        pytest.skip("there is no /dev/shm that can be written to")
    folder = tempfile.mkdtemp(dir=_MEMORY)
    made = Path(folder, "homes/jane")
    made.mkdir(parents=True)
    yield made
    subprocess.run(["rm", "-rf", folder], check=True)  # shutil's may not go as deep as a test here


def listed(home: Path) -> dict[str, HomeFile]:
    found: dict[str, HomeFile] = {}
    place = ""
    while True:
        part = list_home(Homes(Layout(home.parent.parent)), home.name, place)
        found |= {one.path: one for one in part.files}
        place = part.next
        if not place:
            return found


@pytest.mark.parametrize("at_s", [1e15, -1e15, 9.2e18, 253402300800.0])
def test_a_time_that_is_in_no_calendar_hides_no_file(home: Path, at_s: float) -> None:
    for name in ("a", "b", "c/d"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text(name)
    (home / "link").symlink_to("a")
    os.utime(home / "a", (at_s, at_s))
    os.utime(home / "c", (at_s, at_s))
    os.utime(home / "link", (at_s, at_s), follow_symlinks=False)
    found = listed(home)
    assert list(found) == ["a", "b", "c/d", "link"]
    assert found["a"].sha256 == hashlib.sha256(b"a").hexdigest()
    assert (found["a"].modified_at, found["a"].note) == ("", "its time of change is in no calendar")
    assert found["link"].note == "a link to a; its time of change is in no calendar"
    assert (found["b"].modified_at[:2], found["b"].note) == ("20", "")


def test_folders_one_below_the_other_beyond_all_limits_hide_nothing_beside_them(home: Path) -> None:
    (home / "z").write_text("z")
    above = os.open(home, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deep", dir_fd=above)
        below = os.open("deep", os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    os.close(above)
    found = listed(home)
    assert found["z"].sha256 == hashlib.sha256(b"z").hexdigest()
    assert [one.note for path, one in found.items() if path != "z"] == ["could not be opened"]
