"""The built-in rules, read from their data files: see rules/*.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .checks import CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = ("providers.toml", "generic.toml", "personal.toml")
# A token may follow an escaped line break, which in source is a letter: "…\nghp_…".
_BEFORE = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))"
_AFTER = r"(?![A-Za-z0-9_])"


@dataclass(frozen=True)
class Rule:
    """One rule. `rank`: the lower one keeps what two of them claim.

    `before`, `after`: how far the second pass looks, in characters, from the end of its
    trigger.
    """

    id: str
    title: str
    severity: str = "high"
    kind: str = "secret"
    pattern: str = ""
    trigger: str = ""
    reader: str = ""
    """The code that decides, where a pattern cannot."""
    borders: str = "word"
    checks: tuple[str, ...] = ()
    plain: bool = False
    """Its value may look like a placeholder: its own checks know better."""
    only_names: tuple[str, ...] = ()
    rank: int = 1
    before: int = 400
    after: int = 420
    number: str = ""
    words: str = ""
    form: str = ""
    alone: bool = False
    examples: tuple[str, ...] = ()
    config_examples: tuple[str, ...] = ()
    table_examples: tuple[tuple[str, str], ...] = ()
    table_others: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()
    example_name: str = ""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern of the second pass; compiled when it is first needed."""
        if self.borders == "none" or self.kind == "personal":
            return re.compile(self.pattern)
        if "(?P<value>" in self.pattern:  # what comes before the value is its border
            return re.compile(f"(?:{self.pattern}){_AFTER}")
        return re.compile(f"{_BEFORE}(?P<value>{self.pattern}){_AFTER}")

    @cached_property
    def asks(self) -> tuple[Callable[[re.Match[str]], bool], ...]:
        """The checks of a value."""
        return tuple(CHECKS[name] for name in self.checks)

    @cached_property
    def near(self) -> re.Pattern[str] | None:
        """The words that have to be near a number, or the column's name."""
        return re.compile(self.words) if self.words else None

    @cached_property
    def own_form(self) -> re.Pattern[str] | None:
        """How a number is written that needs no words beside it."""
        return re.compile(self.form) if self.form else None


@cache
def built_in() -> tuple[Rule, ...]:
    """Return the built-in rules, in the order of their files."""
    rules: list[Rule] = []
    for name in FILES:
        text = (files("nbkeep.scanning") / "rules" / name).read_text(encoding="utf-8")
        rules.extend(_rule(entry) for entry in tomllib.loads(text)["rules"])
    return tuple(rules)


def _rule(entry: dict[str, Any]) -> Rule:
    listed: dict[str, Any] = {name: _frozen(value) for name, value in entry.items()}
    if not entry.get("trigger") and not entry.get("reader"):
        listed["trigger"] = entry["pattern"]
    return Rule(**listed)


def _frozen(value: Any) -> Any:
    """Return lists, and those in them, as tuples: a rule is never changed."""
    if isinstance(value, list):
        return tuple(_frozen(one) for one in value)  # pyright: ignore[reportUnknownVariableType]
    return value
