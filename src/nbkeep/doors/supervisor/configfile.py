"""Changes to `DATA/config.toml` that leave everything else in it, comments too, as it is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from nbkeep import wholefile

if TYPE_CHECKING:
    from pathlib import Path


def set_values(file: Path, values: dict[str, str]) -> None:
    """Set top-level texts in a TOML file, making it when it is not there. Twice is safe."""
    old = file.read_text() if file.exists() else ""
    new = with_values(old, values)
    if new == old:
        return
    wholefile.write(file, new)


def with_values(text: str, values: dict[str, str]) -> str:
    r"""Return TOML text with its top-level values set.

    >>> with_values('# mine\nlisten = "a"\n\n[gpus]\na100 = 1\n', {"listen": "b", "public_url": "u"})
    '# mine\nlisten = "b"\n\npublic_url = "u"\n[gpus]\na100 = 1\n'
    """
    table = re.search(r"(?m)^[ \t]*\[", text)
    top, rest = (text[: table.start()], text[table.start() :]) if table else (text, "")
    for name, value in values.items():
        line = f"{name} = {json.dumps(value)}"  # a JSON string is a TOML string
        found = re.compile(rf"(?m)^[ \t]*{re.escape(name)}[ \t]*=.*$")
        if found.search(top):
            top = found.sub(lambda _, line=line: line, top, count=1)
        else:
            top = f"{top}{'' if not top or top.endswith(chr(10)) else chr(10)}{line}\n"
    return top + rest
