"""Files of the kept state: made whole or not at all."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PART_SUFFIX = ".part"
_BLOCK_BYTES = 4096


def write_new(path: Path, data: bytes | memoryview) -> None:
    """Write a file that nobody reads before it gets its name, and sync it; an OSError leaves nothing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600)
    try:
        write_all(fd, data)
        os.fsync(fd)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(path: Path) -> None:
    """Put the names in a folder on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace(path: Path, data: bytes) -> None:
    """Replace a file in one step; raises OSError with the old one untouched."""
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        write_new(part, data)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    sync_folder(path.parent)


def read(path: Path, most_bytes: int) -> bytes:
    """Return a file's bytes; raises OSError for a link, and for one larger than `most_bytes`."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(fd, "rb") as file:
        size = os.fstat(fd).st_size
        if size > most_bytes:
            raise OSError(f"{path.name} is larger than {most_bytes} bytes")
        return file.read(size)


def read_into(path: Path, buffer: bytearray) -> memoryview:
    """Return a file's bytes in memory that is used again; raises OSError for a link or too large a file.

    The file leaves the page cache: what a kernel was given need not be in memory twice.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        size = os.fstat(fd).st_size
        if size > len(buffer):
            raise OSError(f"{path.name} is larger than {len(buffer)} bytes")
        view = memoryview(buffer)[:size]
        done = 0
        while done < size and (count := os.readv(fd, [view[done:]])):
            done += count
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return view[:done]
    finally:
        os.close(fd)


def on_disk(size: int) -> int:
    """Return what a file of this size takes: many tiny ones must not pass for little."""
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


def folder_bytes(folder: Path) -> int:
    """Return what everything below a folder takes."""
    return sum(
        on_disk((os.stat(os.path.join(at, name), follow_symlinks=False)).st_size)  # noqa: PTH116, PTH118  # many
        for at, _, names in os.walk(folder)
        for name in names
    )
