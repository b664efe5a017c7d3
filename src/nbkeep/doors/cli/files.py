"""Writing results to files: whole or not at all, readable by their owner only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep import wholefile
from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_whole(path: Path, lines: Iterable[str]) -> int:
    """Write lines to a file that appears only when complete; return how many. An older file is replaced.

    Raises `Unavailable` when it cannot be written. A fault of the source leaves the older file as it was.
    """
    count = 0
    try:
        with wholefile.replacing(path, durable=True) as file:
            for line in lines:
                file.write(line + "\n")
                count += 1
    except OSError as error:
        raise _not_written(path, error) from error
    return count


def write_whole_bytes(path: Path, chunks: Iterable[bytes]) -> int:
    """Write bytes as `write_whole` writes lines; return how many."""
    count = 0
    try:
        with wholefile.replacing_bytes(path, durable=True) as file:
            for chunk in chunks:
                file.write(chunk)
                count += len(chunk)
    except OSError as error:
        raise _not_written(path, error) from error
    return count


def _not_written(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        "not-written", f"{path} cannot be written ({error.strerror}).", "Choose another file with -o."
    )
