"""What a scan found, for people on a terminal and for programs as JSON; `sarif.py` has the third form."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

from nbkeep.model.units import format_size

from .values import SEVERITIES, Finding, NotRead, Place, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MOST_OF_A_FILE = 50
_MOST_NOT_READ = 10
_COLOURS = {"critical": "31;1", "high": "31", "medium": "33", "low": "36"}


def counting(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that nobody has allowed."""
    return [one for one in findings if not one.allowed]


def where(place: Place, line: int) -> str:
    """Return a place in words.

    >>> where(Place(cell=3, part="source"), 2), where(Place(cell=3, part="output 1 text/html"), 0)
    ('cell 3, line 2', 'cell 3, output 1 text/html')
    """
    words = [f"cell {place.cell}"] if place.cell else []
    if place.part and place.part != "source":
        words.append(place.part)
    if line:
        words.append(f"line {line}")
    return ", ".join(words)


def as_json(result: Result) -> dict[str, Any]:
    """Return what was found as a value for JSON; never a value that was found."""
    counted = len(counting(result.findings))
    return {
        "findings": [_finding(one) for one in result.findings],
        "not_read": [{"path": one.path, **_place(one.place), "reason": one.reason, "partly": one.partly,
                      "commit": one.commit} for one in result.not_read],
        "files": result.files,
        "size_bytes": result.size_bytes,
        "counts": {"findings": counted, "allowed": len(result.findings) - counted,
                   "not_read": sum(not one.partly for one in result.not_read),
                   "partly_read": sum(one.partly for one in result.not_read)},
    }  # fmt: skip


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "path": one.path, **_place(one.place), "line": one.line, "file_line": one.file_line, "rule": one.rule,
        "kind": one.kind, "title": one.title, "severity": one.severity, "masked": one.masked,
        "decoded": one.decoded, "commit": one.commit, "allowed": one.allowed, "id": one.place_id,
    }  # fmt: skip


def _place(place: Place) -> dict[str, Any]:
    return {"inside": place.inside, "cell": place.cell, "cell_id": place.cell_id, "part": place.part}


