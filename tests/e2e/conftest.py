"""The whole product as its users meet it; `platform` and `own_platform` are in `tests/conftest.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser_parts import chromium
from platform_parts import Platform
from trusting_parts import Trusting, make_trusting

__all__ = ["chromium"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("e2e")


@pytest.fixture
def trusting(own_platform: Platform, tmp_path: Path) -> Trusting:
    """A platform of one's own, running, whose gateway trusts what the test signs."""
    return make_trusting(own_platform, tmp_path)
