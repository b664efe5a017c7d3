"""The page of a pack that people read: one HTML file without script, which needs nothing else, and prints."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from .walk import Walked

_CODE_CHARS = 4000
# What is in records was written by users, too: everything is escaped.
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(data: dict[str, Any], walked: Walked) -> str:
    """Return the HTML of a pack, given what its evidence.json says and the records that it shows."""
    shown = sorted({seq for one in data["observations"] for seq in one["relevant-evidence"]})
    values: dict[str, Any] = {
        "data": data,
        "groups": [
            (name, list(found)) for name, found in groupby(data["findings"], key=lambda one: one["group"])
        ],
        "titles": {one["id"]: one["title"] for one in data["observations"]},
        "statuses": {one["id"]: one["status"] for one in data["observations"]},
        "records": [_readable(walked, seq) for seq in shown],
        "total": len(data["findings"]),
    }
    return _TEMPLATES.get_template("index.html").render(values)


def _readable(walked: Walked, seq: int) -> dict[str, Any]:
    one = walked.examples[seq]
    value: dict[str, Any] = json.loads(one.record)
    details = json.dumps(value["data"], ensure_ascii=False)
    return {
        "seq": seq,
        "at": f"{value['at'][:10]} {value['at'][11:19]}",
        "actor": value["actor"]["name"],
        "type": value["type"],
        "session": value["session_id"] or "",
        "details": details if len(details) <= _CODE_CHARS else f"{details[:_CODE_CHARS]}…",
        "hash": one.hash,
    }