def as_text(
    result: Result, clean: Callable[[object], str], *, colours: bool, history: bool = False
) -> Iterator[str]:
    """Yield the lines of a report for people: by file, in the order in which one reads, and what to do.

    `clean`: takes from names what would steer a terminal.
    """

    def colour(code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if colours else text

    found = counting(result.findings)

    def key(one: Finding) -> tuple[str, str, str]:
        return one.path, one.place.inside, one.commit

    for (path, inside, commit), group in groupby(sorted(found, key=_order), key):
        name = f"{path} › {inside.replace('!', ' › ')}" if inside else path  # noqa: RUF001  as in a path of menus
        seen = (
            f"  (git history, first in {commit[:12]})"
            if commit not in {"", "-"}
            else "  (git history)"
            if commit
            else ""
        )
        yield colour("1", clean(name)) + clean(seen)
        rows = _rows(list(group))
        widths = [max(len(clean(row[at])) for row in rows) for at in range(3)]
        for row in rows[:_MOST_OF_A_FILE]:
            place, title, masked, rule, severity = (clean(one) for one in row)
            place = f"{place:<{min(widths[0], 44)}}"
            level = colour(_COLOURS[severity], f"{severity:<8}")
            masked = f"{masked:<{min(widths[2], 12)}}"
            yield f"  {place}  {level}  {title:<{min(widths[1], 40)}}  {masked}  {colour('2', rule)}"
        if len(rows) > _MOST_OF_A_FILE:
            yield f"  … and {len(rows) - _MOST_OF_A_FILE:,} more (--json has all)"
        yield ""
    yield from _not_read(result.not_read, clean, colour)
    yield _summary(result, found)
    yield from _advice(found, history=history)


def _order(one: Finding) -> tuple[object, ...]:
    return (
        one.path,
        one.commit,
        one.place.inside,
        one.place.cell,
        one.place.part != "source",
        one.place.part,
        one.line,
        one.rule,
    )


def _rows(findings: list[Finding]) -> list[tuple[str, str, str, str, str]]:
    """Return a row for each value in a cell; one that shows several times in the same output has one row."""
    rows: dict[tuple[object, ...], tuple[Finding, list[str]]] = {}
    for one in findings:
        output = (
            " ".join(one.place.part.split(" ")[:2]) if one.place.part.startswith("output") else one.place.part
        )
        same = (one.place.cell, output, one.rule, one.same or one.place_id)
        place = where(one.place, one.line)
        if same in rows:
            rows[same][1].append(place)
        else:
            rows[same] = (one, [place])
    return [
        (
            places[0] + (f" (+{len(places) - 1})" if len(places) > 1 else ""),
            one.title + (" (encoded or split)" if one.decoded else ""),
            one.masked,
            one.rule,
            one.severity,
        )
        for one, places in rows.values()
    ]


def _not_read(
    missing: Sequence[NotRead], clean: Callable[[object], str], colour: Callable[[str, str], str]
) -> Iterator[str]:
    whole = [one for one in missing if not one.partly]
    if whole:
        yield colour("1", "Not read")
        for one in whole[:_MOST_NOT_READ]:
            name = f"{one.path} › {one.place.inside.replace('!', ' › ')}" if one.place.inside else one.path  # noqa: RUF001
            place = where(one.place, 0)
            yield clean(f"  {name}{f' ({place})' if place else ''} {one.reason}")
        if len(whole) > _MOST_NOT_READ:
            yield f"  … and {len(whole) - _MOST_NOT_READ:,} more (--json has all)"
        yield ""
    partly = Counter(one.reason for one in missing if one.partly)
    examples = {one.reason: one for one in reversed(missing) if one.partly}
    if partly:
        yield colour("1", "Read in part")
        for reason, count in partly.most_common(_MOST_NOT_READ):
            one = examples[reason]
            place = where(one.place, 0)
            yield clean(f"  {one.path}{f' ({place})' if place else ''} {reason}") + (
                f" (+{count - 1:,} more)" if count > 1 else ""
            )
        yield ""


def _summary(result: Result, found: Sequence[Finding]) -> str:
    size = format_size(result.size_bytes)
    read = f"{result.files:,} {'file' if result.files == 1 else 'files'} read, {size}."
    allowed = len(result.findings) - len(found)
    tail = f" {allowed:,} allowed." if allowed else ""
    if not found:
        unread = any(not one.partly for one in result.not_read)
        return f"Nothing found in what was read.{tail} {read}" if unread else f"Nothing found.{tail} {read}"
    levels = Counter(one.severity for one in found)
    told = ", ".join(f"{levels[one]:,} {one}" for one in reversed(SEVERITIES) if levels[one])
    files = len({(one.path, one.place.inside) for one in found})
    return (f"{len(found):,} {'finding' if len(found) == 1 else 'findings'} in {files:,} "
            f"{'file' if files == 1 else 'files'} ({told}).{tail} {read}")  # fmt: skip


def _advice(found: Sequence[Finding], *, history: bool) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield "What to do:"
    if any(one.kind == "secret" for one in found):
        yield "  - Others may have seen a secret: have a new one issued first, then remove this one here."
        yield "  - Keep it in the vault instead (`nbkeep secret set`), and read it from there."
    if any(one.place.cell and one.place.part != "source" for one in found):
        yield "  - Clear the outputs that show one, or the metadata, and save the notebook."
    if any(one.kind == "personal" for one in found):
        yield "  - Personal data: leave out the columns, or show an aggregate instead of rows."
    if history:
        yield "  - What is in the history stays in every clone: replace the secret first, then rewrite it."
    yield "  - No secret? Write `nbkeep:allow RULE reason` on its line, or take all by --write-baseline FILE."
