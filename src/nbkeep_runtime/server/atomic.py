"""Replaces a file of the home in one step, so that a full disk or a crash leaves the old one whole."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from nbkeep_runtime.server.home import Home

Before = Callable[[int, int, str], None]
"""Looks at what is about to take a file's place: it is open, in a folder, under a name. It may raise."""

PART_SUFFIX = ".nbkeep-part"
_COPY_CHUNK = 8 * 1024 * 1024


def write(
    home: Home,
    path: str,
    fill: Callable[[BinaryIO], None],
    before: Before | None = None,
) -> os.stat_result:
    """Let `fill` write a new file, then put it at `path`; raises OSError with the old file untouched.

    `before` may look at the new file, and raises where it must not take the other's place.
    """
    with home.parent(home.final(path)) as (folder, name):
        part = part_name(name)
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=folder)
        try:
            with os.fdopen(fd, "wb", buffering=1 << 20) as file:
                _keep_mode(folder, name, fd)
                fill(file)
                file.flush()
                os.fsync(fd)
                if before is not None:
                    before(fd, folder, part)
                status = os.fstat(fd)
            os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part, dir_fd=folder)
            raise
        return status


def part_name(name: str) -> str:
    """Return a hidden name beside `name` that nobody can have prepared."""
    return f".{name[:200]}.{secrets.token_hex(6)}{PART_SUFFIX}"


def _keep_mode(folder: int, name: str, fd: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        old = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISREG(old.st_mode):
            os.fchmod(fd, stat.S_IMODE(old.st_mode) & 0o777)


def copy(home: Home, source: str, target: str, before: Before | None = None) -> os.stat_result:
    """Copy a regular file within the home (shared blocks where the file system can)."""
    fd = home.open_file(source)
    try:

        def fill(file: BinaryIO) -> None:
            copy_bytes(fd, file.fileno())

        return write(home, target, fill, before)
    finally:
        os.close(fd)


def copy_bytes(source: int, target: int) -> None:
    """Copy all of one descriptor to another, in the kernel where it can."""
    try:
        while os.copy_file_range(source, target, _COPY_CHUNK):
            pass
    except OSError:
        os.lseek(source, 0, os.SEEK_SET)
        os.ftruncate(target, 0)
        os.lseek(target, 0, os.SEEK_SET)
        while chunk := os.read(source, _COPY_CHUNK):
            view = memoryview(chunk)
            while view:
                view = view[os.write(target, view) :]
