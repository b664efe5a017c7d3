"""The child: `python -m nbkeep.rendering SECONDS SOURCE OUT`, with the order as JSON on standard input."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from .bounds import bound, only_read
from .build import build
from .jail import RULES
from .wire import order_of

_MEMORY_BYTES, _FILE_BYTES, _PROCESSES = 2 * 2**30, 512 * 2**20, 512


def main(arguments: list[str]) -> int:
    """Make what was ordered; whatever goes wrong, the parent sees that there is no result."""
    seconds, source, out = arguments
    limits = (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_NPROC, _PROCESSES),
        (resource.RLIMIT_CORE, 0),
    )
    bound(limits)
    only_read()
    order = order_of(json.load(sys.stdin), lambda: Path(RULES).read_text(encoding="utf-8"))
    build(Path(source), order, Path(out))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
