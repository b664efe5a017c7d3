"""Tables: a text for each column, with its name, for what only a column tells (names, addresses)."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Limits, Part, Place, Unread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_DELIMITERS = ",;\t|"
_MOST_COLUMNS = 2000
_LONGEST_CELL = 10_000


def read_table(text: str, name: str, limits: Limits) -> Iterator[Part | Unread]:
    """Yield a file of comma (or otherwise) separated values: as text, and column by column."""
    yield Part(text, Hint("text", name=name))
    head = text[: text.find("\n") if "\n" in text else len(text)]
    delimiter = max(_DELIMITERS, key=head.count)
    rows: list[tuple[int, list[str]]] = []
    cut = ""
    csv.field_size_limit(2**20)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    before = 0
    try:
        for row in reader:
            rows.append((before + 1, row))
            before = reader.line_num
            if len(rows) > limits.table_rows:
                cut = f"has more than {limits.table_rows:,} rows: the others were read as text only"
                break
    except csv.Error as error:
        cut = f"is no table from line {before + 1} on ({error}): read as text only"
    if cut:
        yield Unread(cut, partly=True)
    if len(rows) > 1:
        yield from columns([rows[0][1]], rows[1:], Place(), name)


def columns(
    head: Sequence[Sequence[str]], rows: Iterable[tuple[int, Sequence[str]]], place: Place, name: str = ""
) -> Iterator[Part]:
    """Yield a part for each column: its values, one a line, each with the line that it stands in.

    `head`: the rows of titles, the last one nearest to the values.
    """
    titles: list[str] = []
    for row in head:
        titles += [""] * (len(row) - len(titles))
        for at, title in enumerate(row):
            titles[at] = f"{titles[at]} {title}".strip()
    values: dict[int, list[str]] = {}
    lines: dict[int, list[int]] = {}
    for line, row in rows:
        for at, value in enumerate(row[:_MOST_COLUMNS]):
            if value:
                values.setdefault(at, []).append(" ".join(value[:_LONGEST_CELL].split("\n")))
                lines.setdefault(at, []).append(line)
    for at in sorted(values):
        title = titles[at] if at < len(titles) else ""
        text = "\n".join(one.replace("\r", " ") for one in values[at])
        yield Part(text, Hint("table", column=title[:200], name=name), place, lines=tuple(lines[at]))
