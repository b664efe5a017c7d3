"""Rules of an organisation or a team, from a TOML file; gitleaks' rule files are read as they are.

Their patterns run on RE2, whose time for one match is linear in the text whatever the pattern; what it takes
to find all matches is bounded by a budget (`Looked`). So no file of rules can hang a scan: what took too long
is not read, and never clean.
"""

from __future__ import annotations

import importlib
import random
import re
import time
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import invalid

from .examples import fill
from .files import read_small
from .interface import Hint, TooLong
from .placeholders import entropy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _engine() -> Any:
    """Return RE2 (which says nothing of its types), None where there is no build of it for this machine."""
    try:
        return importlib.import_module("re2")
    except ImportError:
        return None


re2 = _engine()
MOST_BYTES = 2 * 2**20
MOST_RULES = 2_000
_AS_DOCUMENTED = "Write it as docs/reference/rules.md says."
_PROGRAM = 8_000  # instructions of RE2: what a pattern may weigh, which bounds the time for each character
_PROGRAMS = 1_000_000  # of all patterns of a file
_MOST_FOUND = 20_000  # in one text; more than `Limits.findings`, so that it is told when there are more
_LEAST_S, _MIB_S = 5.0, 5.0  # of processor time for all rules on one text, and for each MiB of it
_LONGEST_EXAMPLE = 2_000
_SEVERITIES = ("low", "medium", "high", "critical")
_KNOWN = frozenset(
    ["id", "title", "description", "severity", "kind", "regex", "secretGroup", "entropy", "keywords", "path",
     "tags", "examples", "counter_examples", "allowlist", "allowlists"]
)  # fmt: skip
_TARGETS = ("secret", "match", "line")
_ALL_HOLD, _ONE_HOLDS = ("AND", "&&"), ("OR", "||")  # as gitleaks has them
_ALLOW_KNOWN = frozenset(
    ["description", "regexes", "stopwords", "regexTarget", "paths", "commits", "condition"]
)


@dataclass(slots=True)
class Looked:
    """One text while rules look through it: what they share, and what they may take together.

    `most_s`: of processor time for all of them; 0 for what a scan gives them, by the length of the text.
    """

    text: str
    most_s: float = 0.0
    data: bytes = b""
    _lower: str | None = None
    _found: int = 0
    _until_s: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.data = self.text.encode("utf-8", "replace")
        most_s = self.most_s or _LEAST_S + _MIB_S * len(self.data) / 2**20
        self._until_s = time.thread_time() + most_s

    @property
    def lower(self) -> str:
        """The text in small letters."""
        if self._lower is None:
            self._lower = self.text.lower()
        return self._lower

    def check(self, *, found: int = 0) -> None:
        """Count what was found; raise `TooLong` where that, or the time that went by, is too much."""
        self._found += found
        # Each search is linear, but all matches of `a([^b]*b)?` in a text of a's take its square.
        if self._found > _MOST_FOUND or time.thread_time() > self._until_s:
            raise TooLong


@dataclass(frozen=True, slots=True)
class Allowed:
    """What is let go: values, matches or lines that a pattern finds something in, and words in the value.

    `is_all`: only where everything that is named here holds. `has_commits`: it names some, which nothing that
    is examined here is known to be of. `heeds_names`: False where the author chooses the name.
    """

    target: str
    patterns: tuple[Any, ...]
    words: tuple[str, ...]
    paths: tuple[Any, ...]
    is_all: bool = False
    has_commits: bool = False
    heeds_names: bool = True

    def lets_go(self, value: str, whole: str, line: str, name: str) -> bool:
        """Tell whether a finding is let go."""
        text = {"match": whole, "line": line}.get(self.target, value)
        low = value.lower()
        held: list[bool] = []
        if self.patterns:
            held.append(any(pattern.search(text) for pattern in self.patterns))
        if self.words:
            held.append(any(word in low for word in self.words))
        if self.paths:
            is_meant = self.heeds_names and bool(name)
            held.append(is_meant and any(pattern.search(name) for pattern in self.paths))
        if self.has_commits:
            held.append(False)
        return bool(held) and (all(held) if self.is_all else any(held))


