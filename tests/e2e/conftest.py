"""The whole product as its users meet it; `platform` and `own_platform` are in `tests/conftest.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser_parts import chromium

__all__ = ["chromium"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("e2e")
