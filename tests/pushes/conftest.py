"""Git, a gateway that reads what it pushes, and a forge."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from nbkeep.pushes import job
from nbkeep.pushes.__main__ import look_at
from nbkeep.rendering.jail import Ended
from nbkeep.scanning.detect import standard
from nbkeep.scanning.spans import Look
from office_parts import any_office, office
from push_parts import Pushing, pushing

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["any_office", "office"]


@pytest.fixture
def at_work(tmp_path: Path) -> Generator[Pushing]:
    yield from pushing(tmp_path)


@pytest.fixture(scope="session")
def look() -> Look:
    return Look(standard(), heed_marks=False)


@pytest.fixture
def without_a_jail(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    """Look through pushes here, as the child in the jail does: for what becomes of them afterwards."""

    def run(
        module: str,
        arguments: list[str],
        source: Path,
        out: Path,
        *,
        said: bytes,
        timeout_s: float,
        rules: Path | None,
    ) -> Ended:
        assert (module, arguments) == ("nbkeep.pushes", [f"{timeout_s:.0f}"])
        assert rules is None, "own rules are read in the jail alone"
        look_at(json.loads(said), source, out, look)
        return Ended(0)

    monkeypatch.setattr(job, "jail", SimpleNamespace(run=run))
