"""The words of evidence: facts, what was found of them, controls, findings. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from nbkeep.model.days import Span
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx


class Status(StrEnum):
    """What recorded facts say of something; the worst is the last."""

    COVERED = "covered"
    PARTLY = "partly"
    NOT_COVERED = "not covered"


@dataclass(frozen=True)
class Found:
    """What a look at the tables gave: a number, a sentence, a status."""

    number: int
    sentence: str
    status: Status


@dataclass(frozen=True)
class Scene:
    """What looks are given: the days, which end at `now` when they are not over, and the settings."""

    span: Span
    now: datetime
    settings: Settings

    @property
    def until(self) -> datetime:
        """The moment up to which things can be on record."""
        return min(self.span.end, self.now)


@dataclass(frozen=True)
class Recorded:
    """A fact of the journal: records of these types in the days, or those of them that `where` takes."""

    name: str
    title: str
    types: tuple[str, ...]
    where: Callable[[dict[str, Any]], bool] | None = None
    where_words: str = ""

    @property
    def basis(self) -> str:
        """What it is counted from, in words."""
        kinds = ", ".join(self.types) or "every record"
        return f"the audit journal: {kinds}" + (f"; {self.where_words}" if self.where_words else "")


@dataclass(frozen=True)
class Looked:
    """A fact of tables or settings. `look` is called in a reading transaction and changes nothing."""

    name: str
    title: str
    basis: str
    look: Callable[[Tx, Scene], Found]


Fact = Recorded | Looked


@dataclass(frozen=True)
class Observation:
    """What was found of a fact. `examples`: numbers of records in the journal."""

    name: str
    title: str
    basis: str
    number: int
    sentence: str
    status: Status
    examples: tuple[int, ...] = ()


@dataclass(frozen=True)
class Control:
    """A control of a framework, and which facts speak of it.

    `whole`: those facts together are all that the control asks of a platform like this one. Otherwise it is
    never more than partly covered, and `gap` says what is missing.
    """

    id: str
    group: str
    title: str
    facts: tuple[str, ...] = ()
    whole: bool = False
    gap: str = ""


@dataclass(frozen=True)
class Framework:
    """Controls that somebody else wrote down."""

    id: str
    title: str
    source: str
    licence: str
    controls: tuple[Control, ...]


@dataclass(frozen=True)
class Finding:
    """What the facts say of a control, and why in a sentence."""

    control: Control
    status: Status
    sentence: str
