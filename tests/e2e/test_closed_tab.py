"""A cell runs on while its tab is closed; who opens the notebook again sees it run, and then its output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Browser, Page, expect

from platform_parts import PASSWORD, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from platform_parts import Platform

_CODE = """import time, pathlib
print("begun", flush=True)
while not pathlib.Path("go-on").exists():
    time.sleep(0.1)
print("and ended")
6 * 7"""


def _notebook(path: Path) -> None:
    cell: dict[str, Any] = {"cell_type": "code", "id": "c0", "metadata": {}, "source": _CODE, "outputs": [],
            "execution_count": None}  # fmt: skip
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": spec, "cells": [cell]}))
    path.chmod(0o666)


def _opened(page: Page, url: str) -> None:
    page.goto(f"{url}lab/tree/long.ipynb?reset")
    expect(page.locator(".nbkeep-Item")).to_be_visible(timeout=60_000)
    expect(page.locator(".jp-Notebook .jp-InputPrompt").first).to_be_visible(timeout=60_000)


def test_output_of_a_closed_tab_appears_in_the_open_notebook_without_a_conflict(
    platform: Platform, chromium: Browser
) -> None:
    person = platform.person()
    person.sign_in()
    session = person.start()
    home = platform.data_dir / "homes" / person.name
    _notebook(home / "long.ipynb")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{platform.url}/")
    page.fill("input[name=username]", person.name)
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/portal/")
    _opened(page, session.url)
    page.keyboard.press("Escape")  # the tour
    page.locator(".jp-CodeCell").first.click()
    page.wait_for_timeout(3_000)  # the kernel starts
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output", has_text="begun")).to_be_visible(timeout=60_000)
    page.keyboard.press("Control+s")  # with it the kernel's name and language: opening then changes nothing
    wait_for(lambda: "language_info" in (home / "long.ipynb").read_text(), 30, "the save")
    page.close(run_before_unload=False)

    page = context.new_page()
    _opened(page, session.url)
    expect(page.locator(".jp-OutputArea-output", has_text="begun")).to_be_visible()
    expect(page.locator(".jp-CodeCell .jp-InputPrompt").first).to_have_text("[*]:", timeout=15_000)
    (home / "go-on").touch()
    expect(page.locator(".jp-OutputArea-output", has_text="and ended")).to_be_visible(timeout=60_000)
    expect(page.locator(".jp-OutputArea-output", has_text="42")).to_be_visible()
    expect(page.locator(".jp-CodeCell .jp-InputPrompt").first).to_have_text("[1]:")
    assert not page.locator(".jp-Dialog").count()
    # The tab holds what the file holds: saving asks nothing.
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.type("# seen\n")
    page.keyboard.press("Control+s")
    wait_for(lambda: "# seen" in (home / "long.ipynb").read_text(), 30, "the save")
    assert not page.locator(".jp-Dialog").count()
    context.close()
    session.stop()
