"""The JupyterLab extension in a real JupyterLab and a real browser."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from lab_world import GIB, Lab, instant, open_lab, run_command, shoot, shoot_both
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.e2e


KILL = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"


def notebook(lab: Lab, name: str, *cells: str) -> str:
    """Write a notebook of code cells into the home and return its path."""
    code: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": str(at),
            "metadata": {},
            "source": cell,
            "outputs": [],
            "execution_count": None,
        }
        for at, cell in enumerate(cells)
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    document: dict[str, Any] = {"cells": code, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    (lab.home / name).write_text(json.dumps(document))
    return name


def out_of_memory(path: str) -> dict[str, Any]:
    """Return the death, just now, of a notebook's kernel that used all memory."""
    large = {"name": "notebook-cpu-large", "display_name": "Large CPU", "memory_bytes": 32 * GIB}
    return {
        "kernel_id": "any",
        "path": path,
        "at": instant(),
        "reason": "out-of-memory",
        "message": "",
        "memory_used_bytes": int(7.96 * GIB),
        "memory_limit_bytes": 8 * GIB,
        "larger_profiles": [large],
    }


def test_the_status_item_tells_profile_memory_and_time(lab: Lab, page: Page) -> None:
    open_lab(page, lab)
    item = page.locator(".nbkeep-Item")
    expect(item).to_contain_text("Small CPU")
    expect(item).to_contain_text("1.2 of 8 GiB")
    expect(item).to_contain_text("idle stop 29 min")
    expect(item).to_contain_text("ends 7 h")
    expect(item).to_have_attribute("aria-label", re.compile("Stops for being idle in 29 min"))
    shoot_both(page, "status-item")


def test_a_click_shows_everything_in_words_and_escape_closes_it(lab: Lab, page: Page) -> None:
    open_lab(page, lab)
    page.locator(".nbkeep-Item").click()
    details = page.get_by_role("dialog", name="Small CPU")
    expect(details).to_contain_text("3.2 of 10 GiB")
    expect(details).to_contain_text("€0.12 an hour")
    expect(details).to_contain_text("No network")
    expect(details).to_contain_text("Data up to internal")
    expect(details.get_by_role("link", name="Open portal")).to_have_attribute(
        "href", "http://localhost:8000/portal/"
    )
    shoot_both(page, "details")
    details.press("Escape")
    expect(details).to_have_count(0)
    expect(page.locator(".nbkeep-Item")).to_be_focused()


def test_suggestions_are_deleted_only_after_a_confirmation(lab: Lab, page: Page) -> None:
    open_lab(page, lab)
    page.locator(".nbkeep-Item").click()
    page.get_by_role("button", name="Show what uses space").click()
    expect(page.get_by_role("table", name="Large files")).to_contain_text("model.safetensors")
    page.get_by_role("checkbox", name=re.compile("pip")).check()
    page.get_by_role("button", name="Delete 922 MiB…").click()
    shoot_both(page, "home")
    assert not [post for post in lab.posts() if post["path"] == "home/clean"]
    page.get_by_role("button", name="Delete 922 MiB", exact=True).click()
    expect(page.get_by_text("Deleted; 922 MiB are free again.")).to_be_visible()
    assert {"path": "home/clean", "body": {"paths": [".cache/pip"]}} in lab.posts()


def test_a_warning_counts_down_and_keep_working_extends(lab: Lab, page: Page) -> None:
    lab.show(
        warning={
            "kind": "idle",
            "at": instant(minutes=4, seconds=30),
            "extendable": True,
            "text": "This session has been idle for 25 min and will be stopped.",
        },
        idle_stop_at=instant(minutes=4, seconds=30),
    )
    open_lab(page, lab)
    bar = page.get_by_role("region", name="Warning before a stop")
    expect(bar).to_contain_text("idle for 25 min")
    expect(bar.locator(".nbkeep-Bar-count")).to_have_text(re.compile(r"4:[012]\d"))
    expect(bar.get_by_role("alert")).to_contain_text("stops in less than 5 min")
    shoot_both(page, "warning")
    lab.show()
    bar.get_by_role("button", name="Keep working").click()
    expect(bar).to_have_count(0)
    assert {"path": "extend", "body": {}} in lab.posts()


def test_a_refused_extension_says_why(lab: Lab, page: Page) -> None:
    refusal = {
        "code": "max-session",
        "message": "Not extended: the profile allows 8 h.",
        "remedy": "Save, and start again.",
    }
    warning = {
        "kind": "max-session",
        "at": instant(seconds=50),
        "extendable": True,
        "text": "This session reaches its longest time.",
    }
    lab.show(warning=warning, ends_at=instant(seconds=50), refuse={"extend": refusal})
    open_lab(page, lab)
    page.get_by_role("button", name="Keep working").click()
    expect(page.get_by_text("the profile allows 8 h. Save, and start again.")).to_be_visible()
    shoot(page, "warning-refused")


