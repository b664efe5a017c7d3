"""The contract between those who read documents and those who know what a secret looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Hint:
    """What the detector may know about a text.

    `kind`: "code", "text", "config", "table" or "output". `column`: of a table's cells, the column's name
    (the text then has one value a line). `name`: the file's name, for rules that hold for some files only.
    """

    kind: str
    column: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found in a text.

    `rule`: its id, e.g. "aws-access-key-id". `kind`: "secret" or "personal". `title`: words for a person,
    e.g. "AWS access key". `severity`: "low", "medium", "high" or "critical". `begin` and `end`: where the
    value itself stands in the text, in characters.
    """

    rule: str
    kind: str
    title: str
    severity: str
    begin: int
    end: int


class TooLong(Exception):
    """Rules took longer for a text than a scan waits, or found more than anybody needs: it is not read."""

    def __init__(self) -> None:
        super().__init__("takes too long to look through with the own rules")


class Detector(Protocol):
    """Finds secrets and personal data in one text."""

    @property
    def rules(self) -> frozenset[str]:
        """The ids of all that it can find."""
        ...

    @property
    def titles(self) -> frozenset[str]:
        """What it calls what it finds: the titles of all rules."""
        ...

    def find(self, text: str, hint: Hint) -> list[Hit]:
        """Return what is in `text`: called for each text of a document, in bounded time.

        Raises `TooLong` where rules of an organisation take too long; nothing else.
        """
        ...
