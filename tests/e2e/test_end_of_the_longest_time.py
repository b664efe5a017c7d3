"""The longest time of a session: its user is warned, cells get a grace, and their variables are kept."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from lab_parts import Desk, audit, make_profile
from platform_parts import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from platform_parts import Platform

GRACE_S = 15
STATUS = re.compile(r"/nbkeep/api/status(\?|$)")  # JupyterLab adds the time to what is asked
ENDLESS = """import time
made = [1, 2, 3]
try:
    while True:
        time.sleep(0.05)
finally:
    ended = time.time()
"""


def test_a_warned_session_gives_running_cells_a_grace_and_keeps_what_they_made(
    own_platform: Platform, chromium: Browser
) -> None:
    with (own_platform.data_dir / "config.toml").open("a") as config:
        config.write(f'cell_grace_s = "{GRACE_S}s"\n')
    own_platform.up()
    make_profile(own_platform, "brief", idle_stop="90s", max_session="90s", max_extension="0s")
    desk = Desk(chromium, own_platform.person())
    desk.sign_in()
    session = desk.start("brief")
    desk.skip_tour()
    ready_at = datetime.fromisoformat(session.view["ready_at"]).timestamp()
    desk.write(
        "short.ipynb", f"import time\nwhile time.time() < {ready_at + 93}: time.sleep(0.05)\nfinished = True"
    )
    desk.open("short.ipynb")
    desk.run_cell(0)
    desk.write("endless.ipynb", ENDLESS, "print(made, ended)")
    desk.open("endless.ipynb")
    desk.run_cell(0)

    bar = desk.page.get_by_role("region", name="Warning before a stop")
    expect(bar).to_contain_text("reaches its maximum length and is suspended in", timeout=90_000)
    expect(bar).to_contain_text("cannot be extended further")
    expect(bar).to_contain_text("A running cell may finish shortly after, then it is interrupted.")
    expect(bar.get_by_role("button", name="Keep working")).to_have_count(0)
    desk.shoot("longest-time-warning")
    # The hub takes the way to a session away before it ends it. The tab hears that by its first question
    # afterwards, perhaps before it has said anything: what it says until then is read while none gets through.
    desk.page.route(STATUS, lambda route: route.abort())
    expect(bar).to_contain_text("This session is being suspended", timeout=110_000)
    desk.shoot("longest-time-due")
    desk.page.unroute(STATUS)

    gone = desk.page.get_by_role("alertdialog", name="This session is suspended")
    expect(gone).to_contain_text("It reached the longest time", timeout=60_000)
    wait_for(lambda: session.state == "suspended", 60, "the session to be suspended")
    assert session.view["stop"]["reason"] == "max-session"

    def outcomes() -> set[str]:
        return {one["data"]["outcome"] for one in audit(own_platform, session, "execution.finished")}

    wait_for(
        lambda: outcomes() == {"ok", "error"}, 60, "the records of both cells"
    )  # the last ones come later
    asked = audit(own_platform, session, "session.stop-requested")[0]["at"]

    desk.visit(f"/sessions/{session.id}").get_by_role("button", name="Resume").click()
    desk.arrive()
    desk.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="endless.ipynb").click()
    desk.run_cell(1)
    desk.expect_idle()
    said = desk.cell(1).locator(".jp-OutputArea-output").inner_text()
    assert said.startswith("[1, 2, 3] ")
    # Not before its grace was over; how much later depends on the machine.
    assert float(said.split()[-1]) - datetime.fromisoformat(asked).timestamp() >= GRACE_S - 1
    desk.close()
