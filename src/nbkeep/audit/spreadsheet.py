"""Records as CSV (RFC 4180) that a spreadsheet opens as text and never as formulas."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from .canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLUMNS = (
    "seq", "at", "type", "actor", "actor_id", "actor_kind", "via", "address", "session_id", "data", "hash",
)  # fmt: skip
# What makes a cell a formula: OWASP, "CSV Injection". The wide forms are taken for the narrow ones by
# programs set to Chinese or Japanese.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def header() -> str:
    """Return the first line."""
    return line(_COLUMNS)


def row(record: str, hash_: str) -> str:
    """Return the line of a record, given as its canonical JSON; `data` is JSON in one cell."""
    value: dict[str, Any] = json.loads(record)
    actor = value["actor"]
    return line((
        value["seq"], value["at"], value["type"], actor["name"], actor["id"], actor["kind"], actor["via"],
        actor["address"], value["session_id"] or "", canonical(value["data"]), hash_,
    ))  # fmt: skip


def line(cells: Sequence[object]) -> str:
    r"""Return cells as one line without its end. Text that could be a formula gets an apostrophe in front.

    >>> line(["=1+1", "jane", 3])
    '"\'=1+1","jane","3"'
    """
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="").writerow([_harmless(cell) for cell in cells])
    return out.getvalue()


def _harmless(cell: object) -> str:
    text = str(cell)
    # Blanks in front are dropped by some programs before they look.
    return f"'{text}" if text.lstrip(" ").startswith(_STARTS) else text