@dataclass(frozen=True, slots=True)
class OwnRule:
    """One rule of a file. It comes before the built-in ones where both claim the same text."""

    id: str
    kind: str
    title: str
    severity: str
    pattern: Any
    group: int
    entropy: float
    keywords: tuple[str, ...]
    path: Any
    allowed: tuple[Allowed, ...]
    heeds_names: bool = True
    rank: int = 0

    @property
    def ignores_names(self) -> bool:
        """Tell whether its author wrote of names of files, which count for nothing where it is used."""
        named = self.path is not None or any(one.paths for one in self.allowed)
        return named and not self.heeds_names

    def find(self, looked: Looked, hint: Hint) -> Iterator[tuple[int, int]]:
        """Yield where values stand, in characters. Raises `TooLong`."""
        looked.check()
        if self.heeds_names and self.path is not None and not self.path.search(hint.name):
            return
        if self.keywords and not any(word in looked.lower for word in self.keywords):
            return
        data = looked.data
        characters = _Characters(looked.text, data)
        for match in self.pattern.finditer(data):
            looked.check()
            begin, end = match.span(self._group_of(match))
            if begin < 0 or begin == end:
                continue
            value = data[begin:end].decode("utf-8", "replace")
            if self.entropy and entropy(value) < self.entropy:
                continue
            if self.allowed and any(
                one.lets_go(
                    value, match.group().decode("utf-8", "replace"), _line(data, begin, end), hint.name
                )
                for one in self.allowed
            ):
                continue
            looked.check(found=1)
            yield characters.of(begin), characters.of(end)

    def _group_of(self, match: Any) -> int:
        """Gitleaks' way: the group that is named; else the first that matched; else the whole."""
        if self.group:
            return self.group
        return next((n for n in range(1, self.pattern.groups + 1) if match.span(n)[0] >= 0), 0)


class _Characters:
    """Offsets in UTF-8 as offsets in the text. Asked in rising order, so that all answers cost one walk."""

    def __init__(self, text: str, data: bytes) -> None:
        self._same = len(text) == len(data)
        self._data, self._at, self._count = data, 0, 0

    def of(self, offset: int) -> int:
        if self._same:
            return offset
        if offset < self._at:
            self._at = self._count = 0
        self._count += len(self._data[self._at : offset].decode("utf-8", "replace"))
        self._at = offset
        return self._count


def read(path: Path) -> tuple[OwnRule, ...]:
    """Return the rules of a file. Its `examples` and `counter_examples` are tried at once.

    Raises `Invalid`, which names the rule, its line, and what to do.
    """
    try:
        data = read_small(path, MOST_BYTES)
        if data is None:
            raise invalid(
                "rules",
                f"{path} is no file, or has more than {MOST_BYTES // 2**20} MiB.",
                "Name a file of rules; split a large one.",
            )
        text = data.decode("utf-8")
    except OSError as error:
        raise invalid(
            "rules", f"{path} cannot be read: {error.strerror}.", "Name a file of rules."
        ) from error
    except UnicodeDecodeError as error:
        raise invalid("rules", f"{path} is not TOML: {error}.", _AS_DOCUMENTED) from error
    return parse(text, str(path))


