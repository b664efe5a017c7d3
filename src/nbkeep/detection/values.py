"""The words of this room: rules of an organisation, what a check of them said, who may set and see them."""

from __future__ import annotations

from dataclasses import dataclass, field

ADMIN, READ = "admin:releases", "audit:read"
"""Who decides what may leave decides what is found; who reads the audit may see it."""


@dataclass(frozen=True, slots=True)
class OwnRules:
    """The rules of the organisation: TOML, as `scanning.detect.with_text` takes it, and its SHA-256 in hex.

    Both are "" where there are none.
    """

    text: str = field(default="", repr=False)
    sha256: str = ""


NONE = OwnRules()


@dataclass(frozen=True, slots=True)
class RuleWords:
    """What people are told of a rule."""

    id: str
    title: str
    kind: str
    severity: str
    ignores_names: bool = False
    """Its file has `path` or `paths` for it, which count for nothing at gates and on saves."""


@dataclass(frozen=True, slots=True)
class FoundWords:
    """What a rule found in a sample: masked, never the value. `line` from 1; `is_own`: by an own rule."""

    rule: str
    title: str
    kind: str
    severity: str
    masked: str
    line: int
    is_own: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of rules said. `found`: in the sample, if there was one; `unread`: why it was not read."""

    rules: tuple[RuleWords, ...]
    found: tuple[FoundWords, ...] = ()
    unread: tuple[str, ...] = ()
