"""Starts that fail say why at once, and a stop may come at any moment, also twice."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from lab_parts import Desk, make_profile
from platform_parts import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from platform_parts import Platform


@pytest.fixture(scope="module")
def desk(platform: Platform, chromium: Browser) -> Iterator[Desk]:
    """Somebody signed in."""
    made = Desk(chromium, platform.person())
    made.sign_in()
    yield made
    made.close()


def press_start(desk: Desk, profile: str) -> None:
    desk.visit("/")
    desk.page.locator(f"article[data-profile='{profile}']").get_by_role("button", name="Start").click()


def ask(platform: Platform, desk: Desk, name: str, profile: str = "notebook-cpu-small") -> str:
    body = {"profile": profile, "name": name, "user": desk.person.name}
    made = platform.office.post("/sessions", json=body)
    assert made.status_code == 201, made.text
    return made.json()["session_id"]


def state(platform: Platform, session_id: str) -> str:
    return platform.office.get(f"/sessions/{session_id}").json()["state"]


def test_a_server_that_dies_at_once_is_seen_at_once(platform: Platform, desk: Desk) -> None:
    broken = platform.data_dir / "state" / desk.person.name
    broken.parent.mkdir(exist_ok=True)
    broken.write_text("a file where a folder belongs")
    try:
        press_start(desk, "notebook-cpu-small")
        began = time.monotonic()
        expect(desk.page.locator("#ending")).to_be_visible()
        assert time.monotonic() - began < 10
        expect(desk.page.locator("#ending")).to_contain_text("could not be laid out: File exists")
        expect(desk.page.locator("#session")).not_to_contain_text(str(platform.data_dir))
        desk.shoot("start-failed")
    finally:
        broken.unlink()


def test_a_profile_without_capacity_says_so_before_it_is_tried(platform: Platform, desk: Desk) -> None:
    desk.visit("/")
    desk.page.locator("#closed-profiles summary").click()
    card = desk.page.locator("article[data-profile='notebook-gpu-a100']")
    expect(card).to_contain_text(re.compile("no .*a100|capacity", re.IGNORECASE))
    expect(card.get_by_role("button", name="Start")).to_have_count(0)
    desk.shoot("no-capacity", full=True)
    body = {"profile": "notebook-gpu-a100", "user": desk.person.name}
    refused = platform.office.post("/sessions", json=body)
    assert refused.status_code in {409, 403, 503}
    assert refused.json()["remedy"]


def test_an_image_that_is_not_here_is_named_with_what_to_do(platform: Platform, desk: Desk) -> None:
    body = {"name": "odd", "display_name": "Odd", "image": "not-built", "flavor": "notebook-cpu-small"}
    made = platform.office.post("/profiles", json=body)
    if made.status_code == 201:
        desk.visit("/")
        desk.page.locator("#closed-profiles summary").click()
        card = desk.page.locator("article[data-profile='odd']")
        expect(card).to_contain_text("nbkeep image build not-built")
        desk.shoot("unknown-image")
    else:
        assert made.status_code == 400
        assert "not-built" in made.text


def test_a_stop_during_the_start_and_a_second_stop_are_harmless(platform: Platform, desk: Desk) -> None:
    session_id = ask(platform, desk, "hasty")
    for _ in range(2):
        stopped = platform.office.post(f"/sessions/{session_id}/stop", json={"reason": "never mind"})
        assert stopped.status_code == 200, stopped.text
    wait_for(
        lambda: state(platform, session_id) in {"suspended", "stopped", "failed"}, 60, "the end of a start"
    )
    assert platform.office.get(f"/sessions/{session_id}").json()["stop"]["reason"] == "admin"
    assert platform.office.post(f"/sessions/{session_id}/stop").status_code == 200
    # Nothing of it is left, and its name is free again.
    again = ask(platform, desk, "hasty")
    wait_for(lambda: state(platform, again) == "ready", 60, "another start under the same name")
    platform.office.post(f"/sessions/{again}/stop").raise_for_status()
    wait_for(lambda: state(platform, again) in {"suspended", "stopped"}, 60, "its end")


def test_a_profile_that_vanishes_while_it_runs_stops_nobody(platform: Platform, desk: Desk) -> None:
    make_profile(platform, "passing")
    session_id = ask(platform, desk, "passing", "passing")
    wait_for(lambda: state(platform, session_id) == "ready", 60, "the start")
    platform.office.delete("/profiles/passing").raise_for_status()
    desk.visit(f"/sessions/{session_id}")
    expect(desk.page.locator("#running")).to_be_visible()
    desk.page.once("dialog", lambda dialog: dialog.accept())
    desk.page.locator("#stop").click()
    expect(desk.page.locator("#ending")).to_contain_text("Stopped by its user")
