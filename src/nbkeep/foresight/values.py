"""The words of this room: what a document would do, where it says so, and how much that weighs."""

from __future__ import annotations

from dataclasses import dataclass, field

DANGEROUS, NOTABLE, ORDINARY = "dangerous", "notable", "ordinary"
WEIGHTS = (DANGEROUS, NOTABLE, ORDINARY)
"""The heaviest first. Dangerous: honest notebooks hardly do it. Notable: worth a look. Ordinary: a fact."""

KINDS = {
    "install": "Installs",
    "shell": "Runs programs",
    "network": "Network",
    "files": "Files",
    "credentials": "Credentials and environment",
    "payload": "Hidden payload",
    "dynamic": "Code made while it runs",
    "native": "Native code",
    "persistence": "Stays after the session",
    "active": "Script in what is shown",
    "hidden": "Hidden from readers",
    "trust": "Trust and settings",
}
"""What an act is about, in words for people. In the order in which it is told."""

LONGEST = 300
"""Characters of a snippet of code, of a sentence."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something stands. `cell` from 1, 0 for scripts; `line` from 1 within `part`, 0 for none.

    `part`: "source", "output 2 text/html", "metadata". `within`: how it is hidden there, the outermost first,
    such as ("base64", "zlib").
    """

    cell: int = 0
    line: int = 0
    part: str = "source"
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that would be done. `what`: a sentence without its subject; `code`: how that is written."""

    kind: str
    weight: str
    spot: Spot
    what: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Missed:
    """What was not read as what it is, and why, as the end of "The document …" or "Cell 3 …".

    `partly`: it was looked through all the same, by words.
    """

    spot: Spot
    reason: str
    partly: bool = True


@dataclass(slots=True)
class Foreseen:
    """What came of looking. `language`: of the code, in lower case. `cells`: how many; 0 for scripts.

    `problem`: why nothing is known at all, a sentence; else "".
    """

    acts: list[Act] = field(default_factory=list["Act"])
    not_read: list[Missed] = field(default_factory=list["Missed"])
    language: str = ""
    cells: int = 0
    problem: str = ""

    def count(self, weight: str) -> int:
        """Return how many acts have a weight."""
        return sum(one.weight == weight for one in self.acts)


def by_weight(acts: list[Act]) -> list[Act]:
    """Return acts, the heaviest first, and then as one reads the document."""
    return sorted(acts, key=lambda one: (WEIGHTS.index(one.weight), one.spot.cell, one.spot.part != "source",
                                         one.spot.part, one.spot.line, one.kind))  # fmt: skip


def heavier(one: str, other: str) -> str:
    """Return the heavier of two weights.

    >>> heavier("ordinary", "notable")
    'notable'
    """
    return min(one, other, key=WEIGHTS.index)
