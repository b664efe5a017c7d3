"""Gathers acts while a document is read, within bounds: so many acts, so much decoded, so deep."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from . import places
from .trail import Trail
from .values import DANGEROUS, LONGEST, NOTABLE, ORDINARY, WEIGHTS, Act, Missed, Spot

MOST_ACTS, MOST_MISSED = 2_000, 500
DEEPEST = 12  # texts within texts: base64 of hex of zlib of a command of a shell
MOST_DECODED = 32 * 2**20
PLAIN = frozenset({"exec", "eval", "execfile", "compile", "run_cell", "python -c", "a text that is run"})
"""Ways to have a text run that hide nothing of it, unless one stands in another."""
_OF_A_WEIGHT = {DANGEROUS: 800, NOTABLE: 600, ORDINARY: 600}


@dataclass
class Collector:
    """What has been found so far. The same thing on the same line is told once."""

    acts: dict[tuple[object, ...], Act] = field(default_factory=dict[tuple[object, ...], "Act"])
    missed: dict[tuple[object, ...], Missed] = field(default_factory=dict[tuple[object, ...], "Missed"])
    left: int = MOST_DECODED
    trail: Trail = field(default_factory=Trail)
    _counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WEIGHTS, 0))

    def add(self, kind: str, weight: str, spot: Spot, what: str, code: str = "") -> None:
        """Note an act. What is hidden in something else weighs more: it was hidden from readers."""
        if weight == NOTABLE and (len(spot.within) > 1 or set(spot.within) - PLAIN):
            weight = DANGEROUS
        if self._counts[weight] >= _OF_A_WEIGHT[weight]:
            self.miss(Spot(), f"does more {weight} things than are listed here: only the first "
                      f"{_OF_A_WEIGHT[weight]} are")  # fmt: skip
            return
        act = Act(kind, weight, spot, readable(what), readable(code))
        key = (kind, spot, act.what)
        if key not in self.acts:
            self.acts[key] = act
            self._counts[weight] += 1

    def sets(self, name: str, value: str, spot: Spot, code: str) -> bool:
        """Note that a variable is set which steers programs, and return whether it is such a one."""
        found = places.weight_of_variable(name)
        if found is None:
            return False
        self.add(*found[:2], spot, found[2], code)
        for one in value.split(":")[:50]:
            self.trail.looks_in(one, name, spot, code)
        return True

    def miss(self, spot: Spot, reason: str, *, partly: bool = True) -> None:
        """Note that something was not read as what it is."""
        key = (spot.cell, spot.part, reason)
        if len(self.missed) < MOST_MISSED or key in self.missed:
            self.missed.setdefault(key, Missed(spot, readable(reason), partly))

    def deeper(self, spot: Spot, how: str, size: int) -> Spot | None:
        """Return the spot of what is hidden there by `how`, or None where that would be too much to read."""
        if len(spot.within) >= DEEPEST or size > self.left:
            self.miss(
                replace(spot, within=()), "hides more within itself than is unpacked here", partly=False
            )
            return None
        self.left -= size
        return replace(spot, within=(*spot.within, how))


def readable(text: str) -> str:
    """Return a text on one line, short, with a mark for what cannot be seen."""
    text = " ".join(text[: LONGEST * 4].split())
    text = text if text.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
