"""Attack: send commits to a forge so that nobody reads them: thin, odd, huge and broken packs, other protocols."""

from __future__ import annotations

import json
import struct
import tempfile
import zlib
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guard_parts import say
from nbkeep.pushes import objects
from nbkeep.pushes.forges import About, about
from nbkeep.pushes.job import examine_push
from nbkeep.pushes.pktline import UnreadableError, line
from nbkeep.pushes.receive import Advertisement, Command, Pushed, read_push
from push_parts import FORGE, Pushing, Repository, needs_git, pushing
from scan_parts import KEY

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = needs_git
_FRESH = (Command("0" * 40, "1" * 40, "refs/heads/main"),)
_PUSH = "application/x-git-receive-pack-request"


@pytest.fixture
def at_work(tmp_path: Path) -> Generator[Pushing]:
    yield from pushing(tmp_path, most_bytes=256 << 10)


def problem_of(pack: bytes, tmp_path: Path, timeout_s: float = 60) -> str:
    """Return why a pack was not read, "" where it was."""
    source = tmp_path / "pushed"
    source.write_bytes(pack)
    pushed = Pushed(_FRESH, frozenset(), (), 0)
    where = f"https://{FORGE}/risk.git"
    return examine_push(source, pushed, where, tmp_path, page=False, timeout_s=timeout_s).made.problem


def packed(*found: tuple[int, bytes, bytes]) -> bytes:
    """Return a pack of objects: type, what stands before its data, its data."""
    body = b"PACK" + struct.pack(">II", 2, len(found))
    for kind, before, data in found:
        size, head = len(data), b""
        first, size = (kind << 4) | (size & 15), size >> 4
        while size:
            head += bytes([first | 0x80])
            first, size = size & 0x7F, size >> 7
        body += head + bytes([first]) + before + zlib.compress(data, 9)
    return body + sha1(body).digest()  # noqa: S324  as git does


def number(value: int) -> bytes:
    """Return a length as a delta begins with it."""
    found = b""
    while value >= 0x80:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def test_thin_packs_broken_ones_and_what_stands_behind_one_are_unread(tmp_path: Path) -> None:
    here = Repository(tmp_path / "here")
    text = "".join(f"line {number}\n" for number in range(2000))
    here.commit(text=text)
    here.commit(text=f"{text}more\n")
    thin = here.pack(b"main\n^main~1\n", "--thin")
    assert "builds on objects that are not in it" in problem_of(thin, tmp_path), "as the child tells it"
    whole = here.pack(b"main\n^main~1\n")
    unpacked(whole, tmp_path)
    with pytest.raises(UnreadableError, match="behind its pack"):
        unpacked(whole + KEY.encode(), tmp_path)
    for broken in (whole[:-1], whole[:40] + b"\0" + whole[41:], b"PACK"):
        with pytest.raises(UnreadableError, match="cannot unpack it"):
            unpacked(broken, tmp_path)


def unpacked(pack: bytes, tmp_path: Path) -> None:
    """Unpack as the child does, with a hundredth of its room."""
    (tmp_path / "pushed").write_bytes(pack)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        patch.setattr(objects, "MOST_BYTES", 10 << 20)
        with objects.Objects(tmp_path / "pushed", 0, Path(folder) / "unpacked") as found:
            assert found.of_kind("commit")


def test_a_file_that_unpacks_to_more_than_is_read_is_unread(tmp_path: Path) -> None:
    pack = packed((3, b"", b"\0" * (12 << 20)))
    assert len(pack) < 100 << 10
    with pytest.raises(UnreadableError, match="unpacked it has more than 10 MiB"):
        unpacked(pack, tmp_path)


def test_deltas_that_copy_themselves_are_unread(tmp_path: Path) -> None:
    base = b"x" * (1 << 16)
    sha, size = sha1(b"blob %d\0" % len(base) + base).digest(), len(base)  # noqa: S324  as git does
    copy = bytes([0x80 | 0x10 | 0x20 | 0x40, 0, 0, 1])  # 64 KiB from the beginning
    delta = number(size) + number(size * 200) + copy * 200
    pack = packed((3, b"", base), (7, sha, delta))
    assert len(pack) < 1000
    with pytest.raises(UnreadableError, match="unpacked it has more than 10 MiB"):
        unpacked(pack, tmp_path)


def test_the_program_that_reads_is_ended_when_its_time_is_over(tmp_path: Path) -> None:
    here = Repository(tmp_path / "here")
    here.commit()
    assert "not examined within" in problem_of(here.pack(), tmp_path, timeout_s=0.05)


