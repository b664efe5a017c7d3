"""The child: `python -m nbkeep.foresight SECONDS SOURCE OUT`, its name as JSON on standard input."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from nbkeep.rendering.bounds import bound, only_read

from . import shown, wire
from .look import foresee

_MEMORY_BYTES, _FILE_BYTES = 2 * 2**30, 128 * 2**20
_DEEP = 4000  # of Python's own calls; its parser has limits of its own


def main(arguments: list[str]) -> int:
    """Write `page.html` where it can be made, and `result.json` last; without that one nothing counts."""
    seconds, source, out = arguments
    bound((
        (resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CPU, int(seconds) + 1), (resource.RLIMIT_CORE, 0),
    ))  # fmt: skip
    only_read()
    sys.setrecursionlimit(_DEEP)
    said = json.load(sys.stdin)
    data = Path(source).read_bytes()
    found = foresee(data, said["name"])
    if said["page"]:
        page = shown.page(data, said["name"], found)
        if page is not None:
            (Path(out) / "page.html").write_bytes(page)
    (Path(out) / "result.json").write_text(json.dumps(wire.as_json(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
