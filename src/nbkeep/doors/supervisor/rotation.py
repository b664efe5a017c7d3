"""Log files that do not grow for ever: copied and emptied, because their writers keep them open."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 10 << 20
KEPT = 3


def rotate(folder: Path, most_bytes: int = MOST_BYTES, kept: int = KEPT) -> None:
    """Move the content of each log above `most_bytes` to NAME.log.1, what was there to .2, and so on.

    Writers append (O_APPEND), so they go on at the new beginning. What they write between copy and cut is
    lost.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size <= most_bytes:
            continue
        for number in range(kept - 1, 0, -1):
            older = log.with_name(f"{log.name}.{number}")
            if older.exists():
                older.replace(log.with_name(f"{log.name}.{number + 1}"))
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)
