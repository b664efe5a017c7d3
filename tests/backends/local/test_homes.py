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
from nbkeep_runtime.server.home import Home
from nbkeep_runtime.server.usage import HomeUsage

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
    assert usage.files == []
    shutil.rmtree(home)


def test_usage_names_the_large_files_wherever_they_lie(short_dir: Path) -> None:
    home = short_dir / "homes/jane"
    for name, size in (("model.bin", 60), ("a/b/c/d/deep.parquet", 70), ("a/small.csv", 10)):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(bytes(size * MIB))
    (home / "holes").touch()
    os.truncate(home / "holes", 1 << 40)  # as long as a terabyte; occupies nothing
    usage = UsageCache(Homes(Layout(short_dir))).measure("jane", 2)
    assert [one.path for one in usage.files] == ["a/b/c/d/deep.parquet", "model.bin"]
    assert 60 * MIB <= usage.files[1].bytes < 61 * MIB
    shutil.rmtree(home)


def test_jupyterlab_and_the_portal_give_the_same_advice(short_dir: Path) -> None:
    """Two measure, with different rights and at different times; one set of rules decides."""
    home = short_dir / "homes/jane"
    may_go = (
        ".cache/pip",
        ".cache/of-a-program",
        ".npm",
        "work/__pycache__",
        "work/app/node_modules",
        "work/env",
    )
    for folder in (
        *may_go,
        "work/env/lib/__pycache__",
        "cache/pip",
        ".cache/pip/deep/.ipynb_checkpoints",
        "work/.npm",
    ):
        (home / folder).mkdir(parents=True)
        (home / folder / "content").write_bytes(bytes(2 * MIB))
    (home / ".ruff_cache").mkdir()  # too small to be worth a word
    (home / "work/env/pyvenv.cfg").touch()
    (home / "model.bin").write_bytes(bytes(60 * MIB))
    os.link(home / "model.bin", home / "work/same.bin")
    told = UsageCache(Homes(Layout(short_dir))).measure("jane", 2)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    inside = HomeUsage(Home(home, "/home/user")).measure()
    assert os.getpriority(os.PRIO_PROCESS, 0) == before  # who asks goes on as fast as ever
    assert {one.path for one in told.suggestions} == set(may_go)
    assert {one["path"]: one["why"] for one in inside["suggestions"]} == {
        one.path: one.why for one in told.suggestions
    }
    assert [one["bytes"] for one in inside["files"]] == [one.bytes for one in told.files]
    assert len(told.files) == 1
    shutil.rmtree(home)
