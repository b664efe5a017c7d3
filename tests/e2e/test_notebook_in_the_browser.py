"""Notebooks in a real JupyterLab: run to the end, saved with their outputs, found again as they were left."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from lab_parts import Desk, audit, errors, not_run, tells_front, wait_audit
from platform_parts import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from platform_parts import Platform, Session

CELLS = (
    "import numpy as np, pandas as pd\nnumbers = np.arange(12).reshape(3, 4)\nnumbers",
    "table = pd.DataFrame(numbers, columns=list('abcd'))\ntable.describe()",
    "import matplotlib.pyplot as plt\nplt.plot(np.linspace(0, 6), np.sin(np.linspace(0, 6)))\nplt.show()",
    "print('sum', int(table.to_numpy().sum()))",
)
GIVEN = (
    sorted(Path(os.environ["NBKEEP_NOTEBOOKS"]).glob("*.ipynb")) if "NBKEEP_NOTEBOOKS" in os.environ else []
)


@pytest.fixture(scope="module")
def desk(platform: Platform, chromium: Browser) -> Iterator[Desk]:
    """Somebody new, at their browser."""
    made = Desk(chromium, platform.person())
    made.sign_in()
    yield made
    made.close()


@pytest.fixture(scope="module")
def session(desk: Desk) -> Session:
    """Their first session, opened: they see welcome and tour once."""
    expect(desk.page.get_by_role("heading", name=f"Welcome, {desk.person.name}")).to_be_visible()
    desk.shoot("first-visit")
    made = desk.start(name="work")
    tour = desk.page.locator(".nbkeep-Tour")
    expect(tour).to_contain_text("1 of 5")
    for step in range(2, 6):
        desk.shoot(f"tour-{step - 1}")
        tour.get_by_role("button", name="Next").click()
        expect(tour).to_contain_text(f"{step} of 5")
    desk.shoot("tour-5")
    tour.get_by_role("button", name="Done").click()
    expect(tour).to_have_count(0)
    return made


def test_who_skips_the_tour_at_once_is_not_asked_again(platform: Platform, chromium: Browser) -> None:
    hasty = Desk(chromium, platform.person())
    hasty.sign_in()
    made = hasty.start()
    with hasty.page.expect_response(lambda answer: "/nbkeep/api/tour" in answer.url) as told:
        hasty.skip_tour()  # while its first step still fades in
    assert told.value.ok
    made.stop()
    hasty.close()


def test_a_notebook_runs_to_its_end_and_is_saved_with_its_outputs(desk: Desk, session: Session) -> None:
    desk.write("plan.ipynb", *CELLS)
    desk.open("plan.ipynb")
    desk.menu("Run", "Run All Cells")
    expect(desk.panel.locator(".jp-OutputArea-output", has_text="sum 66")).to_be_visible()
    desk.expect_idle()
    expect(desk.panel.locator(".jp-RenderedHTMLCommon table")).to_be_visible()
    expect(desk.panel.locator(".jp-RenderedImage img")).to_be_visible()
    desk.shoot("notebook")
    desk.save()
    saved = desk.on_disk("plan.ipynb")
    assert errors(saved) == []
    assert not_run(saved) == []
    assert "image/png" in saved["cells"][2]["outputs"][-1]["data"]
    assert "".join(saved["cells"][3]["outputs"][0]["text"]) == "sum 66\n"
    wait_for(
        lambda: len(audit(desk.platform, session, "execution.finished")) >= len(CELLS), 30, "its records"
    )
    assert {one["data"]["outcome"] for one in audit(desk.platform, session, "execution.finished")} == {"ok"}


def test_cells_that_are_run_while_the_kernel_still_starts_are_not_lost(desk: Desk, session: Session) -> None:
    for at in range(2):  # JupyterLab's own executor loses them from the second notebook on
        desk.write(f"quick{at}.ipynb", "answer = 41", "print('answer', answer + 1)")
        desk.open(f"quick{at}.ipynb", wait=False)
        desk.menu("Run", "Run All Cells")
        expect(desk.panel.locator(".jp-OutputArea-output", has_text="answer 42")).to_be_visible()


@pytest.mark.skipif(not GIVEN, reason="set NBKEEP_NOTEBOOKS to a folder of notebooks to run them here")
@pytest.mark.parametrize("path", GIVEN, ids=[one.stem for one in GIVEN])
def test_given_notebooks_run_to_their_end(desk: Desk, session: Session, path: Path) -> None:
    content = json.loads(path.read_text())
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    desk.put(path.name, content)
    desk.open(path.name)
    desk.menu("Run", "Run All Cells")
    expect(desk.panel.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]")).first).to_be_attached()
    desk.expect_idle(240)
    desk.save()
    saved = desk.on_disk(path.name)
    assert errors(saved) == []
    assert not_run(saved) == []
    desk.shoot(f"given-{path.stem}")
    desk.menu("File", "Close and Shut Down Notebook…")
    desk.page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(desk.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tabLabel", has_text=path.name)).to_have_count(0)


def test_a_cell_goes_on_when_its_tab_is_closed_and_its_output_is_there_on_return(
    desk: Desk, session: Session
) -> None:
    desk.write(
        "long.ipynb",
        "import time\nfor i in range(8):\n    print('step', i)\n    time.sleep(1)\nprint('finished')",
    )
    desk.open("long.ipynb")
    desk.run_cell(0)
    expect(desk.panel.get_by_text("step 0")).to_be_visible()
    address = desk.page.url
    desk.page.close()
    wait_for(lambda: session.view["is_busy"], 20, "the office to know that it works")
    desk.page = desk.context.new_page()
    wait_for(lambda: not session.view["is_busy"], 40, "the execution's end without a tab")
    desk.page.goto(address)
    expect(desk.panel.locator(".jp-OutputArea-output", has_text="step 7")).to_contain_text("finished")
    desk.shoot("back-again")


def test_tabs_layout_and_files_are_there_after_a_stop_and_a_start(desk: Desk, session: Session) -> None:
    tabs = desk.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tabLabel")
    expect(tabs.filter(has_text="plan.ipynb")).to_be_visible()
    expect(tabs.filter(has_text="long.ipynb")).to_be_visible()
    desk.panel.locator(".jp-Notebook").click()
    desk.page.get_by_role("tab", name="Property Inspector").click()
    expect(desk.page.locator("#jp-right-stack")).to_be_visible()
    with desk.page.expect_response(tells_front("plan.ipynb")):
        tabs.filter(has_text="plan.ipynb").click()
    desk.visit(f"/sessions/{session.id}")
    desk.page.once("dialog", lambda dialog: dialog.accept())
    desk.page.locator("#stop").click()
    expect(desk.page.locator("#ending")).to_contain_text("Stopped by its user")
    desk.shoot("stopped-by-user")
    desk.page.locator("#again").click()
    desk.arrive()
    expect(tabs.filter(has_text="plan.ipynb")).to_be_visible()
    expect(tabs.filter(has_text="long.ipynb")).to_be_visible()
    expect(desk.page.locator("#jp-right-stack")).to_be_visible()
    expect(desk.panel.locator(".jp-OutputArea-output", has_text="sum 66")).to_be_visible()
    expect(desk.page.locator(".nbkeep-Tour")).to_have_count(0)
    desk.shoot("layout-again")
    desk.visit("/")
    expect(desk.page.locator("#sessions-title")).to_be_visible()
    expect(desk.page.locator("#welcome")).to_have_count(0)


def test_a_terminal_is_in_the_sandbox_and_survives_a_reload(desk: Desk, session: Session) -> None:
    desk.visit("/")
    desk.page.goto(desk.page.get_by_role("link", name="Open work in JupyterLab").get_attribute("href") or "")
    again = desk.arrive()
    desk.menu("File", "New Launcher")
    desk.page.locator(".jp-LauncherCard[data-category='Other']", has_text="Terminal").click()
    terminal = desk.page.locator(".jp-Terminal:not(.lm-mod-hidden)")
    expect(terminal.locator(".xterm")).to_be_visible()
    told = desk.home / "told.txt"
    terminal.click()
    desk.page.keyboard.type(
        "kept=yes; whoami >> told.txt; (exec 3<>/dev/tcp/1.1.1.1/80) 2>> told.txt; ls / >> told.txt\n"
    )
    wait_for(lambda: told.exists() and "usr" in told.read_text(), 30, "the terminal's answer")
    text = told.read_text()
    assert text.splitlines()[0] == "user"
    assert "unreachable" in text
    assert not {"work", "boot", "mnt", "media", "srv", "nbkeep.db", "homes"} & set(text.split())
    desk.shoot("terminal")
    desk.page.reload()
    expect(terminal.locator(".xterm")).to_be_visible()
    terminal.click()
    desk.page.keyboard.type("echo kept=$kept >> told.txt\n")
    wait_for(lambda: "kept=yes" in told.read_text(), 30, "the same terminal")
    assert wait_audit(desk.platform, again, "terminal.opened")
