"""The child: `python -m nbkeep.pushes SECONDS SOURCE OUT`, with what to look at as JSON on standard input."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from nbkeep.model.errors import Refused
from nbkeep.rendering import wire
from nbkeep.rendering.bounds import bound
from nbkeep.rendering.jail import RULES
from nbkeep.scanning.detect import with_text
from nbkeep.scanning.interface import TooLong
from nbkeep.scanning.spans import Look

from .look import look_through
from .objects import Objects
from .pktline import UnreadableError

_MEMORY_BYTES, _FILE_BYTES, _PROCESSES = 2 << 30, 1 << 30, 128


def main(arguments: list[str]) -> int:
    """Look through a push; whatever goes wrong, the parent sees that there is no result."""
    seconds, source, out = arguments
    limits = (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_NPROC, _PROCESSES),
        (resource.RLIMIT_CORE, 0),
    )
    bound(limits)
    order: dict[str, Any] = json.load(sys.stdin)
    try:
        rules = Path(RULES).read_text(encoding="utf-8") if order["rules"] else ""
        look = Look(with_text(rules), heed_marks=False)
    except Refused as refusal:
        why = f"the organisation's own rules cannot be read ({refusal.message.rstrip('.')})"
        _tell(Path(out), {"problem": why})
        return 0
    look_at(order, Path(source), Path(out), look)
    return 0


def look_at(order: dict[str, Any], source: Path, out: Path, look: Look) -> None:
    """Write into a folder what is in a push, or why it was not read."""
    try:
        with Objects(source, order["pack_at"], out / "git") as objects:
            found = look_through(objects, order["refs"], order["options"], look, page=order["page"])
    except UnreadableError as error:
        found = {"problem": str(error)}
    except TooLong as error:  # where a part of it is put down for a reviewer
        found = {"problem": f"it {error}"}
    else:
        found |= wire.as_json(found["findings"], found["not_read"]) | {"problem": ""}
    _tell(out, found)


def _tell(out: Path, found: dict[str, Any]) -> None:
    (out / "result.json").write_text(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
