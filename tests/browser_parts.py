"""A portal that a real browser can open, and that browser."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from portal_parts import Portal, make_portal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nbkeep.model.actor import Actor


class OpenPortal(Portal):
    """A portal that listens on this machine, with a page to look at it."""

    url: str
    chromium: Browser

    def page(self, actor: Actor | None = None, *, width: int = 1280, height: int = 900, dark: bool = False,
             script: bool = True, path: str = "/") -> Page:  # fmt: skip
        """Return a page of a browser of its own, signed in as somebody, at a path of the portal."""
        context = self.chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        if actor is not None:
            context.add_cookies([{"name": "nbkeep", "value": self.cookie(actor), "url": self.url}])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.goto(f"{self.url}/portal{path}")
        return page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for the tests of a file; two at a time would share one event loop and fail."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium here: install it with `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_portal(short_dir: Path, chromium: Browser) -> Iterator[OpenPortal]:
    """A portal of its own for one test, served over HTTP."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://localhost:{listener.getsockname()[1]}"
    made = make_portal(short_dir, url)
    portal = OpenPortal(made.office, made.app)
    portal.url, portal.chromium = url, chromium
    config = uvicorn.Config(made.app, log_level="warning", timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield portal
    for context in chromium.contexts:
        context.close()
    server.should_exit = True
    thread.join(10)
    listener.close()
    made.office.close()
