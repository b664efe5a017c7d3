"""Files that appear whole: a reader sees the old content or the new, never half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from typing import BinaryIO, TextIO


@contextmanager
def replacing(path: Path, *, mode: int = 0o600, durable: bool = False) -> Generator[TextIO]:
    """Give a new UTF-8 text file that takes the place of `path` when the block ends well.

    When it ends by an exception, `path` is as it was and nothing is left beside it. Several writers at once
    do not disturb each other: the last one counts. `mode` are the permissions, whatever the umask; what is
    `durable` also survives a loss of power (fsync(2) of file and folder). Raises OSError.
    """
    with (
        replacing_bytes(path, mode=mode, durable=durable) as raw,
        # Not around `raw`: a wrapper would close it before it is on the disk.
        open(raw.fileno(), "w", encoding="utf-8", closefd=False) as file,
    ):
        yield file


@contextmanager
def replacing_bytes(path: Path, *, mode: int = 0o600, durable: bool = False) -> Generator[BinaryIO]:
    """Give a new file of bytes that takes the place of `path`, as `replacing` does."""
    # A name of its own: two writers at once must not take each other's half-written file away.
    part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            yield file
            if durable:
                file.flush()
                os.fsync(descriptor)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def write(path: Path, text: str, *, mode: int = 0o600, durable: bool = False) -> None:
    """Put a text at `path`, as `replacing` does. Twice is safe."""
    with replacing(path, mode=mode, durable=durable) as file:
        file.write(text)


def sync_folder(folder: Path) -> None:
    """Return once what a folder has by which name would survive a loss of power. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
