"""The files of a home that were changed since a moment, by the kernel's time of change: no program sets it.

Walked like `listing.py`, by a process of its own with the rights of the home's owner; nothing is read of
files. What cannot be looked at (its owner closed a folder to themselves) is told too: it may hold anything.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbkeep.backends.interface import ChangedFile, ChangedFiles
from nbkeep.backends.local.listing import PART_FILES, Found, ask, begin, check_goes_on, shown, turned

if TYPE_CHECKING:
    from .homes import Homes

_NS = 1_000_000_000
_LONGEST_PATH = 4096  # that are told; folders can be nested without end, and thousands lie in the last


def changed_in_home(homes: Homes, user: str, since: datetime, after: str) -> ChangedFiles:
    """Return the next part of what was changed; raises `Refused` (404) for a home that is not there."""
    told = ask(__file__, homes, user, after, str(int(since.timestamp()) * _NS))
    return ChangedFiles([ChangedFile(**one) for one in told["files"]], told["next"])


def _told(found: Found) -> dict[str, Any]:
    path = b"/".join(found.path)
    info = found.info
    at = datetime.fromtimestamp(info.st_ctime, UTC).isoformat() if info else ""
    return {
        "path": shown(path[:_LONGEST_PATH]),
        "key": hashlib.sha256(path).hexdigest(),
        "bytes": info.st_size if info else 0,
        "changed_at": at,
        "note": found.note,
    }


def main() -> None:
    """Print as JSON what was changed since the moment in the third word of the command line."""
    since_ns = int(sys.argv[3])
    files: list[dict[str, Any]] = []
    walked, until_s = begin()
    kept, place = 0, ""  # how many there were at the last place that can be asked for
    for one in walked:
        if one.info is None or one.info.st_ctime_ns >= since_ns:
            files.append(_told(one))
        kept, place = turned(one, files, kept, place)
        if len(files) >= PART_FILES or time.monotonic() > until_s:
            check_goes_on(place)
            break
    else:
        kept, place = len(files), ""
    print(json.dumps({"files": files[:kept], "next": place}))


if __name__ == "__main__":
    main()
