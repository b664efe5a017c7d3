"""Whole notebooks, suspended for being idle and by the platform's end: the next cell uses their variables."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from lab_parts import Desk, gone, make_profile, notebook, resume
from platform_parts import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from platform_parts import Platform

OWN = (
    "import numpy as np, pandas as pd\nnumbers = np.arange(12.0).reshape(3, 4)\nrow = numbers[1]",
    "table = pd.DataFrame(numbers, columns=list('abcd'))\ncolumn = table['a']",
    "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots()\n_ = axes.plot(numbers)",
    "class Model:\n    def fit(self, data): self.mean = data.mean(); return self\nmodel = Model().fit(numbers)",
    "row[0] += 1; print(numbers[1, 0] == row[0], model.mean, len(axes.lines))",
)
# Each time it is run it changes what it counts, as work does.
PROBE = """kinds = ("ndarray", "DataFrame", "Series", "Figure", "function", "type")
runs = globals().get("runs", 0) + 1
print("run", runs, "finds", sum(type(one).__name__ in kinds for one in list(globals().values())))"""


def documents() -> dict[str, dict[str, Any]]:
    """Return the notebooks to be run by name, each with the probe as its last cell."""
    found: dict[str, dict[str, Any]] = {"own.ipynb": notebook(*OWN)}
    if "NBKEEP_NOTEBOOKS" in os.environ:
        found |= {
            path.name: json.loads(path.read_text())
            for path in sorted(Path(os.environ["NBKEEP_NOTEBOOKS"]).glob("*.ipynb"))
        }
    for document in found.values():
        document["cells"] += notebook(PROBE)["cells"]
        for number, cell in enumerate(document["cells"]):
            cell["id"] = f"cell-{number}"
            if cell["cell_type"] == "code":
                cell |= {"outputs": [], "execution_count": None}
        document["nbformat_minor"] = 5
    return found


def probe(desk: Desk, path: str, last: int) -> str:
    """Run a notebook's last cell and return what it printed."""
    desk.open(path)
    desk.run_cell(last)
    desk.expect_idle()
    printed = desk.cell(last).locator(".jp-OutputArea-output").last
    expect(printed).to_contain_text("finds")
    desk.save()
    return printed.inner_text().strip()


def all_probes(desk: Desk, lasts: dict[str, int], run: int) -> dict[str, str]:
    return {path: probe(desk, path, last).removeprefix(f"run {run} ") for path, last in lasts.items()}


def test_the_next_cell_uses_the_variables_after_an_idle_stop_and_after_down_and_up(
    own_platform: Platform, chromium: Browser
) -> None:
    own_platform.up()
    make_profile(own_platform, "hasty", idle_stop="45s", max_session="1h")
    desk = Desk(chromium, own_platform.person())
    desk.sign_in()
    session = desk.start("hasty", name="work")
    desk.skip_tour()
    lasts: dict[str, int] = {}
    for path, document in documents().items():
        desk.put(path, document)
        desk.open(path)
        lasts[path] = len(document["cells"]) - 1
        desk.menu("Run", "Run All Cells")
        first = desk.panel.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]")).first
        expect(first).to_be_attached()
        desk.expect_idle(240)
        desk.save()
    before = all_probes(desk, lasts, 2)
    assert all(text.startswith("finds ") for text in before.values()), before
    assert int(before["own.ipynb"].removeprefix("finds ")) >= 6

    wait_for(lambda: session.state == "suspended", 240, "the idle stop to suspend it")
    gone(desk)
    resume(desk, session)
    assert all_probes(desk, lasts, 3) == before

    assert own_platform.down().returncode == 0
    own_platform.up()
    assert session.state == "suspended"
    desk.page.goto(f"{own_platform.url}/portal/sessions/{session.id}")
    resume(desk, session)
    assert all_probes(desk, lasts, 4) == before
    session.stop()
    desk.close()
