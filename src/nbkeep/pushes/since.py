"""What changed in the files of a push since they were pushed before: line by line, masked as they are shown.

What the forge has is not asked of it, for that would take the person's own credentials. Compared is with an
earlier version in the same push, else with the newest push that a reviewer let through to that repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nbkeep.rendering.matching import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .values import Page

    Line = list[tuple[str, str]]
    File = dict[str, Any]

_CONTEXT = 3
_MOST_ROWS, _MOST_LINES = 2_000, 20_000  # of one file
_NOT_SHOWN = "More lines changed, which are not shown here."


@dataclass(frozen=True)
class Earlier:
    """A push that passed before, as it was shown then. `at`: ISO 8601."""

    push_id: str
    at: str
    page: Page


def add_changes(page: Page, earlier: Sequence[Earlier]) -> None:
    """Put into each file that was there before what changed in it, as `changes`. `earlier`: the newest first.

    `changes`: `push_id` and `at` of the push that had it ("" for this one), `commit`: of that version;
    `rows`: pairs of `same`, `added`, `removed`, `part` or `gap` and the pieces of a line, values masked;
    `partly`: whether not all of both is compared. Lines in which something was found are never left out:
    two values may have one mask.
    """
    work, places = Work(), [_versions(one.page) for one in earlier]
    for path, versions in _versions(page).items():
        pairs = zip(earlier, places, strict=True)
        before = next(((one, known[path][-1]) for one, known in pairs if path in known), None)
        if before is not None:
            versions[0]["changes"] = _changes(before[1], versions[0], work, before[0])
        for old, new in pairwise(versions):
            new["changes"] = _changes(old, new, work)


def _versions(page: Page) -> dict[str, list[File]]:
    """Return the versions of each file, the oldest first: commits stand after their parents."""
    order = {one["id"]: at for at, one in enumerate(page["commits"])}
    found: dict[str, list[File]] = {}
    for file in page["files"]:
        found.setdefault(file["path"], []).append(file)
    for versions in found.values():
        versions.sort(key=lambda one: order.get(one["commit"], -1))
    return found


def _changes(old: File, new: File, work: Work, earlier: Earlier | None = None) -> dict[str, Any]:
    before, after = _lines(old), _lines(new)
    is_long = max(len(before), len(after)) > _MOST_LINES
    before, after = before[:_MOST_LINES], after[:_MOST_LINES]
    rows: list[tuple[str, Line]] = []
    for what, a, b, c, d in work.steps([_key(one) for one in before], [_key(one) for one in after]):
        if what == "equal":
            rows += _unchanged(after[c:d], is_first=c == 0, is_last=d == len(after))
        else:
            rows += [_row(one, "removed") for one in before[a:b]]
            rows += [_row(one, "added") for one in after[c:d]]
    if len(rows) > _MOST_ROWS:
        rows = [*rows[:_MOST_ROWS], ("gap", [(_NOT_SHOWN, "")])]
    return {
        "push_id": earlier.push_id if earlier else "",
        "at": earlier.at if earlier else "",
        "commit": old["commit"],
        "rows": rows,
        "partly": is_long or bool(old["hidden"] or new["hidden"]),
    }


def _lines(file: File) -> list[tuple[str, Line]]:
    """Return the lines of all parts of a file, each part after its name."""
    found: list[tuple[str, Line]] = []
    for part in file["parts"]:
        name = f"Cell {part['cell']} {part['part']}" if part["cell"] else part["part"]
        if name:
            found.append((f"part {part['part']}", [(name.strip(), "")]))
        line: Line = []
        for text, title in part["pieces"]:
            # A value may have several lines: it stands where it begins.
            first, *more = text.split("\n") if not title else [text]
            line += [(first, title)] if first else []
            for one in more:
                found.append(("", line))
                line = [(one, "")] if one else []
        if line:
            found.append(("", line))
    return found


def _key(line: tuple[str, Line]) -> str:
    """Return what a line is compared by: a part by its name without its number, which others move."""
    named, pieces = line
    return f"\0{named}" if named else "".join(f"{text}\0{title}" if title else text for text, title in pieces)


def _row(line: tuple[str, Line], what: str) -> tuple[str, Line]:
    return ("part" if line[0] and what == "same" else what, line[1])


def _unchanged(
    lines: Sequence[tuple[str, Line]], *, is_first: bool, is_last: bool
) -> Iterator[tuple[str, Line]]:
    """Yield what of unchanged lines is shown: some around changes, and all with something found in them."""
    shown = {at for at, (_, pieces) in enumerate(lines) if any(title for _, title in pieces)}
    if not is_first:
        shown |= set(range(min(_CONTEXT, len(lines))))
    if not is_last:
        shown |= set(range(max(0, len(lines) - _CONTEXT), len(lines)))
    left_out = 0
    for at, line in enumerate(lines):
        if at not in shown:
            left_out += 1
            continue
        if left_out:
            yield "gap", [(_as_before(left_out), "")]
            left_out = 0
        yield _row(line, "same")
    if left_out:
        yield "gap", [(_as_before(left_out), "")]


def _as_before(count: int) -> str:
    return "1 line as before" if count == 1 else f"{count:,} lines as before"