@pytest.mark.parametrize(
    "text",
    [
        b"0000", b"zzzz", b"0001", b"0003", b"fff1" + b"x", b"0005", line(b"nothing") + b"0000PACK",
        line(b"0" * 40 + b" " + b"a" * 40 + b" ") + b"0000PACK",
        line(b"push-cert\0 report-status\n") + b"0000",
        line(b"0" * 40 + b" " + b"a" * 40 + b" refs/heads/x\0") + b"0000KCAP",
        line(b"0" * 40 + b" " + b"a" * 40 + b" refs/heads/x\0"),
    ],
)  # fmt: skip
def test_what_is_no_push_is_not_taken_for_one(text: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_push(text, len(text) if text != b"0000" else 5)


def test_a_repository_with_other_ids_is_unread() -> None:
    text = (
        line(b"0" * 64 + b" " + b"a" * 64 + b" refs/heads/x\0report-status object-format=sha256")
        + b"0000PACK"
    )
    assert "SHA-256" in read_push(text, len(text)).problem


def test_spellings_of_the_address_are_the_same_request() -> None:
    posted = ["/a/b.git/git-receive-pack", "/a/b.git/git%2Dreceive-pack", "/a/b.git/GIT-RECEIVE-PACK",
              "/a/b.git/git-receive%252Dpack", "/a/b.git/git-receive-pack/", "/a/b.git/git-receive-pack;x=1"]  # fmt: skip
    assert {about("POST", one) for one in posted} == {About.PUSH}
    assert about("POST", "/whatever", _PUSH) is About.PUSH
    refs = ["/a.git/info/refs?service=git-receive-pack", "/a.git/info/refs?x=1&service=git%2Dreceive-pack",
            "/a.git/info%2Frefs?service=git-receive-pack"]  # fmt: skip
    assert {about("GET", one) for one in refs} == {About.REFS}
    assert about("MKCOL", "/a.git/objects/aa") is About.UNREAD
    assert about("POST", "/a.git/info/lfs/objects/batch") is About.LARGE_FILES


@pytest.mark.parametrize("size", [1, 7, 60, 10_000])
def test_git_is_told_to_send_whole_packs_however_the_answer_comes(size: int) -> None:
    first = line(
        b"a" * 40 + b" refs/heads/main\0report-status push-cert=x ofs-delta side-band-64k new-thing\n"
    )
    whole = (
        line(b"# service=git-receive-pack\n")
        + b"0000"
        + first
        + line(b"b" * 40 + b" refs/heads/x\n")
        + b"0000"
    )
    passing = Advertisement()
    told = b"".join(passing.feed(whole[at : at + size]) for at in range(0, len(whole), size)) + passing.rest()
    assert b"no-thin" in told
    assert b"push-cert" not in told
    assert b"new-thing" not in told
    assert told.endswith(line(b"b" * 40 + b" refs/heads/x\n") + b"0000")
    with pytest.raises(UnreadableError):
        Advertisement().feed(b"<html>")


def deny_unread(at_work: Pushing) -> None:
    say(at_work.office, "everywhere", "push", secret="deny", personal="deny", unread="deny")
    at_work.judge_now()


def test_a_push_larger_than_what_is_read_is_not_sent_and_git_says_so(at_work: Pushing) -> None:
    deny_unread(at_work)
    at_work.commit(
        "noise.bin", bytes(at_work.forge.server_port * number % 251 for number in range(600 << 10))
    )
    at_work.git("config", "core.compression", "0")
    at_work.git(
        "config", "http.postBuffer", "65536"
    )  # sent as larger ones are: without saying how much it is
    done = at_work.push()
    assert done.returncode != 0
    assert at_work.forge.pushed == []
    assert "larger than what is read" in done.stderr, done.stderr


def test_ssh_large_files_and_plain_web_pushes_are_not_sent(at_work: Pushing) -> None:
    deny_unread(at_work)
    with at_work.outside.tunnel(FORGE, at_work.forge.server_port, at_work.session_id) as ssh:
        ssh.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        assert ssh.recv(1000) == b""
    asked = json.dumps({"operation": "upload", "objects": [{"oid": "a" * 64, "size": 10}]})
    posted = ["-X", "POST", "--data", asked, "-H", "Content-Type: application/vnd.git-lfs+json"]
    for words in (
        [*posted, f"{at_work.url}/info/lfs/objects/batch"],
        ["-X", "PUT", "--data", "x", f"{at_work.url}/gitlab-lfs/objects/{'a' * 64}/1"],
        ["-X", "MKCOL", f"{at_work.url}/objects/aa"],
        ["-X", "POST", "-H", "Content-Encoding: gzip", "--data", "x", f"{at_work.url}/git-receive-pack"],
        ["-X", "POST", "-H", f"Content-Type: {_PUSH}", "--data", "0007abc", f"{at_work.url}/x"],
    ):
        done = at_work.inside.run("curl", "-sS", "-o", "/dev/stderr", "-w", "%{http_code}", *words)
        assert done.stdout == "403", (words, done)
        assert "nbkeep" in done.stderr
    assert [one for one in at_work.forge.seen if one[0] != "GET"] == []
    fetched = json.dumps({"operation": "download", "objects": []})
    at_work.inside.run(
        "curl", "-sS", "-X", "POST", "--data", fetched, f"{at_work.url}/info/lfs/objects/batch"
    )
    assert [one[0] for one in at_work.forge.seen] == ["POST"], "files are fetched as before"


def test_a_program_that_sends_a_thin_pack_all_the_same_is_refused(at_work: Pushing) -> None:
    deny_unread(at_work)
    text = "".join(f"line {number}\n" for number in range(2000))
    old = at_work.commit(text=text)
    assert at_work.push().returncode == 0
    new = at_work.commit(text=f"{text}{KEY}\n")
    here = Repository(at_work.here)
    thin = here.pack(f"{new}\n^{old}\n".encode(), "--thin")
    head = line(f"{old} {new} refs/heads/main\0report-status side-band-64k".encode()) + b"0000"
    body = at_work.here.parent / "thin"
    body.write_bytes(head + thin)
    done = at_work.inside.run("curl", "-sS", "-H", f"Content-Type: {_PUSH}", "--data-binary", f"@{body}",
                              f"{at_work.url}/git-receive-pack")  # fmt: skip
    assert "ng refs/heads/main nbkeep: denied by policy" in done.stdout, done
    assert "builds on objects that are not in it" in done.stdout
    assert at_work.refs == {"refs/heads/main": old}
