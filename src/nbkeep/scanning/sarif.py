"""SARIF 2.1.0, which GitHub, GitLab and editors show beside the line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nbkeep import version

from .report import where

if TYPE_CHECKING:
    from .values import Finding, NotRead, Result

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"low": "note", "medium": "warning", "high": "error", "critical": "error"}
# GitHub's order of severities: a number as text.
_SCORES = {"low": "3.0", "medium": "5.5", "high": "8.0", "critical": "9.5"}


def as_sarif(result: Result) -> dict[str, Any]:
    """Return what was found as SARIF; never a value that was found. What is allowed is suppressed."""
    rules: dict[str, Finding] = {}
    for one in result.findings:
        rules.setdefault(one.rule, one)
    order = {rule: at for at, rule in enumerate(rules)}
    complete = all(one.partly for one in result.not_read)
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "nbkeep",
                        "version": version(),
                        "rules": [_rule(one) for one in rules.values()],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {"executionSuccessful": complete,
                     "toolExecutionNotifications": [_notification(one) for one in result.not_read]}
                ],
                "results": [_result(one, order[one.rule]) for one in result.findings],
            }
        ],
    }  # fmt: skip


def _rule(one: Finding) -> dict[str, Any]:
    return {
        "id": one.rule,
        "shortDescription": {"text": one.title},
        "defaultConfiguration": {"level": _LEVELS[one.severity]},
        "properties": {"tags": ["security", one.kind], "security-severity": _SCORES[one.severity]},
    }


def _result(one: Finding, rule: int) -> dict[str, Any]:
    place = where(one.place, one.line)
    inside = f" in {one.place.inside}" if one.place.inside else ""
    encoded = ", encoded or split" if one.decoded else ""
    found: dict[str, Any] = {
        "ruleId": one.rule,
        "ruleIndex": rule,
        "level": _LEVELS[one.severity],
        "message": {"text": f"{one.title} ({one.masked}{encoded}): {place or 'in the file'}{inside}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(one.path)},
                    "region": {"startLine": max(1, one.file_line)},
                },
                "logicalLocations": [{"fullyQualifiedName": place or one.path}],
            }
        ],
        "partialFingerprints": {"nbkeepPlace/v1": one.place_id},
    }
    if one.commit:
        found["properties"] = {"commit": one.commit}
    if one.allowed:
        found["suppressions"] = [{"kind": "external", "justification": one.allowed}]
    return found


def _notification(one: NotRead) -> dict[str, Any]:
    return {
        "level": "note" if one.partly else "error",
        "message": {"text": f"{one.path} {one.reason}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(one.path)}}}],
    }


def _uri(path: str) -> str:
    if Path(path).is_absolute():
        relative = os.path.relpath(path)
        path = path if relative.startswith("..") else relative
    path = quote(os.fsencode(path))
    return f"file://{path}" if path.startswith("/") else path
