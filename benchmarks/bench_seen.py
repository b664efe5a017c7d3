"""From the click on Start to what a person sees in the browser, against stock JupyterHub in the same run.

    .venv/bin/python benchmarks/bench_seen.py [ROUNDS]

A real chromium starts a session, waits for JupyterLab's launcher, opens a notebook by it, and runs a cell by
the keyboard. Stock is started from its own home page. Prints medians and ratios (below 1: nbkeep is faster).
Whose browser has been there before has JupyterLab's files in its cache: so in all rounds but the first, which
is not counted. Needs Debian's chromium (`make system`).
"""

# The people and their browsers lie beside the tests:
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import re
import statistics
import sys
import time
from typing import TYPE_CHECKING

from bench_start import kernels_of
from installation import Installation, built_images
from playwright.sync_api import expect, sync_playwright
from stock import StockHub

from lab_parts import Desk
from platform_parts import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from playwright.sync_api import Page

_STEPS = ("JupyterLab's page begins", "the launcher is there", "a first cell's result")
_PATIENCE_MS = 60_000


def seen(page: Page, click: Callable[[], None]) -> list[float]:
    """Return the seconds from the click to every step."""
    began = time.perf_counter()
    click()
    page.wait_for_url(re.compile(r"/lab(\?.*)?$"), wait_until="commit")
    found = [time.perf_counter() - began]
    kernel = page.locator(".jp-LauncherCard[data-category=Notebook]", has_text="image").or_(
        page.locator(".jp-LauncherCard[data-category=Notebook]", has_text="base")
    )
    kernel.first.wait_for()
    found.append(time.perf_counter() - began)
    kernel.first.click()
    # Before the kernel is there JupyterLab may put another editor in its place: what was typed is lost.
    expect(page.locator("#jp-bottom-panel").get_by_text(" | Idle")).to_be_visible(timeout=_PATIENCE_MS)
    editor = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .cm-content").first
    editor.click()
    page.keyboard.type("6 * 7")
    expect(editor).to_contain_text("6 * 7")
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output", has_text="42").first).to_be_visible(timeout=_PATIENCE_MS)
    found.append(time.perf_counter() - began)
    page.goto("about:blank")
    return found


def end(office: httpx.Client, session_id: str) -> None:
    """End a session and forget it, so that the next start has its address."""
    body = {"reason": "measured", "discard_state": True}
    office.post(f"/sessions/{session_id}/stop", json=body).raise_for_status()
    wait_for(lambda: office.get(f"/sessions/{session_id}").json()["state"] == "stopped", 60)


def ours(desk: Desk) -> list[float]:
    """Start a session at the portal, use it, and stop it."""
    desk.visit("/")
    card = desk.page.locator("article[data-profile=notebook-cpu-small]")
    found = seen(desk.page, lambda: card.get_by_role("button", name="Start").click(no_wait_after=True))
    office = desk.platform.office
    ready = office.get("/sessions", params={"user": desk.person.name, "state": "ready"}).raise_for_status()
    for one in ready.json()["items"]:
        end(office, one["session_id"])
    return found


def stocks(page: Page, stock: StockHub) -> list[float]:
    """Do the same at a stock hub."""
    page.goto(f"{stock.url}/hub/home")
    found = seen(page, lambda: page.locator("#start").click(no_wait_after=True))
    stock.stop()
    stock.forget_workspaces()
    return found


def main(rounds: int = 5) -> int:
    """Measure `rounds` starts of both; return the exit code."""
    python = built_images() / "base/current/env/bin/python"
    rows: dict[str, list[list[float]]] = {"stock": [], "nbkeep": []}
    with (
        sync_playwright() as playwright,
        StockHub(jupyter_path=kernels_of(python)) as stock,
        Installation() as installation,
    ):
        installation.wait_until_warm()
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        desk = Desk(browser, installation.person)
        desk.sign_in()
        first = desk.start()
        desk.skip_tour()
        desk.page.goto("about:blank")
        end(desk.platform.office, first.id)
        guest = browser.new_context(viewport=desk.size)  # pyright: ignore[reportArgumentType]
        guest.set_default_timeout(_PATIENCE_MS)
        page = guest.new_page()
        page.goto(f"{stock.url}/hub/login")
        page.fill("input[name=username]", stock.user)
        page.fill("input[name=password]", "any")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/hub/spawn|/user/"))
        page.goto("about:blank")
        stock.stop()
        for number in range(rounds + 1):
            found = {"stock": stocks(page, stock), "nbkeep": ours(desk)}
            told = ", ".join(f"{name} {steps[1]:.2f} s" for name, steps in found.items())
            print(f"round {number}: launcher after {told}", flush=True)
            if number:
                for name, steps in found.items():
                    rows[name].append(steps)
    print(f"\n{f'medians of {rounds}':28} {'stock':>9} {'nbkeep':>9} {'ratio':>6}")
    for index, step in enumerate(_STEPS):
        theirs_s, ours_s = (
            statistics.median(row[index] for row in rows[name]) for name in ("stock", "nbkeep")
        )
        print(f"{step:28} {theirs_s:7.2f} s {ours_s:7.2f} s {ours_s / theirs_s:6.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
