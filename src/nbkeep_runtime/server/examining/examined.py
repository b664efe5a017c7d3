"""What an examination came to. Values are masked; nothing here can give a secret away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbkeep.model.gates import Found

if TYPE_CHECKING:
    from collections.abc import Mapping

_SEVERITIES = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Examined:
    """`findings`: JSON objects, see child.py; `more`: how many others. `unread`: what was not read, why.

    `is_final`: it says something about the document; False where only this look at it failed.
    """

    findings: tuple[dict[str, Any], ...] = ()
    more: int = 0
    allowed: int = 0
    kinds: frozenset[str] = frozenset()
    unread: tuple[dict[str, Any], ...] = ()
    is_final: bool = True

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Examined:
        """Return an answer of the process that examines; raises ValueError for what is none."""
        try:
            findings = tuple(dict(one) for one in told["findings"])
            unread = tuple(dict(one) for one in told["unread"])
            kinds = frozenset(str(kind) for kind in told["kinds"])
            return cls(findings, int(told["more"]), int(told["allowed"]), kinds, unread)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("no answer of an examination") from error

    @property
    def found(self) -> frozenset[Found]:
        """What a policy decides about."""
        found = {Found(kind) for kind in self.kinds}
        if self.unread:
            found.add(Found.UNREAD)
        return frozenset(found or {Found.NOTHING})

    @property
    def worst(self) -> dict[str, Any] | None:
        """The gravest finding, or None."""
        ranked = {severity: rank for rank, severity in enumerate(_SEVERITIES)}
        return min(self.findings, key=lambda one: ranked.get(str(one.get("severity")), 9), default=None)

    def as_json(self) -> dict[str, Any]:
        """Return it for the browser."""
        return {
            "findings": list(self.findings),
            "more": self.more,
            "allowed": self.allowed,
            "unread": list(self.unread),
        }


def unexamined(reason: str, *, is_final: bool = True) -> Examined:
    """Return what is said of a document that was not examined; `is_final`: nor will it be as it is."""
    unread = {"reason": reason, "cell": 0, "cell_id": "", "part": "", "inside": ""}
    return Examined(unread=(unread,), is_final=is_final)


def where(one: Mapping[str, Any]) -> str:
    """Return a finding's place in words.

    >>> where({"cell": 3, "part": "source", "line": 2}), where({"cell": 3, "part": "output 1 text/html"})
    ('cell 3, line 2', 'cell 3, output 1')
    """
    cell, part, line = one.get("cell"), str(one.get("part", "")), one.get("line")
    if cell and part == "source":
        return f"cell {cell}, line {line}" if line else f"cell {cell}"
    words = part.split(" ")
    shown = " ".join(words[:2]) if words[0] == "output" else part
    if cell:
        return f"cell {cell}, {shown or 'metadata'}"
    if shown:
        return f"the notebook's {shown}"
    return f"line {line}" if line else "the file"
