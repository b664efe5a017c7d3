"""What facts make of a control. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .values import Finding, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .values import Control, Observation

NOTHING = "nbkeep records nothing about this."


def finding(control: Control, seen: Mapping[str, Observation]) -> Finding:
    """Return what is found for a control.

    Covered: each of its facts is, and together they are all that it asks for. Partly: at least one speaks for
    it. What is not there is never made up for by what is.
    """
    if not control.facts:
        return Finding(control, Status.NOT_COVERED, control.gap or f"Not covered: {NOTHING}")
    there = [seen[name] for name in control.facts]
    missing = [one.title for one in there if one.status is Status.NOT_COVERED]
    if len(missing) == len(there):
        return Finding(
            control, Status.NOT_COVERED, "Not covered: of what would speak for it, nothing is on record."
        )
    words: list[str] = []
    if missing:
        words.append(f"{len(missing)} of {len(there)} facts are not on record.")
    if half := [one.title for one in there if one.status is Status.PARTLY]:
        words.append(f"{len(half)} of {len(there)} facts are there in part only.")
    if control.gap:
        words.append(control.gap)
    if control.whole and not missing and not half:
        return Finding(
            control, Status.COVERED, " ".join(["Each fact that it asks for is on record.", *words])
        )
    return Finding(control, Status.PARTLY, " ".join(words))
