"""What is saved with a key in it is marked at once, in its cell and line; fixes are offered beside it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lab_world import leaving, open_lab, run_command, shoot_both
from playwright.sync_api import expect

if TYPE_CHECKING:
    from lab_world import Lab
    from playwright.sync_api import Page

KEY = (
    "AKIA" + "QX7TLMPN" + "2VKRSW4D"
)  # not a key of anybody; in parts, so that no scanner of this file minds
SIGN = ".nbkeep-Leak"
ITEM = ".nbkeep-FindingsHost button"


def written(lab: Lab, name: str, *cells: tuple[str, list[dict[str, Any]]]) -> Path:
    made: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{at}", "metadata": {}, "source": source, "outputs": outputs,
         "execution_count": None}
        for at, (source, outputs) in enumerate(cells)
    ]  # fmt: skip
    path = lab.home / name
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": spec, "cells": made}))
    return path


def printed(text: str) -> list[dict[str, Any]]:
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def knows_strings(page: Page) -> None:
    """Wait until the first cell's language is loaded, which comes a moment after its text is shown."""
    page.wait_for_function(
        """() => window.jupyterapp.shell.currentWidget?.content?.widgets?.[0]?.editor?.getTokens()
            .some(token => token.type === 'String')"""
    )


def save(page: Page) -> None:
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save').catch(() => undefined); undefined")


@pytest.fixture(autouse=True)
def _portal(lab: Lab) -> None:
    lab.show(portal_url=f"{lab.url}portal/")


def test_a_key_is_marked_at_its_cell_and_line_soon_after_it_is_saved(page: Page, lab: Lab) -> None:
    written(lab, "keys.ipynb", ("x = 1", []), ("import os", []))
    open_lab(page, lab, "keys.ipynb")
    expect(page.locator(".jp-Cell")).to_have_count(2)
    page.wait_for_timeout(1500)  # it is examined when it is opened, and nothing is found
    expect(page.locator(f"{SIGN}, {ITEM}")).to_have_count(0)
    page.locator(".jp-Cell").nth(1).locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(f"\nkey = '{KEY}'")
    begun = time.monotonic()
    save(page)
    sign = page.locator(".jp-Cell").nth(1).locator(SIGN)
    expect(sign).to_be_visible()
    assert time.monotonic() - begun < 5
    label = sign.get_attribute("aria-label") or ""
    assert "line 2" in label
    assert KEY not in page.content().replace(f"'{KEY}'", "")
    expect(page.locator(".jp-Cell").nth(1).locator(".nbkeep-LeakLine")).to_contain_text("key =")
    expect(page.locator(ITEM)).to_contain_text("1 secret")
    sign.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".nbkeep-Popover")).to_contain_text("cell 2, line 2")
    shoot_both(page, "findings-list")


def test_a_reason_makes_the_mark_go_and_undo_brings_it_back(page: Page, lab: Lab) -> None:
    path = written(lab, "allowed.ipynb", (f"key = '{KEY}'\nprint(1)", []))
    open_lab(page, lab, "allowed.ipynb")
    knows_strings(page)
    page.locator(ITEM).click()
    page.get_by_role("button", name="Not a secret…").click()
    page.locator(".jp-Dialog input").fill("the sample of the manual")
    page.get_by_role("button", name="Write the reason").click()
    expect(page.locator(SIGN)).to_have_count(0)
    assert "# nbkeep:allow" in path.read_text()
    page.locator(".jp-Cell .cm-content").click()
    page.keyboard.press("Control+z")
    save(page)
    expect(page.locator(SIGN)).to_be_visible()
    assert "nbkeep:allow" not in path.read_text()


def test_a_reason_is_refused_where_it_would_be_within_a_string(page: Page, lab: Lab) -> None:
    path = written(lab, "within.ipynb", (f'text = """\n{KEY}\n"""', []))
    before = path.read_text()
    open_lab(page, lab, "within.ipynb")
    knows_strings(page)
    page.locator(ITEM).click()
    page.get_by_role("button", name="Not a secret…").click()
    expect(page.get_by_text("the line ends within a string")).to_be_visible()
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    assert path.read_text() == before


