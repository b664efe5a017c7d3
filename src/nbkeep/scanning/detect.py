"""Finds secrets and personal data in one text: one pass for all rules, then each rule's own look."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from . import assignments, engines, people, personal, rulebook
from .interface import Hit
from .placeholders import is_stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from .interface import Detector, Hint
    from .ownrules import OwnRule

    _Claim = tuple[int, rulebook.Rule | OwnRule, int, int]

_CELL = re.compile(r"(?:^|(?<=\n))[\s\"']*(?P<value>[+(]?[0-9][0-9 ().\-/]{5,18}[0-9])(?=[\s\"']*(?:\n|$))")
_OF_TABLES = frozenset({"number", "phone", "names", "addresses", "births"})
_STAND_IN_HEAD = 100  # of a long key: a word in the rest of it is there by chance


@cache
def standard() -> Detector:
    """Return the detector of the built-in rules; made once in each process."""
    return Standard()


def with_rules(path: Path) -> Detector:
    """Return the detector of the built-in rules and of those in a file: see docs/reference/rules.md.

    Raises `Invalid` with the rule, its line and what to do for a file that is not as it should be.
    """
    from .ownrules import read  # noqa: PLC0415 - needs a library that the built-in rules do without

    return Standard(own=read(path))


@lru_cache(maxsize=2)
def with_text(rules: str) -> Detector:
    """Return the detector of the built-in rules and of the organisation's own: see detection/records.py.

    `rules`: TOML, "" for none. Raises `Invalid` for what is not as it should be: then nothing can be
    examined, and whatever was to be is unread. Call it where documents are read: in a process whose time and
    memory are bounded. Names of files count for nothing in them: who wrote a document chose its name.
    """
    if not rules:
        return standard()
    from .ownrules import parse  # noqa: PLC0415 - needs a library that the built-in rules do without

    return Standard(own=parse(rules, tries_examples=False, heeds_names=False))


class Standard:
    """The built-in rules, and those of an organisation. May be used by several threads."""

    def __init__(
        self, engine: Callable[[Sequence[str]], engines.FirstPass] | None = None, own: Sequence[OwnRule] = ()
    ) -> None:
        self._rules = rulebook.built_in()
        triggers = [engines.shortened(rule.trigger) if not rule.only_names else "" for rule in self._rules]
        self._first = engines.best(triggers) if engine is None else engine(triggers)
        self._named = [rule for rule in self._rules if rule.only_names]
        self._own = tuple(own)
        self._titles = frozenset(rule.title for rule in (*self._rules, *self._own))
        self._of_tables = [
            rule for rule in self._rules if rule.reader in _OF_TABLES or rule.id == "assigned-password"
        ]

    @property
    def rules(self) -> frozenset[str]:
        """The ids of all rules."""
        return frozenset(rule.id for rule in (*self._rules, *self._own))

    @property
    def titles(self) -> frozenset[str]:
        """The titles of all rules."""
        return self._titles

    @property
    def engine(self) -> str:
        """The name of the first pass's engine."""
        return self._first.name

    def find(self, text: str, hint: Hint) -> list[Hit]:
        """Return what is in `text`, in its order, no two of them on the same characters."""
        if not text:
            return []
        claims: list[_Claim] = []
        for number, ends in self._first.find(text).items():
            rule = self._rules[number]
            matches = (
                assignments.after(text, ends) if rule.reader == "assignment" else _around(rule, text, ends)
            )
            claims.extend((rule.rank, rule, begin, end) for begin, end in _decide(rule, matches, text, hint))
        for rule in self._named:
            if any(hint.name.endswith(name) for name in rule.only_names):
                matches = rule.regex.finditer(text)
                claims.extend(
                    (rule.rank, rule, begin, end) for begin, end in _decide(rule, matches, text, hint)
                )
        if hint.kind == "table":
            claims.extend(self._of_column(text, hint))
        if self._own:
            claims += _covering(self._of_own(text, hint), claims)
        return _settled(claims)

    def _of_own(self, text: str, hint: Hint) -> Iterator[_Claim]:
        # Raises `TooLong`: who looks through a document takes it for unread then.
        from .ownrules import Looked  # noqa: PLC0415 - there are own rules, so its library is there

        looked = Looked(text)
        for own in self._own:
            for begin, end in own.find(looked, hint):
                yield own.rank, own, begin, end

    def _of_column(self, text: str, hint: Hint) -> Iterator[tuple[int, rulebook.Rule, int, int]]:
        # What only the column's name tells.
        for rule in self._of_tables:
            if rule.reader == "number" and rule.near is not None and rule.near.search(hint.column):
                spans = personal.numbers(rule, rule.regex.finditer(text), text, hint)
            elif rule.reader == "phone" and personal.PHONE_WORDS.search(hint.column):
                spans = personal.phones(_cells(text), text, hint)
            elif rule.reader == "names":
                spans = people.names(hint.column, text)
            elif rule.reader == "addresses":
                spans = people.addresses(hint.column, text)
            elif rule.reader == "births":
                spans = people.births(hint.column, text)
            elif rule.id == "assigned-password":
                spans = people.secrets(hint.column, text)
            else:
                continue
            yield from ((rule.rank, rule, begin, end) for begin, end in spans)


