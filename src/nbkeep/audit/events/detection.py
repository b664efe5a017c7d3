"""Events of what is found: an organisation's own rules, what is left behind in homes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class RulesSet(Event):
    """The organisation's own rules were set: by them, too, every document is examined from now on."""

    type: ClassVar[str] = "rules.set"
    sha256: str
    before_sha256: str  # "": there were none
    count: int
    added: list[str]  # ids; the first hundred of each
    removed: list[str]
    changed: list[str]  # another title, kind or severity; a change of a pattern shows in the hash alone


@dataclass(frozen=True, kw_only=True)
class RulesUnset(Event):
    """The organisation's own rules were taken away: documents are examined by the built-in ones alone."""

    type: ClassVar[str] = "rules.unset"
    sha256: str
    count: int
    removed: list[str]  # ids; the first hundred


@dataclass(frozen=True, kw_only=True)
class LeftoversDeleted(Event):
    """A person deleted what tools had left behind in their home, with values taken out elsewhere."""

    type: ClassVar[str] = "leftovers.deleted"
    user: str
    count: int
    paths: list[str]  # the first hundred


@dataclass(frozen=True, kw_only=True)
class LivenessSet(Event):
    """Whether a provider is asked about keys of it that are found was decided."""

    type: ClassVar[str] = "liveness.set"
    provider: str
    on: bool


@dataclass(frozen=True, kw_only=True)
class LivenessAsked(Event):
    """Keys that were found in a document on its way out are sent to their providers, to ask if they work."""

    type: ClassVar[str] = "liveness.asked"
    release_id: str
    user: str
    providers: dict[str, int]  # name, and of how many keys


@dataclass(frozen=True, kw_only=True)
class LivenessAnswered(Event):
    """What providers said of keys that were found in a document on its way out."""

    type: ClassVar[str] = "liveness.answered"
    release_id: str
    user: str
    answers: list[dict[str, str]]  # rule, and live, dead or unknown; never the value
