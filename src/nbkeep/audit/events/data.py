"""Events of datasets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .base import Event


@dataclass(frozen=True, kw_only=True)
class DatasetPublished(Event):
    """A dataset came into the catalogue."""

    type: ClassVar[str] = "dataset.published"
    dataset_id: str
    name: str
    classification: str
    owner: str
    purpose: str
    place: str
    host: str
    samples: list[str] = field(default_factory=list[str])
    secret_id: str = ""


@dataclass(frozen=True, kw_only=True)
class DatasetRemoved(Event):
    """A dataset was taken out of the catalogue."""

    type: ClassVar[str] = "dataset.removed"
    dataset_id: str
    name: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class DataRead(Event):
    """A session began to read a dataset; once for each session and dataset."""

    type: ClassVar[str] = "data.read"
    user: str
    dataset_id: str
    name: str
    classification: str


@dataclass(frozen=True, kw_only=True)
class ClassRulesChanged(Event):
    """What sessions that carry a class of data may still reach was changed."""

    type: ClassVar[str] = "class.rules-changed"
    classification: str
    changes: dict[str, Any]  # field → [old, new]


@dataclass(frozen=True, kw_only=True)
class FilesClassified(Event):
    """Files that were changed since a session carried a class of data came on record."""

    type: ClassVar[str] = "data.files-classified"
    user: str
    classification: str
    files: int  # those that were not on record
    whole: str = ""  # why all of the home counts


@dataclass(frozen=True, kw_only=True)
class SessionClassRaised(Event):
    """A session has read data of a higher class than all before."""

    type: ClassVar[str] = "session.class-raised"
    user: str
    before: str  # "" for nothing yet
    after: str
    name: str  # of the dataset
