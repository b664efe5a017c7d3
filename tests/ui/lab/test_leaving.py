"""Before a document leaves, JupyterLab tells what would be decided and why; then the portal asks and decides."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from lab_world import leaving, open_lab, run_command, shoot, shoot_both
from playwright.sync_api import expect

if TYPE_CHECKING:
    from lab_world import Lab
    from playwright.sync_api import Locator, Page

KEY = (
    "AKIA" + "QX7TLMPN" + "2VKRSW4D"
)  # not a key of anybody; in parts, so that no scanner of this file minds
TABLE = """<table><tr><th>name</th><th>e-mail</th></tr><tr><td>Jane Miller</td><td>jane.miller@acme-bank.com</td></tr>
<tr><td>Tom Baker</td><td>tom.baker@acme-bank.com</td></tr></table>"""


@pytest.fixture(autouse=True)
def _portal(lab: Lab) -> None:
    lab.show(portal_url=f"{lab.url}portal/")


def notebook(lab: Lab, name: str, *sources: str, shown: str = "") -> None:
    """Put a notebook into the home; `shown`: HTML that its last cell has put out."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{at}", "metadata": {}, "source": source, "outputs": [],
         "execution_count": None}
        for at, source in enumerate(sources)
    ]  # fmt: skip
    if shown:
        cells[-1]["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {"text/html": shown}}]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    made = {"nbformat": 4, "nbformat_minor": 5, "metadata": spec, "cells": cells}
    (lab.home / name).write_text(json.dumps(made))


def way(dialog: Locator, gate: str) -> Locator:
    return dialog.locator(".nbkeep-Leaving-way").filter(has=dialog.page.get_by_role("radio", name=gate))


def go_on(page: Page, dialog: Locator) -> str:
    """Return the address that a new tab opens."""
    with page.context.expect_page() as opened:
        dialog.get_by_role("button", name="Go on").click()
    opened.value.wait_for_url("**/portal/**")
    assert opened.value.evaluate("window.opener") is None
    return opened.value.url


def test_each_way_out_is_told_with_its_reason_before_anything_leaves(page: Page, lab: Lab) -> None:
    notebook(lab, "churn & co.ipynb", f"key = '{KEY}'", "customers.head(2)", shown=TABLE)
    policies = leaving(download="deny", export="review", share="redact")
    lab.show(portal_url=f"{lab.url}portal/", leaving=policies)
    open_lab(page, lab, "churn & co.ipynb")
    expect(page.locator(".jp-Cell")).to_have_count(2)
    shoot_both(page, "leaving-toolbar")
    page.locator(".jp-NotebookPanel-toolbar").get_by_role("button", name="What the policies say").click()
    dialog = page.locator(".jp-Dialog")
    expect(way(dialog, "Download").locator(".nbkeep-Leaving-badge")).to_have_text("Denied")
    expect(way(dialog, "Export")).to_contain_text("Needs a review")
    expect(way(dialog, "Export")).to_contain_text("Why: secrets (set for everything).")
    expect(way(dialog, "Share")).to_contain_text("Redacted first")
    expect(way(dialog, "Publish").locator(".nbkeep-Leaving-badge")).to_have_text("Allowed")
    found = dialog.locator(".nbkeep-Leaving-found")
    expect(found).to_contain_text("cell 1, line 1")
    expect(found).to_contain_text("cell 2, output 1")
    assert KEY not in dialog.inner_html()
    assert "jane.miller" not in dialog.inner_html()
    expect(dialog).to_contain_text("what stands here is advice")
    shoot_both(page, "leaving")
    dialog.get_by_text("PDF").click()
    address = go_on(page, dialog)
    assert address.endswith("/portal/releases/new?path=churn+%26+co.ipynb&gate=export&form=pdf")
    asked = [one["path"] for one in lab.posts() if not one["path"].startswith("kernels/")]
    assert asked == [], "the session's server was asked to do nothing"


def test_what_was_typed_last_is_looked_at(page: Page, lab: Lab) -> None:
    notebook(lab, "typed.ipynb", "x = 1")
    lab.show(portal_url=f"{lab.url}portal/", leaving=leaving(share="review"))
    open_lab(page, lab, "typed.ipynb")
    page.locator(".jp-Cell .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(f"\nkey = '{KEY}'")
    run_command(page, "nbkeep:let-it-leave")
    dialog = page.locator(".jp-Dialog")
    expect(way(dialog, "Share")).to_contain_text("Needs a review")
    dialog.get_by_role("radio", name="Share").check()
    assert go_on(page, dialog).endswith("path=typed.ipynb&gate=share")


def test_a_save_that_was_stopped_is_said_where_it_is_about_to_leave(page: Page, lab: Lab) -> None:
    notebook(lab, "stopped.ipynb", "x = 1")
    lab.show(portal_url=f"{lab.url}portal/", leaving=leaving(save="deny"))
    open_lab(page, lab, "stopped.ipynb")
    page.locator(".jp-Cell .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(f"\nkey = '{KEY}'")
    run_command(page, "nbkeep:let-it-leave")
    page.locator(".jp-Dialog", has_text="Not saved").get_by_role("button").last.click()
    dialog = page.locator(".jp-Dialog", has_text="Let it leave")
    expect(dialog.get_by_role("alert")).to_contain_text("What leaves is the file as it was saved last.")
    expect(dialog).to_contain_text("Nothing was found in it.")
    shoot(page, "leaving-not-saved")
    dialog.get_by_role("button", name="Cancel").click()


def test_the_file_browser_offers_both_for_a_file_and_none_for_a_folder(page: Page, lab: Lab) -> None:
    (lab.home / "a place of its own").mkdir(exist_ok=True)
    (lab.home / "people.csv").write_text("a,b\n1,2\n")
    open_lab(page, lab)
    item = page.locator(".jp-DirListing-item", has_text="people.csv")
    item.click(button="right")
    menu = page.locator(".lm-Menu")
    expect(menu).to_contain_text("Let It Leave…")
    shoot(page, "leaving-menu")
    with page.context.expect_page() as opened:
        menu.get_by_text("Open Safely…").click()
    opened.value.wait_for_url("**/portal/open-safely?path=people.csv&session=ses_test")
    assert opened.value.evaluate("window.opener") is None
    item.click(button="right")
    page.locator(".lm-Menu").get_by_text("Let It Leave…").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Nothing was found in it.")
    expect(dialog.locator(".nbkeep-Leaving-forms")).to_have_count(0)
    dialog.get_by_role("radio", name="Download").check()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Go on").click()
    assert download.value.suggested_filename == "people.csv"
    page.locator(".jp-DirListing-item", has_text="a place of its own").click(button="right")
    expect(page.locator(".lm-Menu")).to_be_visible()
    expect(page.locator(".lm-Menu")).not_to_contain_text(re.compile("Let It Leave|Open Safely"))


def test_a_session_that_does_not_answer_keeps_nobody_from_the_portal(page: Page, lab: Lab) -> None:
    notebook(lab, "away.ipynb", "x = 1")
    open_lab(page, lab, "away.ipynb")
    page.route("**/nbkeep/api/leaving*", lambda route: route.abort())
    run_command(page, "nbkeep:let-it-leave", path="away.ipynb")
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("What the policies say cannot be told")
    expect(dialog.locator(".nbkeep-Leaving-badge:not(.nbkeep-mod-waiting)")).to_have_count(0)
    dialog.get_by_role("radio", name="Download").check()
    assert go_on(page, dialog).endswith("path=away.ipynb&gate=download"), "nothing leaves on no answer"
