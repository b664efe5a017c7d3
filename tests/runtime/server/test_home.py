"""Paths of the home lead nowhere else, whatever the sandbox puts there."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from nbkeep_runtime.server import atomic, listing
from nbkeep_runtime.server.home import Home, OutsideHome, clean


@pytest.fixture
def home(short_dir: Path) -> Iterator[Home]:
    (short_dir / "home/sub").mkdir(parents=True)
    (short_dir / "secret").write_text("token")
    (short_dir / "home/a.txt").write_text("mine")
    opened = Home(short_dir / "home", "/home/user")
    yield opened
    opened.close()


def _write(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def read(home: Home, path: str) -> str:
    with os.fdopen(home.open_file(path)) as file:
        return file.read()


def test_plain_files_and_links_within_the_home_open(home: Home) -> None:
    (home.root / "sub/relative").symlink_to("../a.txt")
    (home.root / "absolute").symlink_to("/home/user/sub")
    assert read(home, "a.txt") == "mine"
    assert read(home, "sub/relative") == "mine"
    assert read(home, "absolute/relative") == "mine"


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "/home/user/../secret", "/home/username/x"])
def test_links_out_of_the_home_are_refused(home: Home, target: str) -> None:
    (home.root / "link").symlink_to(target)
    with pytest.raises((OutsideHome, FileNotFoundError)):
        home.open_file("link")
    with pytest.raises((OutsideHome, FileNotFoundError)):
        atomic.write(home, "link", lambda _file: None)
    assert (home.root.parent / "secret").read_text() == "token"


@pytest.mark.parametrize("path", ["../secret", "sub/../../secret", "sub/..", "a\0b"])
def test_paths_with_dots_are_refused(path: str) -> None:
    with pytest.raises(OutsideHome):
        clean(path)


def test_pipes_and_sockets_are_refused_at_once(home: Home) -> None:
    os.mkfifo(home.root / "pipe")
    begun = time.monotonic()
    with pytest.raises(OutsideHome):
        home.open_file("pipe")
    assert time.monotonic() - begun < 0.5
    assert "pipe" not in {entry["name"] for entry in listing.entries(home, "")}


def test_a_link_swapped_during_the_walk_never_leads_out(home: Home) -> None:
    """The attacker swaps a folder for a link to the outside as fast as it can, while the server reads."""
    (home.root / "sub/secret").write_text("mine")
    (home.root / "evil").symlink_to("..")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (home.root / "sub").rename(home.root / "away")
            (home.root / "evil").rename(home.root / "sub")
            (home.root / "sub").rename(home.root / "evil")
            (home.root / "away").rename(home.root / "sub")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = set()
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            try:
                seen.add(read(home, "sub/secret"))
            except OSError:
                seen.add("refused")
    finally:
        stop.set()
        thread.join()
    assert "token" not in seen
    assert "mine" in seen


def test_saving_through_a_link_keeps_the_link(home: Home) -> None:
    (home.root / "link").symlink_to("a.txt")
    atomic.write(home, "link", lambda file: _write(file, b"new"))
    assert (home.root / "link").is_symlink()
    assert (home.root / "a.txt").read_text() == "new"


def test_a_failed_save_leaves_the_old_file_and_no_rubbish(home: Home) -> None:
    def fail(file: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        atomic.write(home, "a.txt", fail)
    assert (home.root / "a.txt").read_text() == "mine"
    assert sorted(path.name for path in home.root.iterdir()) == ["a.txt", "sub"]


def test_a_saved_file_keeps_its_mode(home: Home) -> None:
    (home.root / "a.txt").chmod(0o750)
    atomic.write(home, "a.txt", lambda file: _write(file, b"x"))
    assert (home.root / "a.txt").stat().st_mode & 0o777 == 0o750