def parse(
    text: str, named: str = "The file", *, tries_examples: bool = True, heeds_names: bool = True
) -> tuple[OwnRule, ...]:
    """Return the rules that a text holds, as `read` does; `named`: what messages call it.

    Takes seconds for a large one, and for a hostile one more: where nobody vouches for it, do it where time
    and memory are bounded. `tries_examples`: not where they were tried already. `heeds_names`: not where the
    author of a document chooses its name, as at gates: a rule holds whatever its `path` says then, and no
    name lets anything go. Raises `Invalid`.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no TOML, a number of a million digits, nested too deep
        raise invalid("rules", f"{named} is not TOML: {str(error)[:200]}.", _AS_DOCUMENTED) from error
    if re2 is None:
        raise invalid(
            "rules",
            "Own rules need RE2, for which google-re2 has no build for this machine.",
            "Scan without own rules here, or on Linux (x86-64, ARM), macOS (ARM) or Windows.",
        )
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[rules]]"]
    entries: Any = document.get("rules", [])
    if not isinstance(entries, list) or not entries or len(entries) > MOST_RULES:  # pyright: ignore[reportUnknownArgumentType]
        raise invalid("rules", f"{named} has no [[rules]], or more than {MOST_RULES}.", "Add at least one.")
    everywhere = _Reader(named, None, heeds_names=heeds_names).allowed(document)
    seen: dict[str, str] = {}
    rules: list[OwnRule] = []
    weight = 0
    for number, entry in enumerate(entries):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        place = f"{named}, line {lines[number]}" if number < len(lines) else f"{named}, rule {number + 1}"
        reader = _Reader(place, entry, heeds_names=heeds_names)
        if isinstance(entry, dict) and "path" in entry and "regex" not in entry:
            continue  # gitleaks' rules about whole files: what may leave is not decided by a file's name here
        rule = reader.rule(everywhere)
        if rule.id in seen:
            raise reader.wrong(
                "has an id that is taken", f"Name it otherwise than the one of {seen[rule.id]}."
            )
        weight += rule.pattern.programsize
        if weight > _PROGRAMS:
            raise reader.wrong(
                f"makes all patterns have more than {_PROGRAMS:,} steps", "Repeat less often, or drop some."
            )
        seen[rule.id] = place
        if tries_examples:
            reader.try_out(rule)
        rules.append(rule)
    return tuple(rules)


class _Reader:
    """One entry of a file, and how to say what is wrong with it."""

    def __init__(self, place: str, entry: Any, *, heeds_names: bool) -> None:
        self._place = place
        self._heeds_names = heeds_names
        self._entry: dict[str, Any] = entry if isinstance(entry, dict) else {}

    def wrong(self, what: str, remedy: str) -> Exception:
        named = str(self._entry.get("id", "")) or "without an id"
        return invalid("rules", f"{self._place}: rule {named[:80]} {what}.", remedy)

    def rule(self, everywhere: tuple[Allowed, ...]) -> OwnRule:
        entry = self._entry
        unknown = sorted(set(entry) - _KNOWN)
        if unknown:
            raise self.wrong(
                f"has unknown keys: {', '.join(unknown)}", f"Known are {', '.join(sorted(_KNOWN))}."
            )
        ident = self._text("id")
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,79}", ident):
            raise self.wrong(
                "has no proper id", "Give it one of small letters, digits, - _ and ., e.g. acme-api-key."
            )
        severity = entry.get("severity", "high")
        if not isinstance(severity, str) or severity not in _SEVERITIES:
            raise self.wrong(f"has no severity {severity!r}", f"Choose one of {', '.join(_SEVERITIES)}.")
        kind = entry.get("kind", "secret")
        if kind not in ("secret", "personal"):
            raise self.wrong(f"has no kind {kind!r}", "Choose secret or personal.")
        pattern = self._pattern("regex", self._text("regex"))
        group = entry.get("secretGroup", 0)
        if not isinstance(group, int) or not 0 <= group <= pattern.groups:
            raise self.wrong(f"has no group {group!r}", f"Its regex has {pattern.groups}.")
        least = entry.get("entropy", 0)
        if not isinstance(least, int | float) or not 0 <= least <= 8:
            raise self.wrong("has no proper entropy", "Give bits for each character, from 0 to 8.")
        title = str(entry.get("title") or ident)[:80]
        if not title.isprintable():
            raise self.wrong(
                "has a title with what cannot be shown", "Write it on one line, in plain letters."
            )
        return OwnRule(
            id=ident,
            kind=kind,
            title=title,
            severity=severity,
            pattern=pattern,
            group=group,
            entropy=float(least),
            keywords=tuple(word.lower() for word in self._texts("keywords")),
            path=self._pattern("path", entry["path"]) if entry.get("path") else None,
            allowed=self.allowed(entry) + everywhere,
            heeds_names=self._heeds_names,
        )

    def allowed(self, owner: dict[str, Any]) -> tuple[Allowed, ...]:
        """Return the allow-lists of a rule, or of the file."""
        several = owner.get("allowlists", [])
        given: list[Any] = [*several] if isinstance(several, list) else [several]  # pyright: ignore[reportUnknownVariableType]
        if "allowlist" in owner:
            given.append(owner["allowlist"])
        return tuple(self._allowed(one) for one in given)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

    def _allowed(self, one: Any) -> Allowed:
        if not isinstance(one, dict) or set(one) - _ALLOW_KNOWN:  # pyright: ignore[reportUnknownArgumentType]
            raise self.wrong(
                "has an allowlist with unknown keys", f"Known are {', '.join(sorted(_ALLOW_KNOWN))}."
            )
        given: dict[str, Any] = {**one, "id": self._entry.get("id", "of the file")}
        inner = _Reader(self._place, given, heeds_names=self._heeds_names)
        return Allowed(
            inner._word("regexTarget", _TARGETS),
            tuple(inner._pattern("allowlist", text) for text in inner._texts("regexes")),
            tuple(word.lower() for word in inner._texts("stopwords")),
            tuple(inner._pattern("allowlist", text) for text in inner._texts("paths")),
            is_all=inner._word("condition", (*_ALL_HOLD, *_ONE_HOLDS)) in _ALL_HOLD,
            has_commits=bool(inner._texts("commits")),
            heeds_names=self._heeds_names,
        )

    def _word(self, key: str, known: tuple[str, ...]) -> str:
        """Return one of some words, or "": another is never passed over, as less might be found then."""
        word = self._entry.get(key, "")
        if not isinstance(word, str) or word not in ("", *known):
            raise self.wrong(
                f"has an allowlist whose {key} is {str(word)[:40]!r}",
                f"Known are {', '.join(known)}.",
            )
        return word

    def try_out(self, rule: OwnRule) -> None:
        """Raise `Invalid` where a rule does not find its own examples, or finds a counter-example."""
        for key, ought in (("examples", True), ("counter_examples", False)):
            for template in self._texts(key):
                if len(template) > _LONGEST_EXAMPLE:
                    raise self.wrong(
                        f"has an example of {len(template):,} characters", f"At most {_LONGEST_EXAMPLE:,}."
                    )
                try:
                    text = fill(template, random.Random(rule.id))  # noqa: S311 - examples, not keys
                except (KeyError, ValueError) as error:
                    raise self.wrong(
                        f"has an example with no field {error}", "Write {{ for a brace."
                    ) from error
                if any(True for _ in rule.find(Looked(text), Hint("text"))) is not ought:
                    said = "does not find its example" if ought else "finds its counter-example"
                    raise self.wrong(f"{said} {template[:60]!r}", "Change the regex or the example.")

    def _text(self, key: str) -> str:
        value = self._entry.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(f"has no {key}", f'Add {key} = "…".')
        return value

    def _texts(self, key: str) -> list[str]:
        value = self._entry.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):  # pyright: ignore[reportUnknownVariableType]
            raise self.wrong(f"has {key} that are no list of texts", f'Write {key} = ["…"].')
        return value  # pyright: ignore[reportUnknownVariableType]

    def _pattern(self, key: str, text: Any) -> Any:
        if not isinstance(text, str):
            raise self.wrong(f"has a {key} that is no text", f"Write {key} = '''…'''.")
        options = re2.Options()
        options.log_errors = False
        try:
            pattern = re2.compile(text, options)
        except re2.error as error:
            said = (
                error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
            )
            raise self.wrong(
                f"has a {key} that RE2 does not take ({said[:120]})",
                "Look-around and references back are not there: https://github.com/google/re2/wiki/Syntax.",
            ) from error
        if pattern.programsize > _PROGRAM:
            raise self.wrong(
                f"has a {key} of {pattern.programsize} steps (at most {_PROGRAM})", "Repeat less often."
            )
        return pattern


def _line(data: bytes, begin: int, end: int) -> str:
    start = data.rfind(b"\n", max(0, begin - 1000), begin) + 1
    stop = data.find(b"\n", end, end + 1000)
    return data[max(start, begin - 1000) : stop if stop >= 0 else end + 1000].decode("utf-8", "replace")
