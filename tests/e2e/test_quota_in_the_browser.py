"""A tiny quota as a person meets it: warned, suspended with every variable, asks, is given more, goes on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid4

from playwright.sync_api import expect

from lab_parts import Desk
from platform_parts import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from platform_parts import Platform


def test_a_used_up_quota_suspends_and_more_of_it_brings_everything_back(
    platform: Platform, chromium: Browser
) -> None:
    jane = Desk(chromium, platform.person())
    admin = Desk(chromium, platform.person(f"ada{uuid4().hex[:4]}", role="notebook.admin"))
    name = jane.person.name
    done = platform.run("quota", "set", "--user", name, "--hours-month", "1.3min")
    assert done.returncode == 0, done.stderr
    jane.sign_in()
    session = jane.start(name="work")
    jane.skip_tour()
    jane.write("sums.ipynb", "kept = [41]", "kept.append(1); print(sum(kept))")
    jane.open("sums.ipynb")
    jane.run_cell(0)
    jane.expect_idle()
    jane.save()

    told = jane.page.get_by_text(re.compile(r"quota of .* is 1\.3 min of compute a month"))
    expect(told.first).to_be_visible(timeout=150_000)
    jane.shoot("quota-warned")
    wait_for(lambda: session.state == "suspended", 240, "the quota to suspend it")
    page = jane.visit(f"/sessions/{session.id}")
    expect(page.locator("#main")).to_contain_text(re.compile(r"quota of .* is 1\.3 min of compute a month"))
    expect(page.locator("#main")).to_contain_text("It is back on 1 ")
    jane.shoot("quota-suspended")
    refused = platform.run("session", "resume", session.id)
    assert refused.returncode == 1
    assert "are used" in refused.stderr

    page.get_by_role("link", name="Ask for more").click()
    page.get_by_label("What it is for").fill("The sums are not done")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_text("Waits for an answer")).to_be_visible()
    admin.sign_in()
    board = admin.visit("/quotas")
    expect(board.locator("#requests")).to_contain_text("The sums are not done")
    board.get_by_role("button", name=f"Give {name} more").click()
    expect(board.locator("#requests")).to_have_count(0)
    admin.shoot("quotas", full=True)

    jane.visit(f"/sessions/{session.id}").get_by_role("button", name="Resume").click()
    assert jane.arrive().id == session.id
    jane.expect_idle()
    jane.run_cell(1)
    expect(jane.cell(1).locator(".jp-OutputArea-output")).to_have_text("42\n")
    board = admin.visit("/admin/dashboard")
    expect(board.locator("figure#spend-by-user[data-chart] canvas")).to_be_visible()
    # The chart has the largest ones, and other tests' people may have spent more.
    spent = admin.context.request.get(f"{platform.url}/portal/admin/dashboard/spend-by-user.csv")
    assert any(line.startswith(f'"{name}",') for line in spent.text().splitlines()), spent.text()
    admin.shoot("dashboard-after-a-quota", full=True)
    session.stop()
    jane.close()
    admin.close()