def test_an_output_is_cleared_and_can_be_put_back(page: Page, lab: Lab) -> None:
    path = written(lab, "output.ipynb", ("print(key)", printed(f"key {KEY}\n")), ("2", printed("kept\n")))
    open_lab(page, lab, "output.ipynb")
    page.locator(ITEM).click()
    expect(page.locator(".nbkeep-Popover")).to_contain_text("cell 1, output 1")
    page.get_by_role("button", name="Clear this output").click()
    expect(page.locator(SIGN)).to_have_count(0)
    assert KEY not in path.read_text()
    assert "kept" in path.read_text()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".jp-OutputArea-output").first).to_contain_text(KEY)


def test_a_value_goes_to_the_vaults_form_without_being_in_an_address(page: Page, lab: Lab) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    path = written(lab, "vault.ipynb", (f"aws_key = '{KEY}'", []))
    open_lab(page, lab, "vault.ipynb")
    page.locator(ITEM).click()
    page.get_by_role("button", name="Move to the vault…").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog.locator("input").first).to_have_value("aws-key")
    dialog.locator("input").nth(1).fill("sts.amazonaws.com")
    shoot_both(page, "findings-vault")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Copy, open the form, replace").click()
    url = opened.value.url
    assert "secrets?name=aws-key&hosts=sts.amazonaws.com" in url
    assert KEY not in url
    opened.value.close()
    expect(page.locator(SIGN)).to_have_count(0)
    assert "'nbkeep-placeholder-aws-key'" in path.read_text()
    assert page.evaluate("navigator.clipboard.readText()") == KEY


def test_a_save_that_a_policy_stops_says_where_the_copy_is(page: Page, lab: Lab) -> None:
    path = written(lab, "held.ipynb", ("x = 1", []))
    lab.show(leaving=leaving(save="deny"), portal_url=f"{lab.url}portal/")
    open_lab(page, lab, "held.ipynb")
    page.locator(".jp-Cell .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(f"\nkey = '{KEY}'")
    before = path.read_text()
    save(page)
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Not saved")
    expect(dialog).to_contain_text(".nbkeep/quarantine/held-")
    shoot_both(page, "findings-blocked")
    dialog.get_by_role("button").last.click()
    assert path.read_text() == before
    expect(page.locator(ITEM)).to_contain_text("Not saved: 1 secret")
    expect(page.locator(SIGN)).to_be_visible()
    page.locator(ITEM).click()
    expect(page.get_by_role("button", name="Open the copy")).to_be_visible()
    shoot_both(page, "findings-blocked-list")
    page.keyboard.press("Escape")
    page.locator(".jp-Cell .cm-content").click()
    page.keyboard.press("Control+End")
    for _ in range(len(KEY) + 10):
        page.keyboard.press("Backspace")
    save(page)
    expect(page.locator(f"{SIGN}, {ITEM}")).to_have_count(0)
    [copy] = (lab.home / ".nbkeep/quarantine").glob("held-*")
    assert KEY in copy.read_text()


def test_a_text_shows_its_line_and_a_download_says_why_it_is_refused(page: Page, lab: Lab) -> None:
    (lab.home / "conf.py").write_text(f"a = 1\nkey = '{KEY}'\n")
    lab.show(leaving=leaving(download="review"))
    open_lab(page, lab)
    run_command(page, "docmanager:open", path="conf.py", factory="Editor")
    expect(page.locator(".jp-FileEditor .nbkeep-LeakLine")).to_contain_text("key =")
    run_command(page, "docmanager:download")
    expect(page.locator(".jp-Dialog")).to_contain_text("conf.py was not downloaded")
    expect(page.locator(".jp-Dialog")).to_contain_text("nbkeep release request")
    page.get_by_role("button", name="Let it leave…", exact=True).click()
    expect(page.locator(".jp-Dialog .nbkeep-Leaving")).to_contain_text("conf.py")
    page.get_by_role("button", name="Cancel", exact=True).click()
    (lab.home / "free.py").write_text("free = 1\n")
    run_command(page, "docmanager:open", path="free.py", factory="Editor")
    expect(page.locator(".jp-FileEditor:visible")).to_contain_text("free = 1")
    with page.expect_download() as download:
        run_command(page, "docmanager:download")
    assert Path(download.value.path()).read_text() == "free = 1\n"
