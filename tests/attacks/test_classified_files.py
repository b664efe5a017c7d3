"""Attack: write what one has read of classified data so that the record of files does not see it, or see others'."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nbkeep.backends.interface import ChangedFile, ChangedFiles
from nbkeep.backends.local import listing
from nbkeep.backends.local.changed import changed_in_home
from nbkeep.backends.local.homes import Homes
from nbkeep.backends.local.layout import Layout
from nbkeep.data.classified import Due, take_part
from nbkeep.model.actor import Actor, Role
from nbkeep.model.errors import Unavailable
from nbkeep.people import tokens
from office_parts import OfficeForTests, client_for, office
from sandboxes import Target

__all__ = ["office"]
pytestmark = pytest.mark.attack


@pytest.fixture
def home() -> Iterator[Path]:
    """A home; as root it belongs to somebody else, as homes do."""
    folder = tempfile.mkdtemp(dir="/tmp", prefix="nbk")
    Path(folder).chmod(0o755)
    made = Path(folder, "homes/jane")
    made.mkdir(parents=True)
    yield made
    subprocess.run(["rm", "-rf", folder], check=True)  # shutil's may not go as deep as a test here


def owned(home: Path) -> None:
    """Make it belong to somebody else than the tests, where they may."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "-h", "12345:12345", str(home)], check=True)


def changed(home: Path, since: datetime, after: str = "") -> ChangedFiles:
    return changed_in_home(Homes(Layout(home.parent.parent)), home.name, since, after)


def now() -> datetime:
    return datetime.now(UTC)


def test_a_forged_time_a_rename_and_a_link_hide_nothing(home: Path) -> None:
    for name in ("old", "moved-from", "linked", "untouched"):
        (home / name).write_text("before")
    owned(home)
    time.sleep(1.1)  # moments are compared to the second
    begin = now()
    (home / "forged").write_text("secret")
    (home / "old").write_text("secret")
    for name in ("forged", "old"):
        os.utime(home / name, (0, 0))
    (home / "moved-from").rename(home / "moved-to")
    os.link(home / "linked", home / "hard")
    (home / "soft").symlink_to("/etc/shadow")
    found = {one.path for one in changed(home, begin).files}
    assert found == {"forged", "old", "moved-to", "linked", "hard", "soft"}


def test_names_that_are_no_text_have_a_record_each_of_one_line(home: Path) -> None:
    names = [b"a\nb", b"a\\u000ab", b"\xff\xfe", b"\x1b[2J", b"<script>", b"=1+1", "\u202egpj".encode()]
    for name in names:
        (home / os.fsdecode(name)).write_bytes(b"x")
    owned(home)
    found = changed(home, now() - timedelta(hours=1)).files
    assert len({one.key for one in found}) == len(names)
    for one in found:
        assert one.path.isprintable()
        one.path.encode()  # a database takes it


def test_a_path_without_end_takes_no_more_room_than_another(home: Path) -> None:
    at = os.open(home, os.O_RDONLY)
    for _ in range(60):
        os.mkdir("d" * 250, dir_fd=at)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    for name in ("one", "two"):
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    owned(home)
    found = changed(home, now() - timedelta(hours=1)).files
    assert len({one.key for one in found}) == 2
    assert all(len(one.path) <= 4096 for one in found)


