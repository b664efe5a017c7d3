"""Variables that are kept and brought back, as a person sees it in a real JupyterLab and a real browser."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from lab_world import Lab, instant, open_lab, run_command, shoot_both
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.e2e


def notebook(lab: Lab, name: str, *cells: str) -> str:
    """Write a notebook of code cells into the home and return its path."""
    code: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"cell-{at}", "metadata": {}, "source": cell, "outputs": [],
         "execution_count": None} for at, cell in enumerate(cells)
    ]  # fmt: skip
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    document = {"cells": code, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    (lab.home / name).write_text(json.dumps(document))
    return name


def resumed_kernel(path: str, **changes: Any) -> dict[str, Any]:
    """Return a Python kernel of which all came back, with changes."""
    kernel: dict[str, Any] = {"path": path, "name": "python3", "language": "python", "status": "restored", "reason": "",
              "kept": 12, "lost": []}  # fmt: skip
    return {**kernel, **changes}


def lost(name: str, kind: str, reason: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "reason": reason}


def resumed(*kernels: dict[str, Any]) -> dict[str, Any]:
    return {
        "resumed": {"saved_at": instant(hours=-2), "kernels": list(kernels)},
        "saved_at": instant(hours=-2),
    }


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="The session is resumed")


def test_the_details_tell_what_is_kept_and_save_it_now(lab: Lab, page: Page) -> None:
    open_lab(page, lab)
    page.locator(".nbkeep-Item").click()
    details = page.get_by_role("dialog", name="Small CPU")
    expect(details).to_contain_text("Kept when the session stops. Not saved yet.")
    details.get_by_role("button", name="Save state now").click()
    expect(details).to_contain_text(re.compile(r"State kept: saved \d\d:\d\d \(1.2 GiB\)\."))
    assert {"path": "state/save", "body": {}} in lab.posts()
    shoot_both(page, "state-kept")


def test_a_save_that_is_refused_says_why_in_the_details_and_by_the_command(lab: Lab, page: Page) -> None:
    refusal = {
        "code": "state-too-large",
        "message": "The variables need 20 GiB; 16 GiB may be kept.",
        "remedy": "Delete the largest.",
    }
    lab.show(refuse={"state/save": refusal})
    open_lab(page, lab)
    page.locator(".nbkeep-Item").click()
    details = page.get_by_role("dialog", name="Small CPU")
    details.get_by_role("button", name="Save state now").click()
    expect(details.get_by_role("alert")).to_have_text(
        "Not saved: The variables need 20 GiB; 16 GiB may be kept. Delete the largest."
    )
    details.press("Escape")
    run_command(page, "nbkeep:save-state")
    expect(page.locator(".jp-toastContainer")).to_contain_text("16 GiB may be kept")


def test_a_profile_that_keeps_nothing_says_so_and_offers_no_save(lab: Lab, page: Page) -> None:
    lab.show(state={"keeps": False})
    open_lab(page, lab)
    page.locator(".nbkeep-Item").click()
    details = page.get_by_role("dialog", name="Small CPU")
    expect(details).to_contain_text("Not kept when the session stops; your files are.")
    expect(details.get_by_role("button", name="Save state now")).to_have_count(0)
    assert not page.evaluate("window.jupyterapp.commands.isEnabled('nbkeep:save-state')")


def test_after_a_resume_a_panel_tells_what_is_back_until_it_was_read(lab: Lab, page: Page) -> None:
    restoring = resumed_kernel("analysis.ipynb", status="restoring", kept=0)
    lab.show(state=resumed(restoring))
    open_lab(page, lab)
    expect(panel(page)).to_contain_text("Bringing back the variables of analysis.ipynb")
    expect(panel(page).get_by_role("button", name="OK")).to_have_count(0)
    lab.show(state=resumed(resumed_kernel("analysis.ipynb")))
    expect(panel(page)).to_contain_text("12 variables of 1 notebook are back, as they were at")
    panel(page).get_by_role("button", name="OK").click()
    expect(panel(page)).to_have_count(0)
    assert {"path": "state/resumed", "body": None} in lab.posts()


def test_what_could_not_be_kept_is_listed_by_name_and_reason_and_its_cells_run_after_a_question(
    lab: Lab, page: Page
) -> None:
    path = notebook(
        lab,
        "analysis.ipynb",
        "base = 20",
        "conn = base + 1\nprint('made', conn)",
        "conn == 3",
        "rows = [conn]",
    )
    lab.show(
        state=resumed(
            resumed_kernel(
                path,
                lost=[
                    lost("conn", "Connection", "A connection to a server ends with the session."),
                    lost("rows", "generator", "A generator cannot be kept in the middle of its work"),
                    lost("odd", "Widget", "It holds a window of the operating system."),
                ],
            ),
            resumed_kernel("report.ipynb", name="ir", language="R", status="not-kept", kept=0),
        )
    )
    open_lab(page, lab, path)
    told = panel(page).get_by_role("region", name=path)
    row = told.get_by_role("row", name=re.compile("conn"))
    expect(row).to_contain_text("A connection to a server ends with the session.")
    expect(told.get_by_role("row", name=re.compile("rows"))).to_contain_text("in the middle of its work.")
    expect(panel(page)).to_contain_text("3 variables could not be kept. 1 notebook starts without variables.")
    expect(panel(page).get_by_role("region", name="report.ipynb")).to_contain_text(
        "Variables of R kernels are not kept."
    )
    shoot_both(page, "resumed")

    made = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").nth(1)
    row.get_by_role("button", name="Run the cells that made it: conn").click()
    question = page.locator(".jp-Dialog")
    expect(question).to_contain_text("Run this cell again?")
    expect(question.locator("li")).to_have_text(["conn = base + 1 …"])
    shoot_both(page, "resumed-question")
    question.get_by_role("button", name="Cancel").click()
    expect(made.locator(".jp-OutputArea-output")).to_have_count(0)

    told.get_by_role("button", name=re.compile("made all of them")).click()
    expect(page.locator(".jp-Dialog li")).to_have_text(["conn = base + 1 …", "rows = [conn]"])
    page.locator(".jp-Dialog").get_by_role("button", name="Cancel").click()

    told.get_by_role("row", name=re.compile("odd")).get_by_role("button").click()
    expect(told.get_by_role("row", name=re.compile("odd"))).to_contain_text("No cell here gives it a value")

    page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").nth(0).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    row.get_by_role("button", name="Run the cells that made it: conn").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Run the Cell").click()
    expect(made.locator(".jp-OutputArea-output")).to_contain_text("made 21")
    expect(row).to_contain_text("Its cell has run.")


def test_a_stopped_session_that_keeps_variables_leads_to_resuming_it(lab: Lab, page: Page) -> None:
    open_lab(page, lab)
    page.locator(".nbkeep-Item").click()
    expect(page.get_by_role("dialog", name="Small CPU")).to_contain_text("Kept when the session stops")
    lab.show(http=424)
    gone = page.get_by_role("alertdialog")
    expect(gone.get_by_role("heading", name="This session is suspended")).to_be_visible(timeout=60_000)
    expect(gone).to_contain_text("Your variables are kept")
    page_of_it = re.compile(r"^http://localhost:8000/portal/sessions/ses_")
    expect(gone.get_by_role("link", name="Resume")).to_have_attribute("href", page_of_it)


def test_what_the_last_save_could_not_do_is_told_in_the_details_and_by_the_command(
    lab: Lab, page: Page
) -> None:
    lab.show(state={"problems": [{"path": "big.ipynb", "reason": "The variables are too large."}]})
    open_lab(page, lab)
    page.locator(".nbkeep-Item").click()
    details = page.get_by_role("dialog", name="Small CPU")
    expect(details.get_by_role("alert")).to_have_text("big.ipynb was not saved: The variables are too large.")
    details.press("Escape")
    run_command(page, "nbkeep:save-state")
    expect(page.locator(".jp-toastContainer")).to_contain_text("big.ipynb was not saved")


def test_markup_in_names_and_reasons_stays_words(lab: Lab, page: Page) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">"
    lab.show(state=resumed(resumed_kernel(f"{evil}.ipynb", lost=[lost(evil, evil, evil)])))
    open_lab(page, lab)
    expect(panel(page).get_by_role("row")).to_contain_text(evil)
    assert panel(page).locator("img").count() == 0
    assert page.title() != "owned"
