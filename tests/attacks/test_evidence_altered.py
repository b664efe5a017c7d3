"""Somebody alters an evidence pack on its way to the auditor, who has the file and the public key: it is named."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence_parts import made, record, some_records
from nbkeep.audit import events
from nbkeep.audit.bundle import MANIFEST, SIGNATURE, SUMS, verify_bundle, write_bundle
from nbkeep.audit.canonical import canonical
from nbkeep.audit.signing import Keys, PublicKey, keys_of
from nbkeep.evidence.check import check
from nbkeep.keyplace import KeyPlace
from office_parts import OfficeForTests, office

__all__ = ["office"]
pytestmark = pytest.mark.attack
Files = dict[str, bytes]


@pytest.fixture
def pack(office: OfficeForTests) -> Path:
    some_records(office)
    return made(office)


@pytest.fixture
def keys(office: OfficeForTests) -> list[PublicKey]:
    return keys_of(office.settings).public()


def unpacked(path: Path) -> Files:
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def packed_again(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def change(name: str, old: bytes, new: bytes) -> Callable[[Files], Files]:
    def done(files: Files) -> Files:
        assert old in files[name]
        return {**files, name: files[name].replace(old, new)}

    return done


def drop(name: str) -> Callable[[Files], Files]:
    return lambda files: {one: content for one, content in files.items() if one != name}


def rename(old: str, new: str) -> Callable[[Files], Files]:
    return lambda files: {new if one == old else one: content for one, content in files.items()}


def sums_made_to_fit(files: Files) -> Files:
    files = change("evidence.json", b'"not covered"', b'"covered"')(files)
    names = sorted(set(files) - {MANIFEST, SIGNATURE, SUMS})
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in names)
    return {**files, SUMS: sums.encode()}


def manifest_made_to_fit(files: Files) -> Files:
    files = sums_made_to_fit(files)
    first, _, rest = files[MANIFEST].decode().partition("\n")
    value = json.loads(rest)
    for one in value["files"]:
        content = files[one["name"]]
        one |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    return {**files, MANIFEST: f"{first}\n{canonical(value)}".encode()}


def put(name: str, data: bytes) -> Callable[[Files], Files]:
    return lambda files: {**files, name: data}


def longer_signature(files: Files) -> Files:
    return {**files, SIGNATURE: files[SIGNATURE] + b"x"}


def test_a_pack_that_nobody_altered_is_verified(pack: Path, keys: list[PublicKey], tmp_path: Path) -> None:
    assert check(pack, keys).ok
    again = check(packed_again(tmp_path / "again.zip", unpacked(pack)), keys)  # the same files in another ZIP
    assert again.ok, again.problem


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (change("evidence.json", b'"not covered"', b'"covered"'), "evidence.json was edited"),
        (change("index.html", b"not covered", b"covered"), "index.html was edited"),
        (change("journal.jsonl", b"omar", b"ivan"), "journal.jsonl was edited"),
        (change(SUMS, b"index.html", b"index.htm1"), "SHA256SUMS was edited"),
        (change(MANIFEST, b"2026-01-31", b"2026-12-31"), "signature of manifest.txt does not fit"),
        (change(MANIFEST, b"{", b"{ "), "manifest.txt was edited"),
        (change(MANIFEST, b"nbkeep bundle v1", b"nbkeep audit export v1"), "none of a bundle"),
        (sums_made_to_fit, "was edited"),
        (manifest_made_to_fit, "signature of manifest.txt does not fit"),
        (drop("checkpoints.jsonl"), "checkpoints.jsonl was removed"),
        (drop(SIGNATURE), "manifest.sig was removed"),
        (drop(MANIFEST), "manifest.txt was removed"),
        (put("more.html", b"<p>"), "more.html was added"),
        (rename("index.html", "index2.html"), "index.html was removed or renamed, and index2.html was added"),
        (put("../../.bashrc", b"evil"), "a name that no bundle has"),
        (put("/etc/cron.d/x", b"evil"), "a name that no bundle has"),
        (put("a\\..\\b", b"evil"), "a name that no bundle has"),
        (put("INDEX.HTML", b"evil"), "a name that no bundle has"),
        (put("folder/", b""), "a name that no bundle has"),
        (put("ind\u0435x.html", b"cyrillic"), "a name that no bundle has"),
        (longer_signature, "larger than that of any bundle"),
        (put(SIGNATURE, b""), "does not fit"),
        (put(MANIFEST, b"\xff\xfe"), "no whole ZIP"),
    ],
)  # fmt: skip
def test_what_was_done_is_named(
    pack: Path, keys: list[PublicKey], tmp_path: Path, alter: Callable[[Files], Files], words: str
) -> None:
    verdict = check(packed_again(tmp_path / "altered.zip", alter(unpacked(pack))), keys)
    assert not verdict.ok
    assert words in verdict.problem


def test_the_wrong_key(pack: Path, tmp_path: Path) -> None:
    place = KeyPlace(tmp_path / "theirs", "audit-key", "The key", "")
    theirs = Keys(place, may_make=True)
    assert "another key" in check(pack, theirs.public()).problem


def test_signed_by_the_attackers_own_key(pack: Path, keys: list[PublicKey], tmp_path: Path,
                                         office: OfficeForTests) -> None:  # fmt: skip
    theirs = Keys(KeyPlace(tmp_path / "theirs", "audit-key", "The key", ""), may_make=True)
    files = {
        name: content for name, content in unpacked(pack).items() if name not in {MANIFEST, SIGNATURE, SUMS}
    }
    forged = tmp_path / "forged.zip"
    write_bundle(forged, files, kind="evidence", about={}, keys=theirs, at=office.clock.now())
    assert verify_bundle(forged, theirs.public()).ok
    assert "another key" in check(forged, keys).problem


def test_a_bundle_of_another_kind_is_no_evidence(
    office: OfficeForTests, tmp_path: Path, keys: list[PublicKey]
) -> None:
    other = tmp_path / "other.zip"
    write_bundle(other, {"evidence.json": b"{}"}, kind="incident", about={}, keys=keys_of(office.settings),
                 at=office.clock.now())  # fmt: skip
    assert verify_bundle(other, keys).ok
    assert "another kind" in check(other, keys).problem


def test_cut_off_anywhere(pack: Path, keys: list[PublicKey], tmp_path: Path) -> None:
    whole, short = pack.read_bytes(), tmp_path / "short.zip"
    for part in range(0, len(whole), max(1, len(whole) // 25)):
        short.write_bytes(whole[:part])
        verdict = check(short, keys)
        assert not verdict.ok
        assert "truncated" in verdict.problem


def test_one_byte_changed_anywhere_is_found_or_harmless(
    pack: Path, keys: list[PublicKey], tmp_path: Path
) -> None:
    """Where a byte of the ZIP's own frame says nothing about a file (such as a date), it may change."""
    whole, altered = pack.read_bytes(), tmp_path / "altered.zip"
    before = unpacked(pack)
    frame = range(len(whole) - 60, len(whole))  # which says where everything else is
    for at in (*range(0, len(whole), max(1, len(whole) // 100)), *frame):
        altered.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        if check(altered, keys).ok:
            assert unpacked(altered) == before


@pytest.mark.parametrize("where", ["front", "end", "comment"])
def test_something_hidden_beside_the_files(
    pack: Path, keys: list[PublicKey], tmp_path: Path, where: str
) -> None:
    whole, altered = pack.read_bytes(), tmp_path / "altered.zip"
    if where == "comment":
        altered.write_bytes(whole)
        with zipfile.ZipFile(altered, "a") as packed:
            packed.comment = b"hello"
    else:
        altered.write_bytes(b"#!/bin/sh\n" + whole if where == "front" else whole + b"more")
    assert not check(altered, keys).ok


def listed_at(whole: bytes, name: str) -> int:
    """Return where the list at a ZIP's end speaks of a file."""
    at = whole.find(b"PK\x01\x02")
    while whole[at + 46 : at + 46 + len(name)] != name.encode():
        at = whole.find(b"PK\x01\x02", at + 4)
        assert at >= 0
    return at


def with_more_behind(whole: bytes, name: str, more: bytes) -> bytes:
    """Put bytes behind the packed ones of a file, and have every number of the frame fit."""
    with zipfile.ZipFile(io.BytesIO(whole)) as packed:
        info, start = packed.getinfo(name), packed.start_dir
        places = {one.filename: one.header_offset for one in packed.infolist()}
    name_bytes, extra_bytes = struct.unpack_from("<2H", whole, info.header_offset + 26)
    end = info.header_offset + 30 + name_bytes + extra_bytes + info.compress_size
    longer = bytearray(whole[:end] + more + whole[end:])
    packed_bytes = info.compress_size + len(more)
    if extra_bytes:  # the size is in there
        struct.pack_into("<Q", longer, info.header_offset + 30 + name_bytes + 12, packed_bytes)
    else:
        struct.pack_into("<I", longer, info.header_offset + 18, packed_bytes)
    for one, place in places.items():
        at = listed_at(bytes(longer), one)
        struct.pack_into("<I", longer, at + 42, place + (len(more) if place >= end else 0))
        if one == name:
            struct.pack_into("<I", longer, at + 20, packed_bytes)
    struct.pack_into("<I", longer, len(longer) - 6, start + len(more))
    return bytes(longer)


@pytest.mark.parametrize("name", ["index.html", SUMS, MANIFEST, SIGNATURE])
def test_a_file_hidden_behind_the_packed_bytes_of_another(
    pack: Path, keys: list[PublicKey], tmp_path: Path, name: str
) -> None:
    """Programs that read a ZIP from its beginning would find it, and put it in the other's place."""
    forged = io.BytesIO()
    with zipfile.ZipFile(forged, "w") as packed:
        packed.writestr("index.html", "<p>forged</p>")
    hidden = forged.getvalue()[: forged.getvalue().index(b"PK\x01\x02")]
    altered = tmp_path / "hidden.zip"
    altered.write_bytes(with_more_behind(pack.read_bytes(), name, hidden))
    assert unpacked(altered) == unpacked(pack)  # to this program nothing has changed
    verdict = check(altered, keys)
    assert not verdict.ok
    assert "something lies behind it" in verdict.problem


@pytest.mark.parametrize("field", [6, 8, 14, 18, 22])
def test_a_file_that_is_described_in_two_ways(
    pack: Path, keys: list[PublicKey], tmp_path: Path, field: int
) -> None:
    """Flags, packing, checksum and sizes in front of a file are not those of the list."""
    whole, altered = bytearray(pack.read_bytes()), tmp_path / "two.zip"
    struct.pack_into("<H", whole, field, struct.unpack_from("<H", whole, field)[0] ^ 0x8)
    altered.write_bytes(whole)
    assert "described in two ways" in check(altered, keys).problem


def test_names_that_only_some_programs_read(pack: Path, keys: list[PublicKey], tmp_path: Path) -> None:
    altered = tmp_path / "renamed.zip"
    with zipfile.ZipFile(altered, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in unpacked(pack).items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            if name == "index.html":  # Info-ZIP's Unicode Path: another name for those who know it
                other = b"other.html"
                said = struct.pack("<BI", 1, zlib.crc32(b"index.html")) + other
                entry.extra = struct.pack("<2H", 0x7075, len(said)) + said
            packed.writestr(entry, content)
    assert "described in two ways" in check(altered, keys).problem
    with zipfile.ZipFile(altered, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in unpacked(pack).items():
            entry = zipfile.ZipInfo(name)
            entry.comment = b"hello"
            packed.writestr(entry, content)
    assert "described in two ways" in check(altered, keys).problem


def test_a_bundle_beyond_two_gibibytes_is_verified(
    office: OfficeForTests, keys: list[PublicKey], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its frame is another one; the size from which on it is so is made small here."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    large = tmp_path / "large.zip"
    files = {"a.txt": os.urandom(5000), "b.txt": b"b" * 5000}
    write_bundle(
        large, files, kind="evidence", about={}, keys=keys_of(office.settings), at=office.clock.now()
    )
    report = verify_bundle(large, keys)
    assert report.ok, report.problem
    large.write_bytes(large.read_bytes() + b"more")
    assert not verify_bundle(large, keys).ok


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_a_record_with_separators_of_lines_in_it_spoils_no_pack(
    office: OfficeForTests, keys: list[PublicKey], separator: str
) -> None:
    for _ in range(2):
        record(office, events.SignInFailed(user=f"x{separator}y", reason="unknown-name"))
    verdict = check(made(office), keys)
    assert verdict.ok, verdict.problem
    assert verdict.records > 0


def test_one_name_twice(pack: Path, keys: list[PublicKey], tmp_path: Path) -> None:
    altered = tmp_path / "twice.zip"
    altered.write_bytes(pack.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(altered, "a") as packed:
        packed.writestr("index.html", "<p>another one</p>")
    assert "twice" in check(altered, keys).problem


def test_a_bomb_is_not_unpacked(pack: Path, keys: list[PublicKey], tmp_path: Path) -> None:
    """The file claims a gigabyte for a small one: no more is read of it than was signed, and one chunk."""
    files = unpacked(pack)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            if name != "index.html":
                packed.writestr(name, content)
        with packed.open("index.html", "w") as file:
            for _ in range(256):
                file.write(b"\0" * (1 << 20))
    assert "index.html was edited" in check(bomb, keys).problem
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(MANIFEST, b"\0" * (64 << 20))
        packed.writestr(SIGNATURE, files[SIGNATURE])
    assert "larger than that of any bundle" in check(bomb, keys).problem
    packed_again(bomb, {f"f{number}": b"" for number in range(3000)})
    assert "more than any bundle" in check(bomb, keys).problem


def test_lengths_that_lie(pack: Path, keys: list[PublicKey], tmp_path: Path) -> None:
    """The list of files claims another size than the file has."""
    whole, altered = bytearray(pack.read_bytes()), tmp_path / "lie.zip"
    at = whole.rindex(b"PK\x01\x02")
    for field in (20, 24, 42):
        lying = whole.copy()
        (value,) = struct.unpack_from("<I", lying, at + field)
        struct.pack_into("<I", lying, at + field, value + 7)
        altered.write_bytes(lying)
        assert not check(altered, keys).ok


@pytest.mark.parametrize(
    "junk", [b"", b"PK", b"PK\x05\x06" + b"\0" * 18, b"\0" * 1000, zlib.compress(b"x" * 99)]
)
def test_files_that_are_no_pack(keys: list[PublicKey], tmp_path: Path, junk: bytes) -> None:
    file = tmp_path / "junk.zip"
    file.write_bytes(junk)
    assert not check(file, keys).ok


def test_other_programs_find_the_same(pack: Path, keys: list[PublicKey], tmp_path: Path) -> None:
    """What the how-to names: unzip, sha256sum, openssl."""
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(pack) as packed:
        packed.extractall(folder)
    (tmp_path / "audit.pem").write_text(keys[0].pem)
    sums = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    signed = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "../audit.pem", "-rawin", "-in", "manifest.txt",
              "-sigfile", "manifest.sig"]  # fmt: skip
    for command in (sums, signed):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    listed = json.loads((folder / MANIFEST).read_text().partition("\n")[2])["files"]
    assert hashlib.sha256((folder / SUMS).read_bytes()).hexdigest() in {one["sha256"] for one in listed}
    (folder / "manifest.txt").write_text(
        (folder / "manifest.txt").read_text().replace("2026-01-31", "2026-12-31")
    )
    assert subprocess.run(signed, cwd=folder, capture_output=True, check=False).returncode != 0


def test_the_same_files_make_the_same_bundle(office: OfficeForTests, tmp_path: Path) -> None:
    keys, at = keys_of(office.settings), office.clock.now()
    one, other = tmp_path / "one.zip", tmp_path / "other.zip"
    first = write_bundle(one, {"b.txt": b"2", "a.txt": b"1"}, kind="x", about={"n": 1}, keys=keys, at=at)
    second = write_bundle(other, {"a.txt": b"1", "b.txt": b"2"}, kind="x", about={"n": 1}, keys=keys, at=at)
    assert (first, one.read_bytes()) == (second, other.read_bytes())


@pytest.mark.parametrize("name", ["../x", "/x", "manifest.txt", "SHA256SUMS", "a b", "", "a//b", "x\n"])
def test_no_bundle_is_written_with_names_that_none_has(
    office: OfficeForTests, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ValueError, match="no name of a file"):
        write_bundle(tmp_path / "x.zip", {name: b""}, kind="x", about={}, keys=keys_of(office.settings),
                     at=office.clock.now())  # fmt: skip
    assert list(tmp_path.iterdir()) == []
