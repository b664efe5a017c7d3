"""What an examination told, as it is kept: masked, bounded, and never a value."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from nbkeep.model.gates import Found
from nbkeep.scanning.scan import is_unread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.detection.providers import Alive
    from nbkeep.rendering.interface import Made
    from nbkeep.scanning.values import Finding, Place

MOST = 300
_LONGEST = 400


def found_in(made: Made) -> list[Found]:
    """Return what an examination ended with; `NOTHING` only alone.

    Findings that their author has marked as allowed count: here somebody else looks at the reason. What was
    only partly read is unread, but for pictures in a document where nothing reads what they show: these are
    in every notebook, and `not_read` tells a reviewer of them.
    """
    kinds = {one.kind for one in made.findings}
    found = [one for one in (Found.SECRET, Found.PERSONAL) if one.value in kinds]
    if kinds - {Found.SECRET.value, Found.PERSONAL.value}:
        found.append(Found.SECRET)  # a kind that is not known yet is taken for the worst
    if made.problem or any(is_unread(one) for one in made.not_read):
        found.append(Found.UNREAD)
    return list(dict.fromkeys(found)) or [Found.NOTHING]


def kept_findings(made: Made, alive: Mapping[tuple[str, str], Alive] | None = None) -> list[dict[str, Any]]:
    """Return the first findings for people, secrets first; never the value, nor what it can be told by.

    `alive`: {(rule, masked): whether its provider takes it still}, where that was asked.
    """
    ordered = sorted(made.findings, key=lambda one: one.kind != Found.SECRET)
    return [_finding(one) | _alive(one, alive or {}) for one in ordered[:MOST]]


def _alive(one: Finding, alive: Mapping[tuple[str, str], Alive]) -> dict[str, str]:
    said = alive.get((one.rule, one.masked))
    return {"alive": said.value} if said is not None else {}


def counts_of(made: Made) -> dict[str, Any]:
    """Return how many findings there are of each title, the most frequent first."""
    return dict(Counter(one.title for one in made.findings).most_common(MOST))


def kinds_of(made: Made) -> dict[Found, int]:
    """Return how many of each kind were found, and how many parts were not read, for a sentence."""
    counts = Counter(Found(one.kind) for one in made.findings if one.kind in set(Found))
    unread = sum(is_unread(one) for one in made.not_read)
    return {**counts, Found.UNREAD: unread} if unread else dict(counts)


def kept_not_read(made: Made) -> list[dict[str, Any]]:
    """Return what was not read, for people."""
    return [
        {**_place(one.place), "reason": one.reason[:_LONGEST], "partly": one.partly}
        for one in made.not_read[:MOST]
    ]


def _finding(one: Finding) -> dict[str, Any]:
    return {
        **_place(one.place),
        "line": one.line,
        "rule": one.rule,
        "kind": one.kind,
        "title": one.title,
        "severity": one.severity,
        "masked": one.masked[:_LONGEST],
        "decoded": one.decoded,
        "allowed": one.allowed[:_LONGEST],
    }


def _place(place: Place) -> dict[str, Any]:
    return {"cell": place.cell, "part": place.part[:_LONGEST], "inside": place.inside[:_LONGEST]}
