"""What one kind of thing in the configuration has to be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from nbkeep.model.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.profiles.known import Known
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx

Entry = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """One transaction, and for whom it is."""

    tx: Tx
    clock: Clock
    settings: Settings
    actor: Actor
    known: Known


class Section(ABC):
    """A kind of thing. Entries are plain values under a `name` of their own, as they stand in the document.

    What the document leaves out of a kind stays, unless the kind is a `WholeSection`.
    """

    name: ClassVar[str]
    kind: ClassVar[str]

    @abstractmethod
    def entries(self, work: Work) -> list[Entry]:
        """Return what there is, in order of the names."""

    def before(self, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        """Do what takes long, before the transaction begins; raise `Refused` for what is not valid.

        `wanted`: {name: entry} of the document. Most kinds have nothing to do.
        """
        del wanted

    @abstractmethod
    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Make it as wanted, and return it as it is then; raise `Refused` for what is not valid."""


class WholeSection(Section):
    """A kind of which the document names all: what it leaves out is deleted.

    `is_leaf`: nothing depends on it, so it is deleted before anything is made.
    """

    is_leaf: ClassVar[bool] = False

    @abstractmethod
    def delete(self, work: Work, name: str) -> None:
        """Delete it; raise `Refused` where that cannot be."""

    def is_another(self, wanted: Mapping[str, Any], before: Entry) -> bool:
        """Tell whether what is wanted is another thing of the same name: that one goes, and this one is made.

        Most kinds are changed in place.
        """
        del wanted, before
        return False


def check_fields(section: str, wanted: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise `Refused` (400) for fields that a section does not know."""
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise invalid(
            section,
            f"{wanted.get('name')}: unknown fields: {', '.join(unknown)}.",
            f"Fields: {', '.join(known)}.",
        )


def text(section: str, wanted: Mapping[str, Any], field: str, default: str = "") -> str:
    """Return a field that is text; raise `Refused` (400) for anything else."""
    value = wanted.get(field, default)
    if not isinstance(value, str):
        raise invalid(section, f"{wanted.get('name')}: {field} is not text: {value!r:.100}.", "Quote it.")
    return value


def texts(section: str, wanted: Mapping[str, Any], field: str) -> list[str]:
    """Return a field that is a list of texts, empty where it is not there; raise `Refused` (400)."""
    found = listed(section, wanted, field)
    if not all(isinstance(one, str) for one in found):
        raise invalid(section, f"{wanted.get('name')}: {field} is not a list of texts.", "Write [one, two].")
    return found


def listed(section: str, wanted: Mapping[str, Any], field: str) -> list[Any]:
    """Return a field that is a list, empty where it is not there; raise `Refused` (400) for anything else."""
    value: Any = wanted.get(field) or []
    if not isinstance(value, list):
        raise invalid(section, f"{wanted.get('name')}: {field} is not a list.", "Write [one, two].")
    return cast("list[Any]", value)
