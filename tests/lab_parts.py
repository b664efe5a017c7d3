"""A person at a real browser, in the portal and in JupyterLab, with the steps that journeys share."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Error, Locator, Page, expect

from platform_parts import PASSWORD, Person, Platform, Session, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, BrowserContext, Response

SHOTS = Path(__file__).resolve().parents[1] / "test-results" / "journeys"
PATIENCE_MS = 60_000
WIDE, PHONE = {"width": 1360, "height": 850}, {"width": 360, "height": 740}
# Machines that run tests are slow: what is awaited here would stay wrong, however long one waits.
expect.set_options(timeout=PATIENCE_MS)
Notebook = dict[str, Any]


@dataclass
class Desk:
    """One person's browser, with cookies of its own."""

    browser: Browser
    person: Person
    size: dict[str, int] = field(default_factory=lambda: dict(WIDE))
    dark: bool = False
    context: BrowserContext = field(init=False)
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        scheme = "dark" if self.dark else "light"
        self.context = self.browser.new_context(viewport=self.size, color_scheme=scheme)  # pyright: ignore[reportArgumentType]
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()

    @property
    def platform(self) -> Platform:
        return self.person.platform

    @property
    def home(self) -> Path:
        """The person's home as the host sees it."""
        return self.platform.data_dir / "homes" / self.person.name

    def visit(self, path: str) -> Page:
        """Open a page of the portal."""
        self.page.goto(f"{self.platform.url}/portal{path}")
        return self.page

    def sign_in(self) -> Page:
        """Sign in at the form and arrive at the portal."""
        self.page.goto(f"{self.platform.url}/")
        self.page.fill("input[name=username]", self.person.name)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/portal/")
        return self.page

    def start(self, profile: str = "notebook-cpu-small", name: str = "") -> Session:
        """Press Start on a profile's card and wait until JupyterLab is there."""
        self.visit("/")
        card = self.page.locator(f"article[data-profile='{profile}']")
        if name:
            card.get_by_text("Give it a name").click()
            card.locator("input[name=name]").fill(name)
        card.get_by_role("button", name="Start").click()
        return self.arrive()

    def arrive(self) -> Session:
        """Wait until a start that was asked for has led into JupyterLab."""
        self.page.wait_for_url(re.compile(rf"//{self.person.name}\.localhost.*/lab"))
        expect(self.page.locator(".nbkeep-Item")).to_be_visible(timeout=PATIENCE_MS)
        found = re.search(r"/user/[^/]+/([^/]+)/lab", self.page.url)
        assert found
        mine = self.platform.office.get(
            "/sessions", params={"user": self.person.name, "state": "ready"}
        ).raise_for_status()
        name = found.group(1)
        return Session(
            self.person, next(one["session_id"] for one in mine.json()["items"] if one["name"] == name), name
        )

    def skip_tour(self) -> None:
        """Say no to the guided tour of a first visit."""
        self.page.get_by_role("button", name="Skip the tour").click()
        expect(self.page.locator(".nbkeep-Tour")).to_have_count(0)

    def write(self, name: str, *cells: str) -> None:
        """Put a notebook of code cells into the home, as an upload would."""
        self.put(name, notebook(*cells))

    def put(self, name: str, content: Notebook) -> None:
        """Put a notebook into the home by the session's own door."""
        self.page.evaluate(
            """async ([path, content]) => {
                const base = location.pathname.split('/lab')[0];
                const token = document.cookie.match(/(?:^|; )_xsrf=([^;]+)/)?.[1] ?? '';
                const answer = await fetch(`${base}/api/contents/${path}`, {
                    method: 'PUT', headers: {'X-XSRFToken': token, 'Content-Type': 'application/json'},
                    body: JSON.stringify({type: 'notebook', format: 'json', content})});
                if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
            }""",
            [name, content],
        )

    def open(self, path: str, *, wait: bool = True) -> Locator:
        """Open a notebook by the file browser; return its panel, kernel ready unless one does not wait."""
        self.page.get_by_role("button", name="Refresh the file browser").click()
        self.page.locator(".jp-DirListing-itemText", has_text=path).first.dblclick()
        expect(self.page.locator(".lm-DockPanel-tabBar .lm-mod-current")).to_contain_text(path)
        if wait:
            self.expect_idle()
        return self.panel

    @property
    def panel(self) -> Locator:
        """The notebook that is in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def expect_idle(self, seconds: float = 90) -> None:
        """Wait until the front notebook's kernel is idle and no cell waits."""
        state = self.page.locator("#jp-bottom-panel").get_by_text(" | Idle")
        expect(state).to_be_visible(timeout=seconds * 1000)
        expect(self.panel.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(0, timeout=seconds * 1000)

    def menu(self, menu: str, item: str) -> None:
        """Choose an item of the main menu with the mouse."""
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()

    def cell(self, at: int) -> Locator:
        """A cell of the front notebook."""
        return self.panel.locator(".jp-Cell").nth(at)

    def run_cell(self, at: int) -> None:
        """Run one cell with Shift+Enter."""
        self.cell(at).locator(".cm-content").first.click()
        self.page.keyboard.press("Shift+Enter")

    def save(self) -> None:
        """Save with Ctrl+S and wait until the tab in front has nothing unsaved."""
        self.page.keyboard.press("Control+s")
        expect(self.page.locator(".lm-DockPanel-tabBar .lm-mod-current.jp-mod-dirty")).to_have_count(0)

    def on_disk(self, path: str) -> Notebook:
        """A notebook as its file has it."""
        return json.loads((self.home / path).read_text())

    def shoot(self, name: str, *, full: bool = False) -> None:
        """Keep a picture for a person to look at."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(Error):  # a picture is for people; a busy machine may fail to take it
            self.page.screenshot(path=SHOTS / f"{name}.png", full_page=full)

    def close(self) -> None:
        """Close this browser window with all its tabs."""
        self.context.close()


def tells_front(path: str) -> Callable[[Response], bool]:
    """Return what knows the answer to a save of the layout with this notebook in front.

    JupyterLab saves its layout a second after the last change: what is reloaded before has the older one.
    """

    def is_it(answer: Response) -> bool:
        if "/lab/api/workspaces" not in answer.url or answer.request.method != "PUT":
            return False
        layout = json.loads(answer.request.post_data or "{}")["data"].get("layout-restorer:data", {})
        return layout.get("main", {}).get("current") == f"notebook:{path}"

    return is_it


def gone(desk: Desk) -> Page:
    """Wait until the tab says that the session is suspended, and follow its link to the session's page."""
    told = desk.page.get_by_role("alertdialog", name="This session is suspended")
    expect(told).to_contain_text("Your variables are kept")
    told.get_by_role("link", name="Resume").click()
    return desk.page


def resume(desk: Desk, session: Session) -> None:
    """Press Resume on the session's page and arrive in JupyterLab."""
    desk.page.wait_for_url(f"**/portal/sessions/{session.id}")
    wait_for(lambda: session.state == "suspended", 60, "the session to be suspended")
    desk.page.get_by_role("button", name="Resume").click()
    assert desk.arrive().id == session.id
    desk.expect_idle()


def notebook(*cells: str) -> Notebook:
    """Return a notebook of code cells that have not run."""
    code: list[Notebook] = [{"cell_type": "code", "id": f"cell-{at}", "metadata": {}, "source": cell, "outputs": [],
             "execution_count": None} for at, cell in enumerate(cells)]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": code, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def errors(content: Notebook) -> list[str]:
    """Return the errors among a notebook's outputs."""
    return [
        f"{output['ename']}: {output['evalue']}"
        for cell in content["cells"]
        for output in cell.get("outputs", [])
        if output["output_type"] == "error"
    ]


def not_run(content: Notebook) -> list[str]:
    """Return the code cells that have no number, so did not run."""
    return [
        "".join(cell["source"])
        for cell in content["cells"]
        if cell["cell_type"] == "code" and "".join(cell["source"]).strip() and not cell["execution_count"]
    ]


def audit(platform: Platform, session: Session, kind: str) -> list[dict[str, Any]]:
    """Return a session's audit records of one type."""
    found = platform.office.get("/audit", params={"session": session.id, "type": kind}).raise_for_status()
    return found.json()["items"]


def wait_audit(platform: Platform, session: Session, kind: str, seconds: float = 30) -> dict[str, Any]:
    """Wait for an audit record of a session and return it."""
    return wait_for(lambda: audit(platform, session, kind), seconds, f"{kind} in the audit")[0]


def make_profile(platform: Platform, name: str, *, memory: str = "8GiB", **rules: Any) -> str:
    """Make a flavor and a profile of one name; twice is safe."""
    flavor = {"name": name, "cpu": 1, "memory": memory}
    made = platform.office.post("/flavors", json=flavor)
    assert made.status_code in {201, 409}, made.text
    body = {
        "name": name,
        "display_name": name.replace("-", " ").capitalize(),
        "image": "base",
        "flavor": name,
    }
    made = platform.office.post("/profiles", json=body | rules)
    assert made.status_code in {201, 409}, made.text
    return name