def _around(rule: rulebook.Rule, text: str, ends: list[int]) -> Iterator[re.Match[str]]:
    """Look with a rule's own pattern around where its trigger was seen."""
    begin = stop = -1
    for end in sorted(ends):
        if begin >= 0 and end - rule.before <= stop:
            stop = end + rule.after
            continue
        if begin >= 0:
            yield from rule.regex.finditer(text, begin, stop)
        begin, stop = max(0, end - rule.before, stop), end + rule.after
    if begin >= 0:
        yield from rule.regex.finditer(text, begin, stop)


def _decide(
    rule: rulebook.Rule, matches: Iterator[re.Match[str]], text: str, hint: Hint
) -> Iterator[tuple[int, int]]:
    match rule.reader:
        case "assignment":
            yield from assignments.values(matches, text, hint.kind, password=rule.id == "assigned-password")
        case "email":
            yield from personal.emails(matches, text)
        case "phone":
            yield from personal.phones(matches, text, hint)
        case "number":
            yield from personal.numbers(rule, matches, text, hint)
        case "ip":
            yield from personal.addresses_of_machines(matches, text)
        case _:
            yield from (found.span("value") for found in matches if _holds(rule, found))


def _holds(rule: rulebook.Rule, found: re.Match[str]) -> bool:
    if not rule.plain and is_stand_in(found["value"][:_STAND_IN_HEAD]):
        return False
    return all(ask(found) for ask in rule.asks)


def _cells(text: str) -> Iterator[re.Match[str]]:
    return _CELL.finditer(text)


def _covering(own: Iterator[_Claim], others: list[_Claim]) -> list[_Claim]:
    """Return claims of own rules, as wide as all claims of the same kind that they overlap.

    They come before those, so a rule that finds the first letters of a key would else leave the rest of it in
    clear where what was found is taken out.
    """
    spans: dict[str, list[tuple[int, int]]] = {}
    for _rank, rule, begin, end in sorted(others, key=lambda claim: claim[2]):
        joined = spans.setdefault(rule.kind, [])
        if joined and begin < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    found: list[_Claim] = []
    for rank, rule, begin, end in own:
        of_kind = spans.get(rule.kind, [])
        first = bisect_right(of_kind, begin, key=lambda span: span[1])
        last = bisect_left(of_kind, end, key=lambda span: span[0])
        for one in of_kind[first:last]:
            begin, end = min(begin, one[0]), max(end, one[1])  # noqa: PLW2901  it grows
        found.append((rank, rule, begin, end))
    return found


def _settled(claims: list[_Claim]) -> list[Hit]:
    """Return one hit for each stretch of text: of the most telling rule, and of those the longest."""
    claims.sort(key=lambda claim: (claim[1].kind != "secret", claim[0], claim[2] - claim[3], claim[2]))
    taken: list[tuple[int, int]] = []
    hits: list[Hit] = []
    for _rank, rule, begin, end in claims:
        at = bisect_left(taken, (begin, end))
        if (at < len(taken) and taken[at][0] < end) or (at and taken[at - 1][1] > begin):
            continue
        taken.insert(at, (begin, end))
        hits.append(Hit(rule.id, rule.kind, rule.title, rule.severity, begin, end))
    hits.sort(key=lambda hit: hit.begin)
    return hits
