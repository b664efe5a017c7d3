"""Lists and reads the files below a folder, and nothing outside of it: no link is followed."""

from __future__ import annotations

import fnmatch
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nbkeep.model.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

_TRIES = 3
_GIT = ".git"
# What git keeps of the repository itself; the rest is `--history`.
_READ_OF_GIT = frozenset({"config"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to read. `root`: the folder that it may not lie outside of; `name`: from there, "/" between."""

    root: str
    name: str
    size: int

    @property
    def path(self) -> str:
        """Return what a person calls it."""
        return os.path.normpath(os.path.join(self.root, self.name))  # noqa: PTH118  names that are no UTF-8 stay as they are


@dataclass(slots=True)
class Listing:
    """What there is. `repositories`: folders with a history; `errors`: what could not be opened, and why."""

    entries: list[Entry]
    repositories: list[str]
    errors: list[tuple[str, str]]
    excluded: int = 0


def listed(paths: Sequence[Path], exclude: Sequence[str] = ()) -> Listing:
    """Return the files below these paths; raises Refused where one of them is not there.

    `exclude`: patterns of names, or of paths from the root, such as "node_modules" or "data/*.csv".
    """
    found = Listing([], [], [])
    for path in paths:
        try:
            kind = path.stat().st_mode
        except OSError as error:
            raise invalid(
                "path", f"{path} cannot be read: {error.strerror}.", "Say a file or a folder that is there."
            ) from error
        if stat.S_ISDIR(kind):
            _walk(str(path), found, exclude)
        elif stat.S_ISREG(kind):
            found.entries.append(Entry(str(path.parent), path.name, path.stat().st_size))
        else:
            raise invalid("path", f"{path} is neither a file nor a folder.", "Say a file or a folder.")
    return found


def _walk(root: str, found: Listing, exclude: Sequence[str]) -> None:
    def failed(error: OSError) -> None:
        found.errors.append((str(error.filename or root), error.strerror or "cannot be read"))

    if is_bare(Path(root)):
        found.repositories.append(root)
    for folder, folders, names, fd in os.fwalk(root, onerror=failed, follow_symlinks=False):
        below = "" if folder == root else f"{os.path.relpath(folder, root)}/"
        read = names
        if f"/{_GIT}/" in f"/{below}":
            folders.clear()
            read = [name for name in names if name in _READ_OF_GIT]
        elif _GIT in folders or _GIT in names:
            found.repositories.append(folder)
        kept = sorted(name for name in folders if not _excluded(below + name, name, exclude))
        found.excluded += len(folders) - len(kept)
        folders[:] = kept
        for name in sorted(read):
            if _excluded(below + name, name, exclude):
                found.excluded += 1
            else:
                _add(root, below + name, fd, found)


def _add(root: str, name: str, folder: int, found: Listing) -> None:
    try:
        status = os.stat(name.rsplit("/", 1)[-1], dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        found.errors.append((Entry(root, name, 0).path, error.strerror or "cannot be read"))
        return
    if stat.S_ISREG(status.st_mode):
        found.entries.append(Entry(root, name, status.st_size))


def is_bare(folder: Path) -> bool:
    """Return whether a folder is what git keeps of a repository, without its files."""
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def _excluded(path: str, name: str, patterns: Sequence[str]) -> bool:
    return any(
        fnmatch.fnmatchcase(name, one) or fnmatch.fnmatchcase(path, one.rstrip("/")) for one in patterns
    )


def read_whole(entry: Entry, largest: int) -> bytes | str:
    """Return the bytes of a file, or why they cannot be had. No folder on the way is entered by a link."""
    try:
        for _ in range(_TRIES):
            fd = _opened(entry)
            with os.fdopen(fd, "rb") as file:
                before = os.fstat(fd)
                if not stat.S_ISREG(before.st_mode):
                    return "is no file any more"
                if before.st_size > largest:
                    return f"is larger than {largest // 2**20:,} MiB"
                data = file.read(largest + 1)
                after = os.fstat(fd)
            if len(data) > largest:
                return f"is larger than {largest // 2**20:,} MiB"
            if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, len(data)):
                return data
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    except MemoryError:
        return "is larger than the memory that is left"
    return "is changed while it is read"


def read_small(path: Path, largest: int) -> bytes | None:
    """Return the bytes of a file that somebody names, or None where it is none or larger; raises OSError.

    A device or a pipe is not read: it may never end.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        data = file.read(largest + 1)
    return data if len(data) <= largest else None


def remove(entry: Entry) -> str:
    """Delete a file; return why not, or "". No folder on the way is entered by a link. Twice is safe."""
    try:
        folder = _folder_of(entry)
        try:
            os.unlink(entry.name.rsplit("/", 1)[-1], dir_fd=folder)
        finally:
            os.close(folder)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or "it cannot be deleted"
    return ""


def _opened(entry: Entry) -> int:
    folder = _folder_of(entry)
    try:
        name = entry.name.rsplit("/", 1)[-1]
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)


def _folder_of(entry: Entry) -> int:
    """Return the folder that a file is in, opened step by step."""
    folder = os.open(entry.root or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for one in entry.name.split("/")[:-1]:
            inner = os.open(one, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
    except OSError:
        os.close(folder)
        raise
    return folder
