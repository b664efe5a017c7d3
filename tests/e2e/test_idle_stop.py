"""Idle stop: a warning with "Keep working", then a stop that everybody can explain; running code is never idle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from lab_parts import Desk, make_profile, wait_audit
from platform_parts import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from platform_parts import Platform


def test_an_open_tab_is_idle_a_silent_cell_is_not(platform: Platform, chromium: Browser) -> None:
    make_profile(platform, "hasty", idle_stop="36s", max_session="1h")
    idle, silent = (Desk(chromium, platform.person()) for _ in range(2))
    for desk in (silent, idle):
        desk.sign_in()
    asleep = silent.start("hasty")
    silent.skip_tour()
    silent.write("sleeps.ipynb", "import time\ntime.sleep(60)\nprint('awake')")
    silent.open("sleeps.ipynb")
    silent.run_cell(0)
    left = idle.start("hasty")
    idle.skip_tour()
    idle.write("kept.ipynb", "kept = 1")
    idle.open("kept.ipynb")
    idle.run_cell(0)
    idle.expect_idle()

    bar = idle.page.get_by_role("region", name="Warning before a stop")
    expect(bar).to_contain_text("Nothing runs and nobody types")
    before = left.view["idle_stop_at"]
    bar.get_by_role("button", name="Keep working").click()
    expect(bar).to_have_count(0)
    assert left.view["idle_stop_at"] > before
    expect(bar).to_be_visible()
    idle.shoot("idle-warning")
    gone = idle.page.get_by_role("alertdialog", name="This session is suspended")
    expect(gone).to_contain_text("Nothing ran and nobody worked here for 36 s", timeout=120_000)
    expect(gone).to_contain_text("Your variables are kept")
    idle.shoot("idle-stopped")
    wait_for(lambda: left.state == "suspended", 60, "the session to be suspended")
    assert left.view["stop"]["reason"] == "idle"
    told = platform.run("session", "diagnose", "--session", left.id)
    assert "Suspended after 36 s without work" in told.stdout
    idle.visit("/")
    expect(idle.page.locator("#notices")).to_contain_text("Suspended after 36 s without work")
    idle.shoot("idle-notice")
    idle.close()

    # More than one idle limit went by without a sign of life from this cell.
    finished = wait_audit(platform, asleep, "execution.finished", 120)["data"]
    assert finished["outcome"] == "ok"
    assert finished["duration_s"] >= 60
    expect(silent.panel.locator(".jp-OutputArea-output", has_text="awake")).to_be_visible()
    asleep.stop()
    silent.close()
