"""The files of a home with hashes of what they hold, as evidence: read, never changed.

By a process of its own at idle priority, with the rights of the home's owner. The user decides what lies in a
home: folders and files are opened one below the other without following links, and only plain files are read.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbkeep.backends.interface import HomeFile, HomeListing
from nbkeep.model.errors import Unavailable, invalid, not_found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .homes import Homes

_TIME_LIMIT_S = 110
_PART_S = 20.0
_PART_FILES = 5000
_HASHED_BYTES = 1 << 30
_CHUNK = 1 << 20
LONGEST_PLACE = 20_000
_NO_DATE = "its time of change is in no calendar"
_LARGER = f"larger than {_HASHED_BYTES >> 30} GiB: not read"


def list_home(homes: Homes, user: str, after: str) -> HomeListing:
    """Return the next part of a home; raises `Refused` (404) for one that is not there."""
    home = homes.layout.home(user)
    if not home.is_dir():
        raise not_found("volume", user)
    try:
        bytes.fromhex(after)
    except ValueError as error:
        raise invalid("after", "This is no place in a listing.", "Begin again without one.") from error
    polite = [shutil.which("ionice") or "", "-c", "3"] if shutil.which("ionice") else []
    command = [*polite, sys.executable, "-I", __file__, str(home), str(home.stat().st_uid)]
    try:
        done = subprocess.run(
            command, input=after, capture_output=True, text=True, check=True, timeout=_TIME_LIMIT_S
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Unavailable("listing-failed", "The home could not be listed.", "Try again later.") from error
    told: dict[str, Any] = json.loads(done.stdout)
    return HomeListing([HomeFile(**one) for one in told["files"]], told["next"])


def _walk(folder: int, path: tuple[bytes, ...], after: tuple[bytes, ...]) -> Iterator[dict[str, Any]]:
    """Give what lies in an open folder and below it, by name, behind `after`; closes it.

    `at` is where a next part goes on; it is no part of what is told.
    """
    try:
        names = sorted(os.fsencode(name) for name in os.listdir(folder))
    except OSError:
        names = []
        yield _told(path, None, "a folder that its owner may not read")
    for name in names:
        if after and name < after[0]:
            continue
        here = (*path, name)
        try:
            info = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                yield from _walk(inner, here, after[1:] if after and name == after[0] else ())
                continue
            if after and name == after[0]:
                continue  # the last one of the part before
            found = _of_file(folder, name, here, info)
        except (OSError, RecursionError, ValueError, OverflowError):
            found = _told(here, None, "could not be opened")
        yield found
    os.close(folder)


def _of_file(folder: int, name: bytes, path: tuple[bytes, ...], info: os.stat_result) -> dict[str, Any]:
    if stat.S_ISLNK(info.st_mode):
        try:
            target = os.fsencode(os.readlink(name, dir_fd=folder))
        except OSError:
            return _told(path, info, "a link that went meanwhile")
        return _told(path, info, f"a link to {_shown(target)}"[:400])
    if not stat.S_ISREG(info.st_mode):
        return _told(path, info, "no plain file")
    if info.st_size > _HASHED_BYTES:
        return _told(path, info, _LARGER)
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return _told(path, info, "its owner may not read it")
    digest, left = hashlib.sha256(), _HASHED_BYTES
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            return _told(path, info, "no plain file")
        while left > 0 and (piece := os.read(opened, min(_CHUNK, left))):
            digest.update(piece)
            left -= len(piece)
    except OSError:
        return _told(path, info, "could not be read to its end")
    finally:
        os.close(opened)
    return {**_told(path, info, ""), "sha256": digest.hexdigest()}


def _told(path: tuple[bytes, ...], info: os.stat_result | None, note: str) -> dict[str, Any]:
    at = ""
    try:
        at = datetime.fromtimestamp(info.st_mtime, UTC).isoformat() if info else ""
    except (ValueError, OverflowError, OSError):  # its owner sets it, to any number of 64 bits
        note = f"{note}; {_NO_DATE}" if note else _NO_DATE
    return {"path": _shown(b"/".join(path)), "bytes": info.st_size if info else 0, "modified_at": at,
            "sha256": "", "note": note, "at": b"/".join(path).hex()}  # fmt: skip


def _shown(name: bytes) -> str:
    """Return a name as people may read it: its user chose it, perhaps to write to an admin's terminal."""
    text = name.decode("utf-8", "surrogateescape")
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def main() -> None:
    """List the home named on the command line behind the place on standard input; print JSON.

    Becomes the home's owner first.
    """
    home, owner = sys.argv[1], int(sys.argv[2])
    after = bytes.fromhex(sys.stdin.read().strip())
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    os.nice(19)
    if os.geteuid() == 0 and owner != 0:
        os.setgroups([])
        os.setresgid(owner, owner, owner)
        os.setresuid(owner, owner, owner)
    found: list[dict[str, Any]] = []
    place, until_s = "", time.monotonic() + _PART_S
    for one in _walk(folder, (), tuple(after.split(b"/")) if after else ()):
        last = one.pop("at")
        found.append(one)
        is_full = len(found) >= _PART_FILES or time.monotonic() > until_s
        if is_full and len(last) <= LONGEST_PLACE:  # a deeper one could not be asked for
            place = last
            break
    print(json.dumps({"files": found, "next": place}))


if __name__ == "__main__":
    main()
