"""Writing results to files: whole or not at all, readable by their owner only."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_whole(path: Path, lines: Iterable[str]) -> int:
    """Write lines to a file that appears only when complete; return how many. An older file is replaced.

    Raises `Unavailable` when it cannot be written. A fault of the source leaves the older file as it was.
    """
    try:
        descriptor, new = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        count = 0
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)  # noqa: PTH105  the temporary name is text already
    except BaseException as error:
        os.unlink(new)  # noqa: PTH108
        if isinstance(error, OSError):
            raise _not_written(path, error) from error
        raise
    return count


def _not_written(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        "not-written", f"{path} cannot be written ({error.strerror}).", "Choose another file with -o."
    )
