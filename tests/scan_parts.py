"""A detector with a few rules, and documents to look through: what tests of scanning share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbkeep.scanning.interface import Hint, Hit
from nbkeep.scanning.scan import Look, examine
from nbkeep.scanning.values import Finding, Limits, Result

KEY = "AKIA" + "Q7ZJ4LM2XWTNR5PD"
"""Made up, in the form of a real one; put together so that no scanner takes this file for a leak."""


class FewRules:
    """Keys of AWS, PEM heads, e-mail addresses, passwords by name, and people by the name of a column."""

    _RULES = (
        ("aws-access-key-id", "secret", "AWS access key", "critical", re.compile(r"\bAKIA[A-Z0-9]{16}\b")),
        (
            "private-key",
            "secret",
            "Private key",
            "critical",
            re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        ),
        ("password", "secret", "Password", "high", re.compile(r"(?i)\bpassword\W{1,4}([^\s\"']{6,60})")),
        ("email", "personal", "E-mail address", "low", re.compile(r"\b[a-z]+@[a-z]+\.(?:com|org)\b")),
    )

    @property
    def rules(self) -> frozenset[str]:
        return frozenset(rule for rule, *_ in self._RULES) | {"person"}

    @property
    def titles(self) -> frozenset[str]:
        return frozenset(title for _, _, title, *_ in self._RULES) | {"Name of a person"}

    def find(self, text: str, hint: Hint) -> list[Hit]:
        found = [
            Hit(rule, kind, title, severity, *one.span(one.lastindex or 0))
            for rule, kind, title, severity, pattern in self._RULES
            for one in pattern.finditer(text)
        ]
        if hint.kind == "table" and hint.column.lower() == "name":
            found += [
                Hit("person", "personal", "Name of a person", "medium", *one.span())
                for one in re.finditer(r"[A-Z][a-z]+ [A-Z][a-z]+", text)
            ]
        return found


def few_rules(_own: Path | None) -> FewRules:
    """Stand in for what makes the command's detector."""
    return FewRules()


def look(**changed: Any) -> Look:
    """Return how to look with the few rules, without reading what pictures show unless it is asked for."""
    changed.setdefault("limits", Limits(ocr_s=0))
    return Look(FewRules(), **changed)


def scan(content: bytes | str | dict[str, Any], name: str = "a.ipynb", **changed: Any) -> Result:
    """Return what is found in a document."""
    if isinstance(content, dict):
        content = json.dumps(content, indent=1)
    return examine(content.encode() if isinstance(content, str) else content, name, look(**changed))


def notebook(*cells: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return a notebook of format 4."""
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **others}


def code(source: Any, *outputs: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return a cell of code."""
    return {
        "cell_type": "code",
        "id": "c1",
        "metadata": {},
        "source": source,
        "outputs": list(outputs),
        "execution_count": 1,
        **others,
    }


def stream(text: Any, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: Any) -> dict[str, Any]:
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {key.replace("__", "/"): value for key, value in data.items()},
    }


def places(result: Result) -> list[tuple[int, str, int, str]]:
    """Return cell, part, line and rule of each finding."""
    return [(one.place.cell, one.place.part, one.line, one.rule) for one in result.findings]


def the(result: Result) -> Finding:
    """Return the only finding."""
    (one,) = result.findings
    return one


def save(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content, indent=1))
    return path


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def found(self) -> list[tuple[str, str]]:
        """Path and rule of each finding that counts, of a run with --json."""
        return [(one["path"], one["rule"]) for one in self.json["findings"] if not one["allowed"]]


Scan = Callable[..., Ran]