def test_thousands_of_files_deeper_than_can_be_asked_for_fail_the_walk(home: Path) -> None:
    (home / "a").touch()
    at = os.open(home, os.O_RDONLY)
    for _ in range(42):
        os.mkdir("d" * 250, dir_fd=at)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    for number in range(listing.PART_FILES):
        os.close(os.open(f"f{number}", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    owned(home)
    since = now() - timedelta(hours=1)
    first = changed(home, since)
    assert [one.path for one in first.files] == ["a"]
    with pytest.raises(Unavailable):  # then all of the home counts
        changed(home, since, first.next)


def test_neither_links_nor_closed_folders_lead_out_or_hide(home: Path) -> None:
    outside = home.parent / "bob"
    outside.mkdir()
    (outside / "of-bob").write_text("x")
    (home / "way-out").symlink_to("../bob")
    (home / "loop").symlink_to(".")
    closed = home / "closed"
    closed.mkdir()
    (closed / "hidden").write_text("secret")
    owned(home)
    closed.chmod(0)
    found = {one.path: one for one in changed(home, now() - timedelta(hours=1)).files}
    closed.chmod(0o700)
    assert set(found) == {"way-out", "loop", "closed"}
    assert found["closed"].note


def test_many_names_are_walked_part_by_part(home: Path) -> None:
    for number in range(listing.PART_FILES + 700):
        (home / f"f{number:06d}").touch()
    owned(home)
    since = now() - timedelta(hours=1)
    first = changed(home, since)
    second = changed(home, since, first.next)
    assert (len(first.files), len(second.files), second.next) == (listing.PART_FILES, 700, "")
    assert len({one.key for one in (*first.files, *second.files)}) == listing.PART_FILES + 700
    assert changed(home, now() + timedelta(hours=1)).files == []


def test_somebody_elses_paths_are_not_told(office: OfficeForTests) -> None:
    jane, eve = office.user("jane"), office.user("eve")
    auditor, lead = office.user("aud", Role.AUDITOR), office.user("ada", Role.ADMIN)
    session = office.ready(jane)
    at = office.clock.now()
    due = Due(session, jane.id, "jane", is_over=False, run=1, steps=((at, "pii"),))
    nasty = "<b>x</b>\\u000a"
    with office.store.write() as tx:
        take_part(tx, office.clock, due, [ChangedFile(nasty, "k" * 64, 1, at.isoformat())], "")

    def asks(actor: Actor, user: str, query: str = "", scopes: Sequence[str] = ()) -> tuple[int, str]:
        with office.store.write() as tx:
            lent = sorted(scopes or actor.scopes)
            _, secret = tokens.create_token(tx, office.clock, actor, "t", lent, 3600)
        answer = client_for(office.app(), secret).get(f"/api/v1/volumes/{user}/classified{query}")
        return answer.status_code, answer.text

    hers = asks(eve, "jane")
    assert (hers[0], hers[1].replace("jane", "nobody")) == asks(eve, "nobody")
    assert hers[0] == 404
    assert '"total":0' in asks(eve, "eve")[1].replace(" ", "")
    for who in (jane, auditor, lead):
        status, text = asks(who, "jane")
        assert (status, "<b>x" in text) == (200, True)
    assert asks(jane, "jane", scopes=["profiles:read"])[0] == 404  # a token for something else
    for cursor in ("-1", "9" * 5000, "x", "99"):
        assert asks(jane, "jane", f"?cursor={cursor}")[0] in {200, 400, 422}


def test_code_in_a_sandbox_cannot_take_its_file_out_of_the_walk(target: Target) -> None:
    since = now()
    code = """
        import mmap, os, time
        os.makedirs("of-a-class/deep", exist_ok=True)
        with open("of-a-class/deep/f", "wb") as file: file.write(b"secret")
        os.utime("of-a-class/deep/f", (0, 0))
        with open("of-a-class/deep/f", "r+b") as file:
            mapped = mmap.mmap(file.fileno(), 6); mapped[:] = b"SECRET"; mapped.close()
        os.utime("of-a-class/deep/f", (0, 0))
        os.chmod("of-a-class/deep", 0)
        try: time.clock_settime(0, 0)
        except OSError: raise SystemExit(0)
        raise SystemExit("it set the clock")
    """
    assert target.machine.run(target.neighbour, code).code == 0
    found = {one.path: one for one in target.machine.client.changed_files("john", since).files}
    assert found["of-a-class/deep"].note == "could not be opened"
    opened = "import os; os.chmod('of-a-class/deep', 0o700)"
    assert target.machine.run(target.neighbour, opened).code == 0
    paths = {one.path for one in target.machine.client.changed_files("john", since).files}
    assert "of-a-class/deep/f" in paths
    assert target.machine.run(target.neighbour, "import shutil; shutil.rmtree('of-a-class')").code == 0
    assert "of-a-class/deep/f" not in {
        one.path for one in target.machine.client.changed_files("john", since).files
    }
