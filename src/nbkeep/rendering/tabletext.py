"""Tables as text (CSV and its kin): takes out of a column what only the column tells, cell by cell."""

from __future__ import annotations

import csv
import io
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from nbkeep.scanning.documents import table
from nbkeep.scanning.spans import in_part
from nbkeep.scanning.values import Place

if TYPE_CHECKING:
    from nbkeep.scanning.spans import Look

    from .takeout import Marker

NAMES = frozenset({".csv", ".tsv", ".tab", ".psv"})


def without_columns(text: str, path: str, look: Look, marker: Marker) -> tuple[str, int]:
    """Return a table without what is found in its columns, and how many cells that were.

    Rows in which nothing was found stay as they are, to the byte; in the others quotes may come and go.
    """
    lines = text.splitlines(keepends=True)
    delimiter = table.delimiter_of(text)
    rows: list[list[str]] = []
    until: list[int] = []
    csv.field_size_limit(2**20)
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for row in reader:
            rows.append(row)
            until.append(reader.line_num)
            if len(rows) > look.limits.table_rows:
                break
    except csv.Error:
        pass  # the rest is read as text, and redacted as one
    if len(rows) < 2:
        return text, 0
    changed: dict[int, dict[int, str]] = {}
    for column in range(max(map(len, rows))):
        title = rows[0][column] if column < len(rows[0]) else ""
        values = [[row[column] if column < len(row) else ""] for row in rows[1:]]
        for at, new in _of_column(title, values, path, look, marker):
            changed.setdefault(at + 1, {})[column] = new
    for at, cells in changed.items():
        row = [cells.get(column, value) for column, value in enumerate(rows[at])]
        begin = until[at - 1]
        end_of_line = lines[until[at] - 1][len(lines[until[at] - 1].rstrip("\r\n")) :]
        lines[begin : until[at]] = [_row(row, delimiter) + end_of_line] + [""] * (until[at] - begin - 1)
    return "".join(lines), sum(map(len, changed.values()))


def _of_column(
    title: str, values: list[list[str]], path: str, look: Look, marker: Marker
) -> list[tuple[int, str]]:
    found: dict[int, list[tuple[int, int, str]]] = {}
    for part in table.columns([[title]], values, (), Place(), PurePosixPath(path).name):
        starts = [0]
        for line in part.text.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        at = 0
        for span in in_part(part, look):
            mark = marker(span.hit.title, span.hit.severity, span.value)
            while starts[at + 1] <= span.begin:
                at += 1
            found.setdefault(at, []).append((span.begin - starts[at], span.end - starts[at], mark))
    changed: list[tuple[int, str]] = []
    for at, cuts in found.items():
        value = values[at][0]
        for begin, end, mark in sorted(cuts, reverse=True):
            # A value with breaks in it was looked at in another spelling, so it goes whole.
            whole = end > len(value) or "\n" in value or "\r" in value
            value = mark if whole else value[:begin] + mark + value[end:]
        changed.append((at, value))
    return changed


def _row(cells: list[str], delimiter: str) -> str:
    made = io.StringIO()
    csv.writer(made, delimiter=delimiter, lineterminator="").writerow(cells)
    return made.getvalue()
