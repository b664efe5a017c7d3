"""The command as a person runs it, with the few rules of scan_parts in place of the built-in ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nbkeep.doors.cli import scan as scan_verb
from nbkeep.doors.cli.app import run
from scan_parts import few_rules


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


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Scan:
    """Run `nbkeep scan` in a folder of its own."""
    monkeypatch.setattr(scan_verb, "_detector", few_rules)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def call(*args: str) -> Ran:
        capsys.readouterr()
        code = run(["scan", *args])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call
