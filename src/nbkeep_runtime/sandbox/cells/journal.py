"""What each cell read and changed when it last ran."""

from __future__ import annotations

import re
import sys
import time
import types
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .classes import Use
from .generators import random_digests
from .isolated import attempt
from .names import Names, names_of
from .prints import Print, Printer, Serials
from .reach import Reach, follows, reach_of
from .records import PRESENCE, Change, Parts, Record, plain_print, plain_record, print_of, record_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

_HIDDEN = re.compile(r"_+\d*|_i+\d*|_[iod]h|In|Out|exit|quit|get_ipython|open|__\w+__|_exit_code")
_MISSING = re.compile(r"name '(\w+)' is not defined")
_RECORDS = 5_000
_SOURCE_BYTES = 1 << 20
_KEPT_SIZE = 2 << 20  # bytes, about, that are kept of the records when a session is suspended
# Of a cell's time, and what there is for every cell, after it has answered: a variable takes some 20 µs.
_SHARE = 0.02
_FLOOR_S = 0.003
_SAVED_S = 0.1  # that quiet cells leave to later ones


@dataclass
class _Known:
    print: Print
    ident: int | None  # None: of an earlier kernel, and not looked at since
    version: int
    change: Change


class Journal:
    """The records of a kernel's cells; of the main thread."""

    def __init__(self, shell: Any, before: Iterable[str]) -> None:
        """`before`: the names that were there before the first cell ran."""
        self._shell = shell
        self._namespace: dict[str, Any] = shell.user_ns
        self.given = frozenset(before)
        self.records: list[Record] = []
        self.last: dict[str, Record] = {}
        self._known: dict[str, _Known] = {}
        self.parts = Parts()
        self._printer = Printer(self._namespace, Serials())
        self._saved_s = 0.0
        self._before: dict[str, Change] = {}  # the values before the cell that has just run
        self._random: dict[str, Change] = {}
        self._seeded: set[str] = set()

    def names_of(self, source: str) -> Names:
        """Return the names of a cell's code; magics are understood as IPython does."""
        return names_of(source, self._shell.transform_cell)

    @property
    def names(self) -> frozenset[str]:
        """The variables of now."""
        return frozenset(name for name in list(self._namespace) if not _is_hidden(name))

    @property
    def digests(self) -> dict[str, str]:
        """The fingerprints of the variables of now."""
        known = {name: one.change.digest for name, one in self._known.items()}
        return known | {name: change.digest for name, change in self._random.items()}

    def inputs_of(self, source: str) -> set[str]:
        """Return what code would read that has not run, as far as it tells."""
        names = self.names_of(source)
        return self._reach(names, names.reads).names

    def ran(
        self,
        cell: str,
        source: str,
        took_s: float,
        *,
        is_whole: bool,
        went: bool,
        shows: str = "",
        missing: str = "",
    ) -> None:
        """Remember that a cell has just run; `cell` is "" for code that is in no cell, as a console's.

        `went`: it ended without an error; a cell that failed has bound only what is seen to have changed.
        `shows` is a fingerprint of what it showed, `missing` the message of its `NameError`.
        While memory of a restore is still on its way (not `is_whole`), only what the cell names is looked at:
        for that memory the cell has waited.
        """
        started_s = time.perf_counter()
        limit_s = _FLOOR_S + _SHARE * took_s + self._saved_s
        names = self.names_of(source[:_SOURCE_BYTES])
        if not went:
            names.surely_binds = set()
        before = {name: known.change for name, known in self._known.items()}
        places = {name: known.ident for name, known in self._known.items()}
        self._before = before
        came_to = self._came_to(names, missing)
        uses = self._reach(names, came_to)
        parts_before = self._parts_of(names.mutates)
        changed = self._look(cell, names, started_s + limit_s, is_whole=is_whole)
        # Functions that the cell made and called itself look up names, too.
        inner = self._reach(names, names.loads & names.binds)
        inner.names -= names.binds
        reads = {name: before.get(name) for name in (uses.names | inner.names) if not _is_hidden(name)}
        touches = self._touched(cell, changed, places, names.binds | names.mutates | reads.keys())
        writes = {name: one.digest if one else None for name, one in changed.items() if name not in touches}
        given = names.binds | uses.sets | inner.sets
        reads |= {name: before[name] for name in writes if name not in given and name in before}
        writes |= self._given_again(cell, source, given - writes.keys())
        seeds = names.seeds or self._seeds(uses.names | inner.names)
        self._look_at_random(cell, reads, writes, seeds=seeds)
        needs = self._needs(names, uses, inner, parts_before)
        record = Record(cell, source, reads, writes, seeds, shows, needs, touches)
        self.records.append(record)
        if len(self.records) > _RECORDS:
            del self.records[: _RECORDS // 5]
        if cell:
            self.last[cell] = record
        left_s = limit_s - (time.perf_counter() - started_s)
        self._saved_s = min(max(left_s, -10 * _SAVED_S), _SAVED_S)

    def _touched(
        self,
        cell: str,
        changed: dict[str, Change | None],
        places: dict[str, int | None],
        named: AbstractSet[str],
    ) -> dict[str, tuple[str, str]]:
        """Return what changed, before and after, though the cell does not reach it: it holds what changed.

        What the cell itself had changed before is an input: a library may hold it, such as a figure.
        """
        return {
            name: (self._before[name].digest, change.digest)
            for name, change in changed.items()
            if change is not None and name not in named and name in self._before
            if places[name] == id(self._namespace.get(name)) and self._before[name].cell != cell
        }

    def _came_to(self, names: Names, missing: str) -> list[str]:
        """Return the names that a cell came to; all, unless it failed for want of one."""
        many = list(names.reads)
        found = _MISSING.match(missing)
        if found is None or found[1] not in names.reads or found[1] in self._namespace:
            return many
        return many[: many.index(found[1]) + 1]

    def _given_again(self, cell: str, source: str, names: set[str]) -> dict[str, str | None]:
        """Return what a branch or a loop gave before and, as far as one can see, has given again."""
        earlier = self.last.get(cell)
        if earlier is None or earlier.source != source:
            return {}
        found: dict[str, str | None] = {}
        for name in names & earlier.writes.keys() & self._known.keys():
            known = self._known[name]
            if known.change.digest == earlier.writes[name]:
                known.change = Change(known.change.digest, cell)
                found[name] = known.change.digest
        return found

    def _looked_up(self, names: Names) -> set[str]:
        """Return the variables that texts may name, in the code or in a text that it hands over."""
        words = set(names.words)
        for word in names.words:
            value = self._namespace.get(word[1:]) if word.startswith("=") else None
            if type(value) is str:
                words.update(re.findall(r"[^\W\d]\w*", value[:_SOURCE_BYTES]))
        return words & set(self._known)

    def _reach(self, names: Names, start: Iterable[str]) -> Reach:
        """Return what code reaches from some of its names."""
        passed = {
            one
            for called, many in names.passed.items()
            if not follows(self._namespace.get(called), self._namespace)
            for one in many
        }
        looked_up = self._looked_up(names)
        found = reach_of({*start, *looked_up}, names.attributes, passed, self._print_of)
        found.through |= looked_up
        return found

    def _print_of(self, name: str) -> Print | None:
        known = self._known.get(name)
        return known.print if known is not None else None

    def _parts_of(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        found = ((name, self._print_of(name)) for name in names)
        return {name: one.parts for name, one in found if one is not None and one.parts is not None}

    def _needs(
        self, names: Names, uses: Reach, inner: Reach, before: dict[str, dict[str, str]]
    ) -> dict[str, frozenset[str]]:
        """Return of which variables not all was needed, and what of them."""
        through = uses.through | inner.names
        needs = {name: PRESENCE for name in names.reads if name not in names.loads | through}
        if uses.is_whole or inner.is_whole:
            return needs
        after = self._parts_of(names.mutates)
        for name in (uses.names & names.loads) - names.wholes - through - names.binds:
            mine = after.get(name, {})
            # What is set is no input; but where it had that value before, one cannot tell that it was set.
            kept = {
                one
                for one in names.stores
                if before.get(name, {}).get(f"own {one}") == mine.get(f"own {one}")
            }
            sets = kept if name in names.mutates else set[str]()
            needs[name] = frozenset(uses.attributes | inner.attributes | sets)
        return needs

    def _seeds(self, names: Iterable[str]) -> bool:
        return any(self._known[name].print.seeds for name in names if name in self._known)

    def _look(self, cell: str, names: Names, until: float, *, is_whole: bool) -> dict[str, Change | None]:
        """Take fingerprints of what is there now, what the cell names first; return what changed."""
        changed: dict[str, Change | None] = {}
        there = self.names
        for name in [name for name in self._known if name not in there]:
            del self._known[name]
            changed[name] = None
        self._add_sharing(names.mutates)
        named = names.loads | names.binds | names.mutates
        for name in sorted(there if is_whole else there & named, key=lambda name: name not in named):
            if name in self.given and name not in self._known and name not in names.binds:
                continue
            change = self._look_at(name, cell, names, until)
            if change is not None:
                changed[name] = change
        return changed

    def _add_sharing(self, mutated: set[str]) -> None:
        """Add arrays that share memory with one that is changed: a sample may not show it."""
        inexact = [name for name, known in self._known.items() if not known.print.exact]
        places = {name: _place(self._namespace.get(name)) for name in {*inexact, *mutated}}
        for start, end in [places[name] for name in mutated]:
            mutated.update(name for name in inexact if places[name][0] < end and start < places[name][1])

    def _look_at(self, name: str, cell: str, names: Names, until: float) -> Change | None:
        value = self._namespace.get(name)
        known = self._known.get(name)
        is_back = known is not None and known.ident is None and name not in names.binds
        same = is_back or (known is not None and known.ident == id(value))
        version = known.version if known is not None and same else 0
        if known is not None and same and name in names.mutates and name not in names.binds:
            version += 1
        found: Print | None = attempt(lambda: self._printer.of(value, until))
        if found is None:  # no time, or an object that cannot be taken apart
            if known is not None and same and version == known.version:
                return None
            found = Print(f"?{self._printer.serials.new()}", exact=True, uses=frozenset())
        if name in names.deferred and not _is_open(value):
            inside = Use("", frozenset(names.deferred[name]), frozenset(names.attributes), frozenset())
            found = replace(found, uses=found.uses | {inside})
        digest = found.digest if found.exact else f"{found.digest}+{version}"
        if found.exact and found.parts is not None:
            self.parts.add(digest, found.parts)
        if known is not None and known.change.digest == digest:
            is_given = name in names.surely_binds
            mine = Change(digest, cell) if is_given else known.change
            self._known[name] = _Known(found, id(value), version, mine)
            return mine if is_given else None
        if known is not None and is_back and name not in names.mutates:
            # Brought back by a restore, as another object: its value is the one that it had.
            self._rename(name, known.change.digest, digest)
            self._known[name] = _Known(found, id(value), version, Change(digest, known.change.cell))
            return None
        change = Change(digest, cell)
        self._known[name] = _Known(found, id(value), version, change)
        return change

    def kept(self) -> dict[str, Any]:
        """Return what is remembered as plain values; of very much, the latest."""
        size, many = 0, list[Record]()
        for record in reversed(self.records):
            size += len(record.source) + 100 * (len(record.reads) + len(record.writes))
            if size > _KEPT_SIZE:
                break
            many.append(record)
        return {
            "records": [plain_record(record) for record in reversed(many)],
            "known": {
                name: (plain_print(one.print), one.change.digest, one.change.cell, one.version)
                for name, one in self._known.items()
            },
            "random": {name: (change.digest, change.cell) for name, change in self._random.items()},
            "parts": self.parts.known,
            "seeded": sorted(self._seeded),
            "given": sorted(self.given),
        }

    def take(self, kept: dict[str, Any]) -> None:
        """Remember what `kept` returned in an earlier kernel, whose variables are there again."""
        self.given = frozenset(kept["given"])
        self.records = [record_of(one) for one in kept["records"]]
        self.last = {record.cell: record for record in self.records if record.cell}
        self.parts.known = dict(kept["parts"])
        for name, (found, digest, cell, version) in kept["known"].items():
            if name not in self._namespace:
                continue  # it could not be kept
            self._known[name] = _Known(print_of(found), None, version, Change(digest, cell))
        self._random = {name: Change(*change) for name, change in kept["random"].items()}
        self._seeded = set(kept["seeded"])

    def _rename(self, name: str, old: str, new: str) -> None:
        """Give a value of a variable another fingerprint, wherever it is remembered."""
        if name in self._before:
            self._before[name] = Change(new, self._before[name].cell)
        for record in self.records:
            change = record.reads.get(name)
            if change is not None and change.digest == old:
                record.reads[name] = Change(new, change.cell)
            if record.writes.get(name) == old:
                record.writes[name] = new
            if name in record.touches:
                before, after = record.touches[name]
                record.touches[name] = (new if before == old else before, new if after == old else after)

    def _look_at_random(
        self, cell: str, reads: dict[str, Change | None], writes: dict[str, str | None], *, seeds: bool
    ) -> None:
        for name, digest in random_digests():
            before = self._random.get(name)
            has_changed = before is not None and digest != before.digest
            self._random[name] = Change(digest, cell) if has_changed or before is None else before
            if seeds and (before is None or has_changed or digest in self._seeded):
                self._seeded.add(digest)
                self._random[name] = Change(digest, cell)
                writes[name] = digest
            elif has_changed:
                reads[name] = before
                writes[name] = digest


def _place(value: object) -> tuple[int, int]:
    """Return where the memory of an array begins and ends; of anything else nothing."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or type(value) is not getattr(numpy, "ndarray", None):
        return 0, 0
    array: Any = value
    start: int = array.__array_interface__["data"][0]
    steps = [(length - 1) * stride for length, stride in zip(array.shape, array.strides, strict=True)]
    if array.size == 0:
        return start, start
    end = start + array.itemsize + sum(step for step in steps if step > 0)
    return start + sum(step for step in steps if step < 0), end


def _is_open(value: object) -> bool:
    """Whether all functions in a value are found by looking into it."""
    return type(value) in (types.FunctionType, type)


def _is_hidden(name: str) -> bool:
    return _HIDDEN.fullmatch(name) is not None
