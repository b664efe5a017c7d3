"""Attack: have the platform copy a file that is not one's own, never ends, or is another one by the time it is read."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbkeep.backends.local import copying
from nbkeep.backends.local.copying import copy_out
from nbkeep.backends.local.homes import Homes
from nbkeep.backends.local.layout import Layout
from nbkeep.model.errors import Refused

pytestmark = pytest.mark.attack
OWNER = 12345


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of jane beside that of bob, whose file she wants; as root they belong to others than the tests."""
    folder = tempfile.mkdtemp(dir="/tmp", prefix="nbk")
    Path(folder).chmod(0o755)
    for name in ("jane", "bob"):
        Path(folder, "homes", name).mkdir(parents=True)
    Path(folder, "homes/bob/salaries.csv").write_text("of bob")
    yield Path(folder, "homes/jane")
    subprocess.run(["rm", "-rf", folder], check=True)


def copied(home: Path, path: str, most_bytes: int = 10_000) -> bytes:
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "-h", f"{OWNER}:{OWNER}", str(home)], check=True)
    with tempfile.TemporaryFile() as into:
        copy_out(Homes(Layout(home.parent.parent)), home.name, path, into, most_bytes)
        into.seek(0)
        return into.read()


def why_not(home: Path, path: str) -> tuple[str, int, str]:
    with pytest.raises(Refused) as refused:
        copied(home, path)
    return refused.value.code, refused.value.status, refused.value.message


def test_no_way_leads_out_of_the_home(home: Path) -> None:
    (home / "work").mkdir()
    (home / "work/own.txt").write_text("own")
    (home / "soft").symlink_to("/etc/passwd")
    (home / "beside").symlink_to("../bob/salaries.csv")
    (home / "folder").symlink_to("../bob")
    (home / "inner").symlink_to("work/own.txt")
    (home / "magic").symlink_to("/proc/self/root/etc/passwd")
    assert copied(home, "work/own.txt") == b"own"
    for path in ("soft", "beside", "folder/salaries.csv", "inner", "magic", "../bob/salaries.csv",
                 "work/../../bob/salaries.csv", "/etc/passwd"):  # fmt: skip
        code, status, message = why_not(home, path)
        assert (code, status) == ("not-copied", 409), path
        assert "link" in message


def test_nothing_but_plain_files_is_opened_and_nobody_waits_for_a_pipe(home: Path) -> None:
    os.mkfifo(home / "pipe")
    (home / "folder").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(home / "socket"))
    for path in ("pipe", "folder", "socket"):
        code, status, message = why_not(home, path)
        assert (code, status) == ("not-copied", 409)
        assert "no plain file" in message, path
    listener.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make devices, and files of others")
def test_devices_and_what_its_owner_may_not_read_are_refused(home: Path) -> None:
    subprocess.run(["mknod", str(home / "zero"), "c", "1", "5"], check=True)
    assert "plain file" in why_not(home, "zero")[2] or "may not be read" in why_not(home, "zero")[2]
    copied_before = home / "roots"
    copied_before.write_text("of root")
    copied_before.chmod(0o600)
    with tempfile.TemporaryFile() as into, pytest.raises(Refused) as refused:
        # Belongs to root: the copier has the rights of the home's owner alone.
        os.chown(home, OWNER, OWNER)
        copy_out(Homes(Layout(home.parent.parent)), home.name, "roots", into, 1000)
    assert "may not be read" in refused.value.message


def test_odd_names_are_names_and_nothing_more(home: Path) -> None:
    for name in ("-rf", "$(id)", "a;b", "a'b\"c", "\u202egpj.exe", "-", "--", " "):
        (home / name).write_text(name)
        assert copied(home, name) == name.encode()
    for name in ("", "a\0b", "x" * 5000, "\udcff"):
        assert why_not(home, name)[1] == 404


def test_a_file_that_is_written_to_meanwhile_is_no_copy(home: Path) -> None:
    """What is swapped while it is read is refused: there is no mixture of two files."""
    file, stopped = home / "busy", threading.Event()
    large = 64 << 20
    file.write_bytes(b"a" * large)

    def write() -> None:
        with file.open("r+b") as opened:
            while not stopped.is_set():
                opened.seek(0)
                opened.write(b"b" * 4096)
                opened.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(Refused) as refused:
            copied(home, "busy", large)
    finally:
        stopped.set()
        writer.join()
    assert "was changed while it was copied" in refused.value.message


def test_a_link_that_takes_the_place_of_a_folder_is_never_followed(home: Path) -> None:
    """The kernel walks the path: there is no moment between a look and its use."""
    (home / "real").mkdir()
    (home / "real/salaries.csv").write_text("own")
    (home / "link").symlink_to("../bob")
    stopped = threading.Event()

    def swap() -> None:
        while not stopped.is_set():
            (home / "real").rename(home / "aside")
            (home / "link").rename(home / "real")
            (home / "real").rename(home / "link")
            (home / "aside").rename(home / "real")

    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    swapper = threading.Thread(target=swap)
    swapper.start()
    seen: set[bytes] = set()
    try:
        for _ in range(3000):
            try:
                opened = copying.open_beneath(folder, b"real/salaries.csv")
            except OSError:
                continue
            seen.add(os.read(opened, 100))
            os.close(opened)
    finally:
        stopped.set()
        swapper.join()
        os.close(folder)
    assert seen <= {b"own"}
