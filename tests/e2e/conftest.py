"""The whole product as its users meet it; `platform` and `own_platform` are in `tests/conftest.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser_parts import chromium
from platform_parts import Platform, wait_for
from trusting_parts import Trusting, make_trusting

__all__ = ["chromium"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("e2e")


@pytest.fixture(scope="session")
def trusting_platform(second_platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Trusting:
    """A platform whose gateway trusts what tests sign; they share it, each with people of its own."""
    return make_trusting(second_platform, tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusting(trusting_platform: Trusting) -> Iterator[Trusting]:
    """The same, without sessions and datasets of other tests: these would be leased more keys, or hold some."""
    yield trusting_platform
    office = trusting_platform.platform.office

    def live() -> list[str]:
        found = office.get("/sessions", params={"state": "live"}).raise_for_status()
        return [one["session_id"] for one in found.json()["items"]]

    for session_id in live():
        office.post(f"/sessions/{session_id}/stop", json={"reason": "the test is over"}).raise_for_status()
    wait_for(lambda: not live(), 200, "the sessions of the test to end")
    for one in office.get("/datasets").raise_for_status().json()["items"]:
        office.delete(f"/datasets/{one['name']}").raise_for_status()
