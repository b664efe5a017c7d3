"""Suspend and resume as a person meets them: from the portal, from a shell, by reloading, and what is told of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from lab_parts import Desk, gone, notebook, resume, tells_front

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from platform_parts import Platform, Session

OWN_KERNEL = """import json, pathlib, sys
folder = pathlib.Path.home() / ".local/share/jupyter/kernels/mine"
folder.mkdir(parents=True)
argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
_ = (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Mine", "language": "python"}))
"""
CELLS = (
    "import threading\nrows = {'a': [1, 2]}\nalias = rows['a']",
    "worker = threading.Thread(target=print)",
    "alias.append(3); print(rows, 'worker' in globals())",
    OWN_KERNEL,
)


def at_work(platform: Platform, chromium: Browser) -> tuple[Desk, Session]:
    """Return somebody with three notebooks open, one of them with a kernel of their own."""
    desk = Desk(chromium, platform.person())
    desk.sign_in()
    session = desk.start(name="work")
    desk.skip_tour()
    desk.write("two.ipynb", "total = 42", "print('total', total)")
    desk.open("two.ipynb")
    desk.run_cell(0)
    desk.expect_idle()
    desk.save()
    desk.write("one.ipynb", *CELLS)
    with desk.page.expect_response(tells_front("one.ipynb")):
        desk.open("one.ipynb")
    desk.menu("Run", "Run All Cells")
    desk.expect_idle()
    desk.save()
    own = notebook("z = 1")
    own["metadata"] = {"kernelspec": {"name": "mine", "display_name": "Mine", "language": "python"}}
    desk.put("own.ipynb", own)
    desk.page.reload()
    desk.open("own.ipynb")
    desk.run_cell(0)
    desk.expect_idle()
    desk.save()
    with desk.page.expect_response(tells_front("one.ipynb")):
        desk.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="one.ipynb").click()
    return desk, session


def test_suspended_from_portal_and_shell_a_tab_leads_back_to_the_same_notebook(
    platform: Platform, chromium: Browser
) -> None:
    desk, session = at_work(platform, chromium)

    portal = desk.context.new_page()
    portal.goto(f"{platform.url}/portal/sessions/{session.id}")
    portal.get_by_role("button", name="Suspend").click()
    gone(desk)
    portal.close()
    expect(desk.page.locator("#kept")).to_contain_text("1 could not be kept")
    expect(desk.page.locator("#kept")).to_contain_text("Variables of this kernel type are not kept")
    resume(desk, session)

    expect(desk.page.locator(".lm-DockPanel-tabBar .lm-mod-current")).to_contain_text("one.ipynb")
    panel = desk.page.get_by_role("region", name="The session is resumed")
    expect(panel).to_contain_text("9 variables of 2 notebooks are back")
    expect(panel).to_contain_text("A running thread cannot be kept.")
    expect(panel).to_contain_text(re.compile(r"own\.ipynb .*Variables of this kernel type are not kept"))
    desk.shoot("resumed")
    desk.run_cell(2)
    desk.expect_idle()
    expect(desk.cell(2)).to_contain_text("{'a': [1, 2, 3, 3]} False")
    panel.get_by_role("button", name="Run the cells that made it: worker").click()
    desk.page.locator(".jp-Dialog").get_by_role("button", name="Run the Cell").click()
    expect(panel).to_contain_text("Its cell has run.")
    desk.run_cell(2)
    desk.expect_idle()
    expect(desk.cell(2)).to_contain_text("{'a': [1, 2, 3, 3, 3]} True")
    desk.save()

    # From a shell, with the tab reloaded meanwhile: the address leads to the session, too.
    done = platform.run("session", "suspend", session.id)
    assert done.returncode == 0, done.stderr
    assert "Starting JupyterLab" not in done.stderr
    desk.page.goto(session.url + "lab")
    desk.page.get_by_role("link", name="To the session").click()
    expect(desk.page.locator("#ending")).to_contain_text("Suspended by the admin")
    resume(desk, session)
    expect(panel).to_contain_text("9 variables of 2 notebooks are back")
    # What the notice of the end asked for is done.
    expect(desk.page.get_by_role("status", name="Notice")).to_have_count(0)
    session.stop()
    desk.close()
