"""The command as a person runs it, with the few rules of scan_parts in place of the built-in ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbkeep.doors.cli import scan as scan_verb
from nbkeep.doors.cli.app import run
from scan_parts import Ran, Scan, few_rules


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Scan:
    """Run `nbkeep scan` in a folder of its own."""
    monkeypatch.setattr(scan_verb, "detector", few_rules)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def call(*args: str) -> Ran:
        capsys.readouterr()
        code = run(["scan", *args])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call
