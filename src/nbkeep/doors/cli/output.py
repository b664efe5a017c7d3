"""What a command prints: tables for people, JSON for programs, errors on stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column of a table. `keep`: never cut (names and ids that one copies)."""

    title: str
    keep: bool = False
    right: bool = False


def print_error(message: str, remedy: str = "") -> None:
    """Print one message and its next step on stderr."""
    red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() else ("", "")
    print(f"{red}Error:{plain} {clean(message)}", file=sys.stderr)
    if remedy:
        print(f"       {clean(remedy)}", file=sys.stderr)


def print_note(message: str) -> None:
    """Print something beside the result, on stderr, so that pipes stay clean."""
    print(clean(message), file=sys.stderr)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    print(_json(value, indent=2))


def print_json_line(value: Any) -> None:
    """Print a value as JSON on one line and let it through at once: for streams."""
    print(_json(value), flush=True)


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print rows under their titles; `empty` (on stderr) says what an empty list means and what to do next.

    On a terminal the widest columns are cut with "…" until a row fits. Piped, nothing is ever cut.
    """
    cells = [[clean(value) for value in row] for row in rows]
    if not cells:
        print_note(empty)
        return
    titles = [column.title.upper() for column in columns]
    widths = [max(_width(row[i]) for row in [titles, *cells]) for i in range(len(columns))]
    if sys.stdout.isatty():
        _narrow(widths, columns, _terminal_width())
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(bold + _line(titles, widths, columns) + plain)
    for row in cells:
        print(_line(row, widths, columns))


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print `title  value` lines; a field whose value is None or "" is left out."""
    shown = [(title, clean(value)) for title, value in fields if value is not None and value != ""]
    width = max((_width(title) for title, _ in shown), default=0)
    for title, value in shown:
        print(f"{title.ljust(width)}{_GAP}{value}")


def confirm(question: str, *, yes: bool) -> None:
    """Go on only when the user agrees, or did with --yes; without a terminal to ask on, end with code 2."""
    if yes:
        return
    if not sys.stdin.isatty():
        print_error(
            "This needs a confirmation, and there is no terminal to ask on.", "Add --yes if you are sure."
        )
        raise typer.Exit(2)
    if not typer.confirm(clean(question), err=True):
        print_note("Nothing was changed.")
        raise typer.Exit(1)


def clean(value: object) -> str:
    r"""Return text that cannot steer a terminal: names, reasons and paths are written by anybody.

    >>> clean("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _json(value: Any, indent: int | None = None) -> str:
    r"""Return readable JSON that cannot steer a terminal either: json.dumps lets \x7f to \x9f through.

    >>> _json({"a": "é\x9b2J"})
    '{"a": "é\\u009b2J"}'
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char).strip('"') for char in text
    )


def _line(cells: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    out: list[str] = []
    for cell, width, column in zip(cells, widths, columns, strict=True):
        shown = _cut(cell, width)
        fill = " " * (width - _width(shown))
        out.append(fill + shown if column.right else shown + fill)
    return _GAP.join(out).rstrip()


def _narrow(widths: list[int], columns: Sequence[Column], room: int) -> None:
    least = [
        width if column.keep else min(width, max(8, len(column.title)))
        for width, column in zip(widths, columns, strict=True)
    ]
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    while over > 0:
        widest = max(range(len(widths)), key=lambda i: widths[i] - least[i])
        if widths[widest] <= least[widest]:
            return
        widths[widest] -= 1
        over -= 1


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while text and _width(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # slow to import, and seldom needed

    return cell_len(text)


def _terminal_width() -> int:
    columns, _lines = typer.get_terminal_size()
    return columns
