"""The whole product, started once for all end-to-end tests."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from nbkeep.doors.supervisor.services import PROXY_PACKAGE
from platform_parts import Platform, free_port
from sandboxes import images


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("e2e")


def make_platform() -> Platform:
    """Return an installation with the image `base` that does not run yet; skip where a part is not installed."""
    if not shutil.which("bwrap"):
        pytest.skip("no bubblewrap here: install it with `make system`")
    if not (PROXY_PACKAGE / "node_modules").is_dir():
        pytest.skip("the proxy is not installed here: run `make setup`")
    data_dir = Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp"))
    data_dir.chmod(0o711)
    (data_dir / "images").symlink_to(images())
    return Platform(data_dir, free_port())


def remove(platform: Platform) -> None:
    """End and delete an installation."""
    platform.close()
    done = platform.down()
    if done.returncode:
        platform.down("--keep-sessions")
    for home in (platform.data_dir / "homes").glob("*"):
        if home.is_mount():
            subprocess.run(["umount", str(home)], check=False)
    shutil.rmtree(platform.data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """An installation that runs; tests share it, each with people of its own."""
    made = make_platform()
    try:
        made.up()
        yield made
    finally:
        remove(made)


@pytest.fixture
def own_platform() -> Iterator[Platform]:
    """An installation for one test alone, not started yet."""
    made = make_platform()
    try:
        yield made
    finally:
        remove(made)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A real browser; skips where none is installed."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium here: install it with `make system`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
