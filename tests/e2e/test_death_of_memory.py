"""A kernel that needs more memory than its profile has: told in its notebook; everything else goes on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from lab_parts import Desk, make_profile, wait_audit

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from platform_parts import Platform

GREEDY = "import numpy as np\nkept = []\nwhile True:\n    kept.append(np.ones(4 << 20))"


def test_a_kernel_that_dies_of_memory_says_so_and_nothing_else_dies(
    platform: Platform, chromium: Browser
) -> None:
    make_profile(platform, "tiny", memory="600MiB")
    desk = Desk(chromium, platform.person())
    desk.sign_in()
    session = desk.start("tiny")
    desk.skip_tour()
    desk.write("modest.ipynb", "kept = 42", "print('still', kept)")
    desk.open("modest.ipynb")
    desk.run_cell(0)
    desk.expect_idle()
    desk.write("greedy.ipynb", GREEDY)
    desk.open("greedy.ipynb")
    desk.run_cell(0)

    banner = desk.panel.get_by_role("alert", name="The kernel ran out of memory")
    expect(banner).to_be_visible()
    expect(banner).to_contain_text(re.compile(r"used \d+ MiB of the session's 600 MiB"))
    expect(banner).to_contain_text("CPU small (8 GiB)")
    expect(desk.page.locator(".jp-Dialog:not(.lm-mod-hidden)")).to_have_count(0)
    desk.shoot("kernel-died-of-memory")
    banner.get_by_role("button", name="Restart kernel").click()
    expect(banner).to_have_count(0)
    desk.expect_idle()

    desk.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tabLabel", has_text="modest.ipynb").click()
    desk.run_cell(1)
    expect(desk.panel.get_by_text("still 42")).to_be_visible()
    assert session.state == "ready"
    died = wait_audit(platform, session, "kernel.died")["data"]
    assert died["reason"] == "out-of-memory"
    assert died["memory_limit_bytes"] == 600 << 20
    assert died["memory_used_bytes"] > 400 << 20
    told = platform.office.get(f"/sessions/{session.id}/diagnose").json()
    assert any("600 MiB" in finding["line"] for finding in told["findings"])
    session.stop()
    desk.close()
