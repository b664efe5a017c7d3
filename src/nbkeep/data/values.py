"""A dataset, what a gateway is told of it, and what somebody may read of it; as values and as JSON."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from nbkeep.egress.values import Rule

SUFFIX = ".data.nbkeep"  # of the names that sessions reach datasets by; no such domain is delegated
KIND = "dataset"  # of grants
Level = Literal["whole", "sample", "none"]
_log = logging.getLogger("nbkeep.data")


@dataclass(frozen=True)
class Source:
    """Where a dataset lies. `prefix`: "" or ending in `/`; `secret_id`: "" where anybody may read it."""

    id: str
    name: str
    classification: str
    host: str
    port: int
    bucket: str
    prefix: str
    region: str
    samples: tuple[str, ...] = ()
    secret_id: str = ""

    @classmethod
    def from_json(cls, data: object) -> Source:
        """Return it; raises ValueError for anything that `asdict` does not make."""
        try:
            told = dict(cast("dict[str, Any]", data))
            samples, port = tuple(str(one) for one in told.pop("samples")), int(told.pop("port"))
            return cls(samples=samples, port=port, **{name: str(one) for name, one in told.items()})
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError("not a dataset") from error

    @property
    def address(self) -> str:
        """How sessions write it."""
        return f"http://{self.name}{SUFFIX}/"

    @property
    def rule(self) -> Rule:
        """The permission that reading it is: one host, one port."""
        words = f"dataset {self.name}"
        return Rule(words, "allow", self.host, frozenset({self.port}), words)


@dataclass(frozen=True)
class Reader:
    """What decides for one session. `granted`: names with the moment at which the grant ends (ISO).

    `ceiling`: the class that its profile is cleared for, "" for none. `leases`: by the id of the secret.
    """

    ceiling: str
    granted: dict[str, str] = field(default_factory=dict[str, str])
    leases: dict[str, str] = field(default_factory=dict[str, str])

    def until(self, name: str) -> datetime | None:
        """Return when its grant ends."""
        return datetime.fromisoformat(self.granted[name]) if name in self.granted else None


@dataclass(frozen=True)
class Told:
    """What the office says: all datasets, and who reads."""

    sources: tuple[Source, ...] = ()
    readers: dict[str, Reader] = field(default_factory=dict[str, Reader])

    @classmethod
    def from_json(cls, data: object) -> Told:
        """Return it; raises ValueError. A dataset that cannot be read is left out: nobody reads it then."""
        try:
            told = cast("dict[str, Any]", data)
            sources = tuple(one for one in map(_source, told["sources"]) if one is not None)
            readers = {str(session_id): _reader(one) for session_id, one in told["readers"].items()}
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("not datasets") from error
        return cls(sources, readers)

    def as_json(self) -> dict[str, Any]:
        """Return it as `from_json` takes it."""
        return asdict(self)


def _source(told: object) -> Source | None:
    try:
        return Source.from_json(told)
    except ValueError:
        _log.exception("a dataset cannot be read: no session has it")
        return None


def _reader(told: dict[str, Any]) -> Reader:
    granted = {str(name): str(until) for name, until in told["granted"].items()}
    if any(datetime.fromisoformat(until).tzinfo is None for until in granted.values()):
        raise ValueError("the end of a grant has no time zone")
    leases = {str(secret): str(lease) for secret, lease in told["leases"].items()}
    return Reader(str(told["ceiling"]), granted, leases)
