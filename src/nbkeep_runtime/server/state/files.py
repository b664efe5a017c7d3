"""Files of the kept state: made whole or not at all."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PART_SUFFIX = ".part"
_BLOCK_BYTES = 4096


def write_new(path: Path, data: bytes) -> None:
    """Write a file that nobody reads before `settle`; raises OSError and leaves nothing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600)
    try:
        write_all(fd, data)
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


def settle(part: Path, path: Path) -> None:
    """Put a written file on the disk, then give it its name."""
    fd = os.open(part, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    part.replace(path)


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
        settle(part, path)
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
