"""Tells for each cell of a notebook whether a fresh run would give it the inputs that it had.

The notebook is gone through from top to bottom with fingerprints instead of values: where a run is known that
had the inputs of now, its results are taken; where none is, what the cell gives is unknown from there on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .generators import RANDOM
from .records import PRESENCE

if TYPE_CHECKING:
    from .journal import Journal
    from .records import Change, Record

_RANDOM = frozenset(RANDOM.values())
_CELLS = 10_000
_NAME = 100
_CANDIDATES = 16
_PLANNED = 2_000  # cells of a notebook for which a plan is made


@dataclass(frozen=True)
class Verdict:
    """`status`: fresh, never-run, edited, stale, out-of-order, missing; the others say more."""

    id: str
    status: str
    why: str = ""
    name: str = ""
    cell: str = ""


@dataclass(frozen=True)
class _Value:
    digest: str | None  # None: nobody knows before the cell has run
    cell: str
    why: str = ""


def verdicts(journal: Journal, told: Any) -> dict[str, Any]:
    """Return a verdict on each cell, and which cells to run, in order, for a notebook without stale ones.

    `told` is the document as a list of {"id", "source"}.
    """
    cells = [(str(one["id"])[:_NAME], str(one["source"])) for one in told[:_CELLS]]
    fresh = _Fresh(journal, cells)
    found = fresh.run()
    return {"cells": [asdict(one) for one in found], "plan": fresh.plan(found)}


class _Fresh:
    """A fresh run as it would go, as far as records tell."""

    def __init__(self, journal: Journal, cells: list[tuple[str, str]]) -> None:
        self._journal = journal
        self._cells = cells
        self._place = {cell: index for index, (cell, _) in enumerate(cells)}
        self._state: dict[str, _Value] = {}
        self._before: dict[str, dict[str, _Value]] = {}
        self._after: dict[str, dict[str, _Value]] = {}
        self._of_source: dict[str, list[Record]] = defaultdict(list)
        for record in journal.records:
            self._of_source[record.source].append(record)

    def run(self) -> list[Verdict]:
        """Return a verdict on each cell."""
        found: list[Verdict] = []
        for cell, source in self._cells:
            if len(self._cells) <= _PLANNED:
                self._before[cell] = dict(self._state)
            found.append(self._one(cell, source))
            if len(self._cells) <= _PLANNED:
                self._after[cell] = dict(self._state)
        return found

    def plan(self, found: list[Verdict]) -> list[str]:
        """Return the cells that are to be run: those with a mark, and those whose results they need."""
        chosen = {one.id for one in found if one.id in self._before and self._can_help(one)}
        while more := self._needed(chosen) - chosen:
            chosen |= more
        return [cell for cell, _ in self._cells if cell in chosen]

    def _can_help(self, verdict: Verdict) -> bool:
        """Whether a run of the cell can make it fresh: not if nothing above gives what it uses."""
        if verdict.status == "out-of-order":
            return verdict.name in self._before[verdict.id]
        return verdict.status in ("stale", "edited")

    def _needed(self, chosen: set[str]) -> set[str]:
        """Return the cells without which some chosen one would run on other values than a fresh run has."""
        now: dict[str, str] = dict(self._journal.digests)
        needed: set[str] = set()
        for cell, source in self._cells:
            if cell not in chosen:
                continue
            before = self._before[cell]
            for name in self._inputs(cell, source) & before.keys():
                if now.get(name) != _as_run(before[name]):
                    needed.add(before[name].cell)
            for name, value in self._after[cell].items():
                if before.get(name) is not value:
                    now[name] = _as_run(value)
        return needed

    def _inputs(self, cell: str, source: str) -> set[str]:
        record = self._journal.last.get(cell)
        if record is not None and record.source == source:
            return set(record.reads)
        return self._journal.inputs_of(source)

    def _one(self, cell: str, source: str) -> Verdict:
        record = self._journal.last.get(cell)
        if record is None or record.source != source:
            if not source.strip() or self._journal.names_of(source).is_empty:
                return Verdict(cell, "fresh")
            other = self._known_run(source)
            if other is not None:
                self._take(cell, other)
            else:
                self._unknown_by_code(cell, source, "edited" if record else "not-run")
            return Verdict(cell, "edited" if record else "never-run")
        verdict = self._compared(cell, record)
        if verdict is None:
            self._take(cell, record)
            return Verdict(cell, "fresh")
        other = self._known_run(source)
        if other is not None:
            self._take(cell, other)
            mutated = self._journal.names_of(source).mutates
            is_same = other.had_same_result(record, mutated, self._journal.parts)
            return Verdict(cell, "fresh") if is_same else verdict
        # What it would have bound if it had not failed is as unknown as what it gave.
        names = self._journal.names_of(source)
        for name in record.writes.keys() | names.surely_binds | (names.mutates & self._state.keys()):
            self._state[name] = _Value(None, cell, "stale")
        return verdict

    def _known_run(self, source: str) -> Record | None:
        """Return an earlier run of the same code that had the inputs of now."""
        many = reversed(self._of_source.get(source, [])[-_CANDIDATES:])
        return next((record for record in many if not self._differing(record)), None)

    def _differing(self, record: Record) -> list[str]:
        return [name for name, change in record.reads.items() if not self._is_as(record, name, change)]

    def _take(self, cell: str, record: Record) -> None:
        for name, (before, after) in record.touches.items():
            now = self._state.get(name)
            if now is not None and now.digest == before:
                self._state[name] = _Value(after, cell)
        for name, digest in record.writes.items():
            if name in _RANDOM and not record.seeds and name not in self._state:
                continue  # nobody set a seed: no run gives the same numbers, and none is more right
            if digest is None:
                self._state.pop(name, None)
                continue
            before, now = record.reads.get(name), self._state.get(name)
            if (
                before
                and now
                and before.digest != now.digest
                and record.needs.get(name, PRESENCE) != PRESENCE
            ):
                # It needed a part of the object alone, and changed a part: the rest stays as it is.
                became = now.digest and self._journal.parts.after(now.digest, before.digest, digest)
                self._state[name] = _Value(became, cell, "" if became else "stale")
            else:
                self._state[name] = _Value(digest, cell)

    def _unknown_by_code(self, cell: str, source: str, why: str) -> None:
        names = self._journal.names_of(source)
        for name in names.binds | names.sets | (names.mutates & self._state.keys()):
            self._state[name] = _Value(None, cell, why)
        if names.seeds:
            self._state.update(dict.fromkeys(_RANDOM, _Value(None, cell, why)))

    def _is_as(self, record: Record, name: str, change: Change | None) -> bool:
        """Whether a variable would have the value that it had, as far as the cell needs it."""
        now = self._state.get(name)
        if now is None:
            return change is None or name in _RANDOM or (name in self._journal.given and not change.cell)
        if change is None:
            return False
        needs = record.needs.get(name)
        if needs == PRESENCE or now.digest == change.digest:
            return True
        if needs is None or now.digest is None:
            return False
        return self._journal.parts.are_same(now.digest, change.digest, needs)

    def _compared(self, cell: str, record: Record) -> Verdict | None:
        """Return what differs first, or None; what is gone is told before what is older."""
        found = [self._differs(cell, name, record.reads[name]) for name in self._differing(record)]
        order = ("missing", "out-of-order", "stale")
        return min(found, key=lambda one: (order.index(one.status), one.why == "stale"), default=None)

    def _differs(self, cell: str, name: str, change: Change | None) -> Verdict:
        now = self._state.get(name)
        source = change.cell if change is not None else ""
        shown = name[:_NAME]
        if name in _RANDOM and now is not None and source != cell:
            return Verdict(cell, "stale", now.why or "changed", shown, now.cell)
        if change is not None:
            verdict = self._of_another(cell, shown, source)
            if verdict is not None:
                return verdict
        if now is None:
            return Verdict(cell, "missing", "edited-away", shown, source)
        return Verdict(cell, "stale", now.why or "changed", shown, now.cell)

    def _of_another(self, cell: str, name: str, source: str) -> Verdict | None:
        """Return what to say of a value by the cell that gave it, or None when it stands above."""
        if not source:
            return Verdict(cell, "missing", "outside", name)
        if source not in self._place:
            return Verdict(cell, "missing", "gone", name)
        if source == cell:
            return Verdict(cell, "stale", "itself", name, cell)
        if self._place[source] > self._place[cell]:
            return Verdict(cell, "out-of-order", "later", name, source)
        return None


def _as_run(value: _Value) -> str:
    """Return a value as one can compare it once its cell has run; no digest begins like what is not known."""
    return f"of {value.cell}" if value.digest is None else value.digest
