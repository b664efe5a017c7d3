"""Records of cells' runs, and how they are written down as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .classes import Use
from .prints import CLASS, SHARED, Print, digest_of

PRESENCE = frozenset({"is there"})  # nothing but that the variable is there; no attribute has a blank


@dataclass(frozen=True)
class Change:
    """A value of a variable, by its fingerprint, and the cell that gave it; "" is none."""

    digest: str
    cell: str


@dataclass(frozen=True)
class Record:
    """One run of a cell. A variable that was not there has the value None.

    `shows` is a fingerprint of what it showed, "" when that is not known. `needs` has the attributes of
    variables of which it needs no more than those; `PRESENCE` of one that it only deletes. `touches` has the
    values, before and after, of variables that hold something that it changed by another name.
    """

    cell: str
    source: str
    reads: dict[str, Change | None]
    writes: dict[str, str | None]
    seeds: bool
    shows: str = ""
    needs: dict[str, frozenset[str]] = field(default_factory=dict[str, "frozenset[str]"])
    touches: dict[str, tuple[str, str]] = field(default_factory=dict[str, "tuple[str, str]"])

    def gave(self, name: str) -> str | None:
        """Return a variable's value after the run: None when it was gone, "" when that is not known."""
        if name in self.writes:
            return self.writes[name]
        change = self.reads.get(name)
        return change.digest if change else ""

    def had_same_result(self, other: Record, mutated: set[str], parts: Parts) -> bool:
        """Whether both runs of the same code showed the same and left the same behind.

        `mutated`: what the code changes in place, as far as one can see. Of an object of which the code needs
        some attributes alone, no others are compared, nor those that neither run changed.
        """
        if not self.shows or self.shows != other.shows:
            return False
        names = self.writes.keys() | other.writes.keys() | mutated
        return all(self._gave_same(other, name, parts) for name in names)

    def _gave_same(self, other: Record, name: str, parts: Parts) -> bool:
        mine, theirs = self.gave(name), other.gave(name)
        if mine == theirs:
            return mine != ""
        if not mine or not theirs or name not in self.needs or name not in other.needs:
            return False
        touched = self._changed_parts(name, parts) | other._changed_parts(name, parts)
        return parts.are_same(mine, theirs, self.needs[name] | other.needs[name] | touched)

    def _changed_parts(self, name: str, parts: Parts) -> frozenset[str]:
        before, after = self.reads.get(name), self.writes.get(name)
        return parts.differing(before.digest, after) if before and after else frozenset()


def plain_record(record: Record) -> tuple[Any, ...]:
    """Return a record as plain values."""
    reads = {name: change and (change.digest, change.cell) for name, change in record.reads.items()}
    needs = {name: sorted(attributes) for name, attributes in record.needs.items()}
    return record.cell, record.source, reads, record.writes, record.seeds, record.shows, needs, record.touches


def record_of(plain: tuple[Any, ...]) -> Record:
    """Return the record that was written down."""
    cell, source, reads, writes, seeds, shows, needs, touches = plain
    told = {name: Change(*change) if change else None for name, change in reads.items()}
    needed = {name: frozenset(attributes) for name, attributes in needs.items()}
    touched = {name: (before, after) for name, (before, after) in touches.items()}
    return Record(cell, source, told, dict(writes), seeds, shows, needed, touched)


def plain_print(found: Print) -> tuple[Any, ...]:
    """Return a fingerprint as plain values."""
    uses = [(use.gate, sorted(use.names), sorted(use.attributes), sorted(use.sets)) for use in found.uses]
    return found.digest, found.exact, uses, found.seeds, found.parts


def print_of(plain: tuple[Any, ...]) -> Print:
    """Return the fingerprint that was written down."""
    digest, exact, uses, seeds, parts = plain
    known = frozenset(Use(gate, *map(frozenset, looked)) for gate, *looked in uses)
    return Print(digest, exact, known, seeds, parts)


class Parts:
    """The attributes of objects whose fingerprints are known; of very many, the latest."""

    _MANY = 2_000

    def __init__(self) -> None:
        self.known: dict[str, dict[str, str]] = {}

    def add(self, digest: str, parts: dict[str, str]) -> None:
        """Remember the attributes of an object."""
        self.known.pop(digest, None)
        self.known[digest] = parts
        if len(self.known) > self._MANY:
            del self.known[next(iter(self.known))]

    def are_same(self, one: str, other: str, attributes: frozenset[str]) -> bool:
        """Whether two objects are of one class, and no attribute of these tells them apart."""
        if one == other:
            return True
        mine, theirs = self.known.get(one), self.known.get(other)
        if mine is None or theirs is None:
            return False
        return all(
            mine.get(key) == theirs.get(key)
            for key in mine.keys() | theirs.keys()
            if key in (CLASS, SHARED) or _is_among(key.partition(" ")[2], attributes)
        )

    def differing(self, one: str, other: str) -> frozenset[str]:
        """Return the attributes that tell two objects apart."""
        mine, theirs = self.known.get(one, {}), self.known.get(other, {})
        keys = mine.keys() | theirs.keys()
        return frozenset(key.partition(" ")[2] for key in keys if mine.get(key) != theirs.get(key))

    def after(self, now: str, before: str, later: str) -> str | None:
        """Return what becomes of an object by what made `later` of `before`; None when that is not known."""
        mine, was, is_ = self.known.get(now), self.known.get(before), self.known.get(later)
        if mine is None or was is None or is_ is None:
            return None
        made = {key: part for key, part in mine.items() if key not in was or key in is_}
        made |= {key: part for key, part in is_.items() if was.get(key) != part}
        digest = digest_of(made)
        self.add(digest, made)
        return digest


def _is_among(name: str, attributes: frozenset[str]) -> bool:
    """Whether an attribute is among these, or one that Python itself looks up."""
    return name in attributes or (name.startswith("__") and name.endswith("__") and name != "__init__")
