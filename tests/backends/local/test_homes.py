"""Homes have a size, grow while they are used, and come back after their mount was lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbkeep.backends.local.homes import Homes, why_no_images
from nbkeep.backends.local.layout import Layout
from nbkeep.backends.local.usage import UsageCache
from nbkeep.model.errors import Refused

MIB = 1 << 20
OWNER = 2_000_001_000


@pytest.fixture
def homes(short_dir: Path) -> Iterator[Homes]:
    if reason := why_no_images():
        pytest.skip(f"{reason}: apt-get install xfsprogs and run as root on a host with loop devices")
    made = Homes(Layout(short_dir))
    yield made
    for image in (short_dir / "homes").glob("*.xfs"):
        made.delete(image.stem)


@pytest.mark.root
def test_a_home_is_limited_owned_and_mounted_without_devices_and_set_id(homes: Homes) -> None:
    home = homes.open("jane", 320 * MIB, OWNER)
    assert homes.open("jane", 320 * MIB, OWNER) == home
    volume = homes.volume("jane")
    assert volume is not None
    assert (volume.kind, volume.size_bytes) == ("xfs", 320 * MIB)
    assert (home.stat().st_uid, home.stat().st_mode & 0o777) == (OWNER, 0o700)
    options = os.statvfs(home).f_flag
    assert options & os.ST_NODEV
    assert options & os.ST_NOSUID


@pytest.mark.root
def test_a_home_grows_in_use_and_keeps_its_files(homes: Homes) -> None:
    home = homes.open("jane", 320 * MIB, OWNER)
    (home / "notes").write_text("kept")
    with (home / "open").open("w") as file:
        grown = homes.resize("jane", 640 * MIB)
        file.write("still open")
    assert grown.size_bytes == 640 * MIB
    assert grown.free_bytes > 400 * MIB
    assert (home / "notes").read_text() == "kept"
    assert homes.resize("jane", 640 * MIB).size_bytes == 640 * MIB


@pytest.mark.root
def test_shrinking_is_refused_with_the_size_it_has(homes: Homes) -> None:
    homes.open("jane", 400 * MIB, OWNER)
    with pytest.raises(Refused, match="400 MiB"):
        homes.resize("jane", 350 * MIB)


@pytest.mark.root
def test_a_home_whose_mount_was_lost_is_mounted_again(homes: Homes) -> None:
    home = homes.open("jane", 320 * MIB, OWNER)
    (home / "notes").write_text("kept")
    subprocess.run(["umount", home], check=True)
    resting = homes.volume("jane")
    assert resting is not None
    assert resting.size_bytes == 320 * MIB
    assert not list(home.iterdir())
    homes.open("jane", 320 * MIB, OWNER)
    assert (home / "notes").read_text() == "kept"


@pytest.mark.root
def test_a_resting_home_grows_at_its_next_mount(homes: Homes) -> None:
    home = homes.open("jane", 320 * MIB, OWNER)
    subprocess.run(["umount", home], check=True)
    assert homes.resize("jane", 500 * MIB).size_bytes == 500 * MIB
    homes.open("jane", 320 * MIB, OWNER)
    grown = homes.volume("jane")
    assert grown is not None
    assert grown.free_bytes > 350 * MIB


def test_an_unknown_home_is_not_there(short_dir: Path) -> None:
    homes = Homes(Layout(short_dir))
    assert homes.volume("nobody") is None
    with pytest.raises(Refused):
        homes.resize("nobody", MIB)
    homes.delete("nobody")


def test_usage_names_folders_and_what_can_be_cleaned(short_dir: Path) -> None:
    home = short_dir / "homes/jane"
    for name, size in (
        ("data/big", 8),
        (".cache/pip/wheel", 3),
        ("work/env/lib/module", 2),
        ("work/small", 1),
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(os.urandom(size * MIB))
    (home / "work/env/pyvenv.cfg").touch()
    os.link(home / "data/big", home / "data/same")
    (home / "outside").symlink_to("/usr")
    usage = UsageCache(Homes(Layout(short_dir))).measure("jane", 2)
    sizes = {folder.path: folder.bytes for folder in usage.folders}
    assert list(sizes)[:2] == ["", "data"]
    assert 8 * MIB <= sizes["data"] < 9 * MIB
    assert 14 * MIB <= sizes[""] < 15 * MIB
    assert "outside" not in sizes
    assert {one.path for one in usage.suggestions} == {".cache/pip", "work/env"}
    assert all(one.why for one in usage.suggestions)
    shutil.rmtree(home)
