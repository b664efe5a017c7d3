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
from typing import TYPE_CHECKING, Any, NamedTuple

from nbkeep.backends.interface import HomeFile, HomeListing
from nbkeep.model.errors import Unavailable, invalid, not_found

if TYPE_CHECKING:
    from collections.abc import Iterator, Sized

    from .homes import Homes

_TIME_LIMIT_S = 110
PART_S = 20.0
PART_FILES = 5000
_HASHED_BYTES = 1 << 30
_CHUNK = 1 << 20
LONGEST_PLACE = 20_000
_NO_DATE = "its time of change is in no calendar"
_LARGER = f"larger than {_HASHED_BYTES >> 30} GiB: not read"


class Found(NamedTuple):
    """One thing that is no folder, or a folder that could not be read (without `info`; `note` says why).

    `folder` is open while the walk stands here; `name` is in it, `path` is that of it from the home on.
    """

    folder: int
    name: bytes
    path: tuple[bytes, ...]
    info: os.stat_result | None
    note: str = ""


def list_home(homes: Homes, user: str, after: str) -> HomeListing:
    """Return the next part of a home; raises `Refused` (404) for one that is not there."""
    told = ask(__file__, homes, user, after)
    return HomeListing([HomeFile(**one) for one in told["files"]], told["next"])


def ask(script: str, homes: Homes, user: str, after: str, *more: str) -> dict[str, Any]:
    """Return what a script says of a home behind a place; it is `main` of this file, or is made like it."""
    home = homes.layout.home(user)
    if not home.is_dir():
        raise not_found("volume", user)
    try:
        bytes.fromhex(after)
    except ValueError as error:
        raise invalid("after", "This is no place in a listing.", "Begin again without one.") from error
    polite = [shutil.which("ionice") or "", "-c", "3"] if shutil.which("ionice") else []
    command = [*polite, sys.executable, "-I", script, str(home), str(home.stat().st_uid), *more]
    try:
        done = subprocess.run(
            command, input=after, capture_output=True, text=True, check=True, timeout=_TIME_LIMIT_S
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Unavailable("listing-failed", "The home could not be listed.", "Try again later.") from error
    return dict[str, Any](json.loads(done.stdout))


def walk(folder: int, path: tuple[bytes, ...], after: tuple[bytes, ...]) -> Iterator[Found]:
    """Give what lies in an open folder and below it, by name, behind `after`; closes it."""
    try:
        names = sorted(os.fsencode(name) for name in os.listdir(folder))
    except OSError:
        names = []
        yield Found(folder, b"", path, None, "a folder that its owner may not read")
    for name in names:
        if after and name < after[0]:
            continue
        here = (*path, name)
        try:
            info = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                yield from walk(inner, here, after[1:] if after and name == after[0] else ())
                continue
            if after and name == after[0]:
                continue  # the last one of the part before
            found = Found(folder, name, here, info)
        except (OSError, RecursionError, ValueError, OverflowError):
            found = Found(folder, name, here, None, "could not be opened")
        yield found
    os.close(folder)


def place_of(found: Found) -> str:
    """Return where a next part goes on, in text."""
    return b"/".join(found.path).hex()


def turned(found: Found, files: Sized, kept: int, place: str) -> tuple[int, str]:
    """Return how many files there are at the last place that a next part can be asked for, and that place."""
    here = place_of(found)
    return (len(files), here) if len(here) <= LONGEST_PLACE else (kept, place)


def check_goes_on(place: str) -> None:
    """End without an answer where no next part can be asked for: one without end is none."""
    if not place:
        sys.exit("too deep to go on")


def _of(found: Found) -> dict[str, Any]:
    if found.info is None:
        return _told(found.path, None, found.note)
    try:
        return _of_file(found.folder, found.name, found.path, found.info)
    except (OSError, ValueError, OverflowError):
        return _told(found.path, None, "could not be opened")


def _of_file(folder: int, name: bytes, path: tuple[bytes, ...], info: os.stat_result) -> dict[str, Any]:
    if stat.S_ISLNK(info.st_mode):
        try:
            target = os.fsencode(os.readlink(name, dir_fd=folder))
        except OSError:
            return _told(path, info, "a link that went meanwhile")
        return _told(path, info, f"a link to {shown(target)}"[:400])
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
    return {"path": shown(b"/".join(path)), "bytes": info.st_size if info else 0, "modified_at": at,
            "sha256": "", "note": note}  # fmt: skip


def shown(name: bytes) -> str:
    """Return a name as people may read it: its user chose it, perhaps to write to an admin's terminal."""
    text = name.decode("utf-8", "surrogateescape")
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def begin() -> tuple[Iterator[Found], float]:
    """Become the owner of the home on the command line; return a walk behind the place on standard input.

    And the moment (monotonic) at which this part of it should end.
    """
    home, owner = sys.argv[1], int(sys.argv[2])
    after = bytes.fromhex(sys.stdin.read().strip())
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    os.nice(19)
    if os.geteuid() == 0 and owner != 0:
        os.setgroups([])
        os.setresgid(owner, owner, owner)
        os.setresuid(owner, owner, owner)
    return walk(folder, (), tuple(after.split(b"/")) if after else ()), time.monotonic() + PART_S


def main() -> None:
    """List the home named on the command line behind the place on standard input; print JSON."""
    files: list[dict[str, Any]] = []
    found, until_s = begin()
    kept, place = 0, ""
    for one in found:
        files.append(_of(one))
        kept, place = turned(one, files, kept, place)
        if len(files) >= PART_FILES or time.monotonic() > until_s:
            check_goes_on(place)
            break
    else:
        kept, place = len(files), ""
    print(json.dumps({"files": files[:kept], "next": place}))


if __name__ == "__main__":
    main()
