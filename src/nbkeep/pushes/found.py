"""What was found in a push, as it is kept and told: masked, bounded, and never a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.model.gates import Found
from nbkeep.releases.found import MOST, counts_of, found_in, kept_findings, kept_not_read, kinds_of

if TYPE_CHECKING:
    from nbkeep.rendering.interface import Made
    from nbkeep.scanning.values import Finding, Place

__all__ = ["counts_of", "findings_of", "found_in", "kinds_of", "lines_of", "not_read_of"]

_MOST_LINES = 10
_SHORT = 10  # of an id


def findings_of(made: Made) -> list[dict[str, Any]]:
    """Return the first findings for people, with file and commit; secrets first."""
    ordered = _ordered(made)[:MOST]
    return [
        told | {"path": one.path, "commit": one.commit}
        for one, told in zip(ordered, kept_findings(made), strict=True)
    ]


def not_read_of(made: Made) -> list[dict[str, Any]]:
    """Return what was not read, for people."""
    told = kept_not_read(made)
    return [one | {"path": found.path} for one, found in zip(told, made.not_read, strict=False)]


def lines_of(made: Made) -> list[str]:
    """Return where something was found, a line each, for a terminal."""
    ordered = _ordered(made)
    lines = [
        f"  {_where(one.path, one.place, one.line, one.commit)}: {one.title} ({one.masked})"
        for one in ordered
    ]
    lines += [
        f"  {_where(one.path, one.place, 0, one.commit)} was not read: {one.reason}"
        for one in made.not_read
        if Found.UNREAD in found_in(made)
    ]
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], f"  and {more:,} more"] if more > 0 else lines


def _ordered(made: Made) -> list[Finding]:
    return sorted(made.findings, key=lambda one: one.kind != Found.SECRET)


def _where(path: str, place: Place, line: int, commit: str) -> str:
    cell = f", cell {place.cell}" if place.cell else ""
    at = f", line {line}" if line else ""
    return f"{path}{cell}{at}{f', commit {commit[:_SHORT]}' if commit else ''}"
