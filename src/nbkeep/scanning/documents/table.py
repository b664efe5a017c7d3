"""Tables: a text for each column, with its name, for what only a column tells (names, addresses)."""

from __future__ import annotations

import csv
import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Limits, Part, Place, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nbkeep.scanning.values import Lines

_DELIMITERS = ",;\t|"
_MOST_COLUMNS = 2000
# Measured values: at most seven digits before the point, so no card, no account, no telephone, no date.
_FIGURES = re.compile(r"(?:-?[0-9]{0,7}(?:\.[0-9]{0,20})?\n)*+(?:-?[0-9]{0,7}(?:\.[0-9]{0,20})?)")


def read_table(text: str, name: str, limits: Limits) -> Iterator[Part | Unread]:
    """Yield a file of comma (or otherwise) separated values: as text, and column by column."""
    yield Part(text, Hint("text", name=name))
    delimiter = delimiter_of(text)
    rows: list[list[str]] = []
    lines: list[int] = []
    cut = ""
    csv.field_size_limit(2**20)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    before = 0
    try:
        for row in reader:
            rows.append(row)
            lines.append(before + 1)
            before = reader.line_num
            if len(rows) > limits.table_rows:
                cut = f"has more than {limits.table_rows:,} rows: the others were read as text only"
                break
    except csv.Error as error:
        cut = f"is no table from line {before + 1} on ({error}): read as text only"
    if cut:
        yield Unread(cut, partly=True)
    if len(rows) > 1:
        yield from columns(rows[:1], rows[1:], lines[1:], Place(), name)


def delimiter_of(text: str) -> str:
    """Return what stands between the values: of comma, semicolon, tab and bar the most frequent."""
    head = text[: text.find("\n") if "\n" in text else len(text)]
    return max(_DELIMITERS, key=head.count)


def columns(
    head: Sequence[Sequence[str]], rows: Sequence[Sequence[str]], lines: Lines, place: Place, name: str = ""
) -> Iterator[Part]:
    """Yield a part for each column: its values, one a line.

    `head`: the rows of titles, the last one nearest to the values. `lines`: where each of `rows` stands.
    """
    titles: list[str] = []
    for row in head:
        titles += [""] * (len(row) - len(titles))
        for at, title in enumerate(row):
            titles[at] = f"{titles[at]} {title}".strip()
    for at, values in enumerate(zip_longest(*rows, fillvalue="")):
        if at >= _MOST_COLUMNS:
            return
        text = "\n".join(values)
        if text.count("\n") != len(rows) - 1 or "\r" in text:
            text = "\n".join(" ".join(value.split()) for value in values)
        if not text.isspace() and not _FIGURES.fullmatch(text):
            title = titles[at] if at < len(titles) else ""
            yield Part(text, Hint("table", column=title[:200], name=name), place, lines=lines)
