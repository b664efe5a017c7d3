"""What each cell read and changed when it last ran."""

from __future__ import annotations

import hashlib
import marshal
import re
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .names import Names, names_of
from .prints import Print, Printer, Serials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What a cell that draws random numbers reads and changes, by the module of the generator that all share.
RANDOM = {
    "random": "random numbers",
    "numpy.random": "NumPy's random numbers",
    "torch": "PyTorch's random numbers",
}
_HIDDEN = re.compile(r"_+\d*|_i+\d*|_[iod]h|In|Out|exit|quit|get_ipython|open|__\w+__|_exit_code")
_TAKE = {"random": "getstate", "numpy.random": "get_state", "torch": "get_rng_state"}
_RECORDS = 5_000
_SOURCE_BYTES = 1 << 20
_KEPT_SIZE = 2 << 20  # bytes, about, that are kept of the records when a session is suspended
# Of a cell's time, and what there is for every cell, after it has answered: a variable takes some 20 µs.
_SHARE = 0.02
_FLOOR_S = 0.003
_SAVED_S = 0.1  # that quiet cells leave to later ones


@dataclass(frozen=True)
class Change:
    """A value of a variable, by its fingerprint, and the cell that gave it; "" is none."""

    digest: str
    cell: str


@dataclass(frozen=True)
class Record:
    """One run of a cell. A variable that was not there has the value None."""

    cell: str
    source: str
    reads: dict[str, Change | None]
    writes: dict[str, str | None]
    seeds: bool


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
        return self._uses(names.reads | self._looked_up(names))

    def ran(self, cell: str, source: str, took_s: float, *, is_whole: bool, went: bool) -> None:
        """Remember that a cell has just run; `cell` is "" for code that is in no cell, as a console's.

        `went`: it ended without an error; a cell that failed has bound only what is seen to have changed.
        While memory of a restore is still on its way (not `is_whole`), only what the cell names is looked at:
        for that memory the cell has waited.
        """
        started_s = time.perf_counter()
        limit_s = _FLOOR_S + _SHARE * took_s + self._saved_s
        names = self.names_of(source[:_SOURCE_BYTES])
        if not went:
            names.surely_binds = set()
        before = {name: known.change for name, known in self._known.items()}
        self._before = before
        uses = self._uses(names.reads | self._looked_up(names))
        changed = self._look(cell, names, started_s + limit_s, is_whole=is_whole)
        # Functions that the cell made and called itself look up names, too.
        inner = self._uses(names.loads & names.binds) - names.binds
        reads = {name: before.get(name) for name in (uses | inner) if not _is_hidden(name)}
        reads |= {name: before[name] for name in changed if name not in names.binds and name in before}
        writes = {name: change.digest if change else None for name, change in changed.items()}
        writes |= self._given_again(cell, source, names.binds - writes.keys())
        seeds = names.seeds or self._seeds(uses | inner)
        self._look_at_random(cell, reads, writes, seeds=seeds)
        record = Record(cell, source, reads, writes, seeds)
        self.records.append(record)
        if len(self.records) > _RECORDS:
            del self.records[: _RECORDS // 5]
        if cell:
            self.last[cell] = record
        left_s = limit_s - (time.perf_counter() - started_s)
        self._saved_s = min(max(left_s, -10 * _SAVED_S), _SAVED_S)

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

    def _uses(self, names: Iterable[str]) -> set[str]:
        """Return names, and those that functions in their values look up."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                known = self._known.get(name)
                if known is not None:
                    waiting.extend(known.print.uses)
        return found

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
        try:
            found = self._printer.of(value, until)
        except Exception:  # noqa: BLE001  no time, or an object that cannot be taken apart
            if known is not None and same and version == known.version:
                return None
            uses = frozenset(names.deferred.get(name, ()))
            found = Print(f"?{self._printer.serials.new()}", exact=True, uses=uses)
        if name in names.deferred:
            found = Print(found.digest, found.exact, found.uses | names.deferred[name], found.seeds)
        digest = found.digest if found.exact else f"{found.digest}+{version}"
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
            "records": [_as_plain(record) for record in reversed(many)],
            "known": {
                name: (
                    one.change.digest,
                    one.change.cell,
                    one.print.exact,
                    sorted(one.print.uses),
                    one.version,
                )
                for name, one in self._known.items()
            },
            "random": {name: (change.digest, change.cell) for name, change in self._random.items()},
            "seeded": sorted(self._seeded),
            "given": sorted(self.given),
        }

    def take(self, kept: dict[str, Any]) -> None:
        """Remember what `kept` returned in an earlier kernel, whose variables are there again."""
        self.given = frozenset(kept["given"])
        self.records = [_from_plain(*one) for one in kept["records"]]
        self.last = {record.cell: record for record in self.records if record.cell}
        for name, (digest, cell, exact, uses, version) in kept["known"].items():
            if name not in self._namespace:
                continue  # it could not be kept
            found = Print(digest, exact, frozenset(uses))
            self._known[name] = _Known(found, None, version, Change(digest, cell))
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

    def _look_at_random(
        self, cell: str, reads: dict[str, Change | None], writes: dict[str, str | None], *, seeds: bool
    ) -> None:
        for name, digest in _random_digests():
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


def _as_plain(record: Record) -> tuple[Any, ...]:
    reads = {name: change and (change.digest, change.cell) for name, change in record.reads.items()}
    return record.cell, record.source, reads, record.writes, record.seeds


def _from_plain(cell: str, source: str, reads: Any, writes: Any, seeds: bool) -> Record:  # noqa: FBT001
    told = {name: Change(*change) if change else None for name, change in reads.items()}
    return Record(cell, source, told, dict(writes), seeds)


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


def _is_hidden(name: str) -> bool:
    return _HIDDEN.fullmatch(name) is not None


def _random_digests() -> Iterator[tuple[str, str]]:
    """Yield the state of each random generator that the session has imported and that everybody shares."""
    for module, name in RANDOM.items():
        take: Any = getattr(sys.modules.get(module), _TAKE[module], None)
        if take is not None:
            state: Any = take()
            if module == "torch":
                data = bytes(state.numpy())
            else:
                data = marshal.dumps([one.tobytes() if hasattr(one, "tobytes") else one for one in state], 2)
            yield name, hashlib.blake2b(data, digest_size=16).hexdigest()