def test_where_policy_allows_no_more_there_is_no_button(lab: Lab, page: Page) -> None:
    warning = {
        "kind": "max-session",
        "at": instant(minutes=5),
        "extendable": False,
        "text": "This session ends in 5 min. It cannot be extended further: save your work.",
    }
    lab.show(warning=warning, ends_at=instant(minutes=5))
    open_lab(page, lab)
    expect(page.get_by_role("region", name="Warning before a stop")).to_contain_text(
        "cannot be extended further"
    )
    expect(page.get_by_role("button", name="Keep working")).to_have_count(0)


def test_a_kernel_that_died_of_memory_says_so_in_its_notebook(lab: Lab, page: Page) -> None:
    name = notebook(lab, "hungry.ipynb", KILL)
    open_lab(page, lab, name)
    panel = page.locator(".jp-NotebookPanel")
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    lab.show(deaths=[out_of_memory(name)])
    panel.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    banner = panel.get_by_role("alert", name="The kernel ran out of memory")
    expect(banner).to_contain_text("ran out of memory: it used 8 of 8 GiB")
    expect(banner).to_contain_text("“Large CPU” has 32 GiB")
    page.wait_for_timeout(8_000)  # the stock dialog would have come, and would stay
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    shoot_both(page, "death")
    banner.get_by_role("button", name="Dismiss").click()
    expect(banner).to_have_count(0)
    page.reload()
    expect(page.locator(".nbkeep-Item")).to_be_visible(timeout=60_000)
    expect(panel.locator(".jp-Cell").first).to_be_visible()
    page.wait_for_timeout(1_000)
    expect(banner).to_have_count(0)


def test_a_cause_that_is_learned_later_takes_the_stock_dialogs_place(lab: Lab, page: Page) -> None:
    name = notebook(lab, "late.ipynb", KILL)
    open_lab(page, lab, name)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    page.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(".jp-Dialog.lm-mod-hidden", state="attached")
    lab.show(deaths=[out_of_memory(name)])
    banner = page.get_by_role("alert", name="The kernel ran out of memory")
    expect(banner).to_be_visible()
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    banner.get_by_role("button", name="Restart kernel").click()
    expect(banner).to_have_count(0)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()


def test_a_death_without_a_known_cause_keeps_the_stock_dialog(lab: Lab, page: Page) -> None:
    name = notebook(lab, "mystery.ipynb", KILL)
    open_lab(page, lab, name)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    page.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_role("dialog")).to_contain_text("appears to have died", timeout=45_000)


def test_notices_are_told_in_full_and_dismissed(lab: Lab, page: Page) -> None:
    reason = (
        "an open question about job 4711 that you asked in the help channel on Tuesday; nothing was changed"
    )
    lab.show(
        notices=[
            {
                "id": "not_1",
                "kind": "access",
                "text": f"The admin ada entered your session: {reason}.",
                "at": instant(hours=-2),
            },
            {
                "id": "not_2",
                "kind": "home-full",
                "text": "Your home is full (10 of 10 GiB): saving may fail.",
                "at": instant(),
            },
        ]
    )
    open_lab(page, lab)
    visit = page.get_by_role("status", name="Notice").filter(has_text="ada")
    expect(visit).to_contain_text("nothing was changed")
    shoot_both(page, "notices")
    page.get_by_role("status", name="Notice").get_by_role("button", name="Show what uses space").click()
    expect(page.get_by_role("dialog", name="Small CPU")).to_contain_text("projects/old/.venv")
    visit.get_by_role("button", name="Dismiss").click()
    expect(visit).to_have_count(0)
    assert {"path": "notices/not_1/dismiss", "body": {}} in lab.posts()


def test_the_tour_runs_by_keyboard_and_only_once(lab: Lab, page: Page) -> None:
    lab.show(tour_done=False)
    open_lab(page, lab)
    tour = page.locator(".nbkeep-Tour")
    expect(tour).to_contain_text("Welcome to your workspace")
    expect(tour.get_by_role("button", name="Next")).to_be_focused()
    shoot_both(page, "tour-1")
    for step, title in enumerate(
        ["Your files", "Notebooks and terminals", "Time and memory", "The portal, and this tour again"],
        start=2,
    ):
        page.keyboard.press("Enter")
        expect(tour).to_contain_text(title)
        expect(tour).to_contain_text(f"{step} of 5")
        page.wait_for_timeout(600)
        shoot(page, f"tour-{step}")
    shoot_both(page, "tour-5")
    page.keyboard.press("Escape")
    expect(tour).to_have_count(0)
    page.wait_for_timeout(500)
    assert lab.posts() == [{"path": "tour", "body": {"done": True}}]
    lab.show()
    run_command(page, "nbkeep:tour")
    expect(tour).to_contain_text("Welcome to your workspace")


