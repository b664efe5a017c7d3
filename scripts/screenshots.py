"""Makes the pictures of README and docs from a running nbkeep of its own: `make screenshots`.

Needs Chromium and the image `base` (`make up` builds it). Writes docs/images/*.png.
"""

# The installation and its people lie beside the benchmarks and tests:
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

from installation import Installation  # noqa: E402 - found through the line above

sys.path.append(str(ROOT / "tests"))

from platform_parts import PASSWORD  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = ROOT / "docs/images"
_DATA = """import numpy as np, pandas as pd

rng = np.random.default_rng(7)
days, values = rng.choice(["Mon", "Tue", "Wed", "Thu", "Fri"], 500), rng.gamma(3, 20, 500)
orders = pd.DataFrame({"day": days, "value": values})
orders.describe().T.round(1)"""
_PLOT = 'ax = orders.groupby("day").value.mean().plot.bar(figsize=(7, 2.6), rot=0, title="Mean order")'
_NOTEBOOK_CELLS = (
    ("markdown", "# Orders by weekday\n\nThe sandbox has no network; the data is made here."),
    ("code", _DATA),
    ("code", _PLOT),
)


def notebook() -> dict[str, object]:
    """Return a small notebook with no outputs."""
    cells: list[dict[str, object]] = []
    for number, (kind, source) in enumerate(_NOTEBOOK_CELLS):
        cell: dict[str, object] = {"id": f"c{number}", "cell_type": kind, "metadata": {}, "source": source}
        cells.append(cell | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
    kernel = {"name": "python3", "display_name": "Python 3.11 (base)", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def main() -> None:
    """Start, look, save."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("No Chromium here: install it with `make system`.")
    IMAGES.mkdir(exist_ok=True)
    with Installation() as ours, sync_playwright() as playwright:
        platform = ours.platform
        jane = platform.person("jane", "notebook.admin")
        jane.sign_in()
        session = jane.start(name="orders")
        session.open()
        body = {"type": "notebook", "format": "json", "content": notebook()}
        session.call("PUT", "api/contents/orders.ipynb", body).raise_for_status()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light").new_page()
        page.goto(f"{platform.url}/portal/")
        page.fill("input[name=username]", "jane")
        page.fill("input[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/portal/")
        lab(page, f"{session.url}lab/tree/orders.ipynb")
        for name, path in (("portal", ""), ("people", "admin/users"), ("audit", "admin/audit")):
            page.goto(f"{platform.url}/portal/{path}")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
        browser.close()
    sys.stdout.write(f"Wrote {', '.join(sorted(path.name for path in IMAGES.glob('*.png')))}\n")


def lab(page: Page, address: str) -> None:
    """Open the notebook, run it, and save the picture."""
    page.goto(address)
    shown = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(shown.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible(timeout=60_000)
    skip = page.get_by_role("button", name="Skip")
    expect(skip).to_be_visible(timeout=30_000)
    skip.click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    expect(shown.locator(".jp-OutputArea img")).to_be_visible(timeout=60_000)
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saving completed")).to_be_visible(timeout=30_000)
    page.wait_for_timeout(8000)  # the status item asks for the memory in use every 7 s
    page.screenshot(path=IMAGES / "lab.png", animations="disabled")


if __name__ == "__main__":
    main()
