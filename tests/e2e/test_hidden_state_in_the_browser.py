"""Cells that ran on older inputs, as a person sees them in JupyterLab, told by the session's own kernels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from lab_parts import SHOTS, Desk

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

    from platform_parts import Platform

CELLS = (
    "price = 10\nshare = 0.2",
    "def total(count):\n    return count * price",
    "sales = [total(n) for n in (1, 2, 3)]\nsales",
    "tax = sum(sales) * share\ntax",
    "print('nothing to do with it')",
)


def mark(desk: Desk, at: int) -> Locator:
    return desk.cell(at).locator("> .nbkeep-Mark")


def write_into(desk: Desk, at: int, source: str) -> None:
    """Replace a cell's code by typing."""
    desk.cell(at).locator(".cm-content").click()
    desk.page.keyboard.press("Control+a")
    desk.page.keyboard.insert_text(source)


def shoot(desk: Desk, name: str) -> None:
    """Keep a picture in both themes."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for theme in ("Dark", "Light"):
        desk.page.get_by_role("menuitem", name="Settings", exact=True).click()
        desk.page.locator(".lm-Menu-itemLabel").get_by_text("Theme", exact=True).hover()
        desk.page.locator(".lm-Menu-itemLabel").get_by_text(f"JupyterLab {theme}", exact=True).click()
        expect(desk.page.locator(f"body[data-jp-theme-name='JupyterLab {theme}']")).to_be_attached()
        desk.page.wait_for_timeout(600)  # colours fade in
        desk.page.screenshot(path=SHOTS / f"{name}-{theme.lower()}.png")


def test_stale_cells_are_marked_counted_found_and_run_in_order(platform: Platform, chromium: Browser) -> None:
    desk = Desk(chromium, platform.person())
    desk.sign_in()
    desk.start()
    desk.skip_tour()
    desk.write("sums.ipynb", *CELLS)
    panel = desk.open("sums.ipynb")
    desk.menu("Run", "Run All Cells")
    desk.expect_idle()
    expect(panel.locator(".nbkeep-Stale")).to_have_count(0)

    write_into(desk, 0, "price = 12\nshare = 0.2")
    expect(mark(desk, 0)).to_have_attribute("aria-label", "Edited since it ran.")
    desk.run_cell(0)
    expect(mark(desk, 0)).to_have_count(0)
    used = mark(desk, 2)
    expect(used).to_have_attribute(
        "aria-label", "Stale: cell [6] gives price another value than this cell used."
    )
    expect(
        panel.get_by_role("img", name=re.compile("sales of cell .3., which is stale itself"))
    ).to_be_visible()
    expect(mark(desk, 4)).to_have_count(0)
    expect(mark(desk, 1)).to_have_count(0)
    shoot(desk, "hidden-state")

    panel.get_by_role("button", name="2 stale").click()
    expect(desk.cell(2)).to_have_class(re.compile("jp-mod-active"))
    expect(used).to_be_focused()  # its sentence is shown and read, and the notebook's keys still work
    expect(panel.locator(".jp-Notebook")).to_have_class(re.compile("jp-mod-commandMode"))
    panel.get_by_role("button", name="2 stale").click()
    expect(desk.cell(3)).to_have_class(re.compile("jp-mod-active"))

    panel.get_by_role("button", name="Run stale cells").click()
    question = desk.page.locator(".jp-Dialog")
    expect(question.locator("li")).to_have_text(
        ["sales = [total(n) for n in (1, 2, 3)] …", "tax = sum(sales) * share …"]
    )
    question.get_by_role("button", name="Run 2 Cells").click()
    expect(desk.cell(3).locator(".jp-OutputArea-output")).to_contain_text("14.4")
    expect(panel.locator(".nbkeep-Mark")).to_have_count(0)
    expect(panel.locator(".nbkeep-Stale")).to_have_count(0)

    # The cell that made a variable is deleted: what used it says so, without being run again.
    desk.cell(2).locator(".jp-InputPrompt").click()
    desk.page.keyboard.press("d")
    desk.page.keyboard.press("d")
    expect(mark(desk, 2)).to_have_attribute(
        "aria-label", "Missing: the cell that gave it sales is no longer in this notebook."
    )
    expect(panel.get_by_role("button", name="1 missing")).to_be_visible()
    expect(panel.get_by_role("button", name="Run stale cells")).to_have_count(0)
    shoot(desk, "hidden-state-missing")