def test_the_commands_are_in_the_palette_and_the_portal_in_the_menu(lab: Lab, page: Page) -> None:
    open_lab(page, lab)
    # The palette closes when something else takes the focus, as the launcher does that JupyterLab opens by itself.
    expect(page.locator(".jp-Launcher")).to_be_visible()
    page.evaluate("() => window.jupyterapp.restored.then(() => undefined)")
    expect(page.locator("#modal-command-palette")).to_be_attached()
    run_command(page, "apputils:activate-command-palette")
    expect(page.locator("input.lm-CommandPalette-input")).to_be_focused()
    page.keyboard.type("nbkeep")
    for label in ("Show Session Details", "Keep Working", "nbkeep Portal", "Guided Tour of nbkeep"):
        expect(page.locator(".lm-CommandPalette-item", has_text=label)).to_be_visible()
    shoot(page, "palette")
    page.keyboard.press("Escape")
    page.get_by_role("menuitem", name="File").click()
    expect(page.get_by_role("menuitem", name="nbkeep Portal")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Hub Control Panel")).to_have_count(0)
    shoot(page, "menu")


def test_a_stopped_session_is_told_in_full(lab: Lab, page: Page) -> None:
    lab.show(idle_stop_at=instant(seconds=5), state={"keeps": False})
    open_lab(page, lab)
    lab.show(http=424, idle_stop_at=instant(seconds=5))
    message = page.get_by_role("alertdialog", name="This session has ended")
    expect(message).to_be_visible(timeout=30_000)
    expect(message).to_contain_text("Your files are kept")
    expect(message).to_contain_text("Nothing ran and nobody worked here")
    expect(message).to_contain_text("Variables in memory are gone.")
    expect(message.get_by_role("link", name="Start again")).to_have_attribute(
        "href", re.compile(r"^http://localhost:8000/portal/sessions/ses_")
    )
    expect(page.get_by_role("dialog")).to_have_count(0)
    shoot_both(page, "stopped")


def test_a_network_that_is_away_is_a_quiet_mark(lab: Lab, page: Page) -> None:
    open_lab(page, lab)
    page.context.set_offline(True)
    expect(page.locator(".nbkeep-Item")).to_contain_text("Not connected", timeout=20_000)
    page.wait_for_timeout(8_000)
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    shoot(page, "offline")
    page.context.set_offline(False)
    expect(page.locator(".nbkeep-Item")).not_to_contain_text("Not connected", timeout=20_000)


def test_an_unreachable_platform_is_a_quiet_mark(lab: Lab, page: Page) -> None:
    lab.show(office_reachable=False)
    open_lab(page, lab)
    expect(page.locator(".nbkeep-Item")).to_contain_text("nbkeep is away")
    shoot_both(page, "office-away")


def test_a_browser_that_was_signed_out_is_told_so(lab: Lab, page: Page) -> None:
    open_lab(page, lab)
    lab.show(http=403)
    expect(page.locator(".nbkeep-Item")).to_contain_text("Signed out", timeout=20_000)
    expect(page.get_by_role("alertdialog")).to_have_count(0)


def test_a_home_that_is_nearly_full_is_told_before_a_save_fails(lab: Lab, page: Page) -> None:
    lab.show(home={"used_bytes": int(9.9 * GIB), "size_bytes": 10 * GIB, "free_bytes": int(0.1 * GIB)})
    open_lab(page, lab)
    bar = page.get_by_role("status", name="Home is full")
    expect(bar).to_contain_text("nearly full (9.9 of 10 GiB)")
    bar.get_by_role("button", name="Show what uses space").click()
    expect(page.get_by_role("dialog", name="Small CPU")).to_contain_text("May be deleted")
    shoot_both(page, "home-full")


def test_a_narrow_window_keeps_the_profile_and_what_is_urgent(lab: Lab, page: Page) -> None:
    page.set_viewport_size({"width": 800, "height": 600})
    warning = {
        "kind": "idle",
        "at": instant(minutes=2),
        "extendable": True,
        "text": "This session has been idle for 28 min and will be stopped.",
    }
    lab.show(warning=warning, idle_stop_at=instant(minutes=2))
    open_lab(page, lab)
    expect(page.locator(".nbkeep-Item")).to_contain_text("idle stop")
    expect(page.get_by_role("button", name="Keep working")).to_be_in_viewport()
    shoot(page, "narrow")
    page.locator(".nbkeep-Item").click()
    expect(page.get_by_role("dialog", name="Small CPU")).to_be_in_viewport()
    shoot(page, "narrow-details")


def test_markup_in_the_words_of_a_profile_stays_words(lab: Lab, page: Page) -> None:
    profile = {
        "name": "p",
        "display_name": "<img src=x onerror=window.planted=1>",
        "network_words": "<img src=x onerror=window.planted=1>",
    }
    lab.show(profile=profile, tour_done=False)
    open_lab(page, lab)
    tour = page.locator(".nbkeep-Tour")
    expect(tour).to_contain_text("Welcome")
    page.wait_for_timeout(1000)  # keys rest while the spotlight moves
    page.keyboard.press("ArrowRight")
    expect(tour).to_contain_text("Your files")
    page.wait_for_timeout(1000)
    page.keyboard.press("ArrowRight")
    expect(tour).to_contain_text("<img src=x")
    assert page.evaluate("window.planted") is None
