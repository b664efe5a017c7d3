"""What the tests of the JupyterLab extension share: the fake world, and steps in the browser."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[3]
SHOTS = ROOT / "test-results" / "lab"
GIB = 1024**3


def instant(**ahead: float) -> str:
    """Return the ISO instant that lies so far ahead (as of timedelta)."""
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def quiet_status() -> dict[str, Any]:
    """Return the status of a session in which nothing is the matter."""
    return {
        "session_id": "ses_test",
        "name": "",
        "user": "jane",
        "profile": {
            "name": "notebook-cpu-small",
            "display_name": "Small CPU",
            "description": "For exploring and small data",
            "cpu_millis": 2000,
            "memory_bytes": 8 * GIB,
            "gpu_type": "",
            "gpu_count": 0,
            "price_per_hour_micros": 120000,
            "currency": "EUR",
            "network_words": "No network: code reaches nothing outside its sandbox",
            "classification": "internal",
        },
        "now": instant(),
        "started_at": instant(hours=-1),
        "idle_stop_s": 1800,
        "idle_stop_at": instant(minutes=29, seconds=30),
        "ends_at": instant(hours=7, seconds=30),
        "can_extend_until": instant(hours=11),
        "warning": None,
        "notices": [],
        "tour_done": True,
        "larger_profiles": [
            {"name": "notebook-cpu-large", "display_name": "Large CPU", "memory_bytes": 32 * GIB}
        ],
        "record_code": True,
        "portal_url": "http://localhost:8000/portal/",
        "memory": {"used_bytes": int(1.2 * GIB), "limit_bytes": 8 * GIB, "peak_bytes": int(3.4 * GIB)},
        "home": {"used_bytes": int(3.2 * GIB), "size_bytes": 10 * GIB, "free_bytes": int(6.8 * GIB)},
        "office_reachable": True,
        "deaths": [],
        "leaving": leaving(),
    }


def leaving(save: str = "allow", download: str = "allow", **others: str) -> dict[str, Any]:
    """Return policies by which secrets are treated so at gates; all else, and at other gates all, is allowed."""
    allow = {"decision": "allow", "scope": "default"}
    rest = {"personal": allow, "unread": allow, "nothing": allow}
    return {
        gate: {**rest, "secret": {"decision": decision, "scope": "everywhere"}}
        for gate, decision in {
            "save": save,
            "download": download,
            **dict.fromkeys(("export", "share", "publish"), "allow"),
            **others,
        }.items()
    }


def some_usage() -> dict[str, Any]:
    """Return a home that holds a few things worth deleting."""
    return {
        "measured_at": instant(),
        "folders": [
            {"path": "projects", "bytes": int(1.4 * GIB), "files": 812},
            {"path": ".cache", "bytes": int(1.1 * GIB), "files": 9120},
            {"path": "data/2024", "bytes": int(0.6 * GIB), "files": 12},
            {"path": "notebooks", "bytes": 40 * 1024**2, "files": 31},
        ],
        "files": [{"path": "model.safetensors", "bytes": 5 * GIB}],
        "suggestions": [
            {
                "path": ".cache/pip",
                "bytes": int(0.9 * GIB),
                "why": "Downloads of pip; it fetches them again.",
            },
            {
                "path": "projects/old/.venv",
                "bytes": int(0.5 * GIB),
                "why": "An environment that was not used for 90 days.",
            },
        ],
    }


def no_catalogue() -> dict[str, Any]:
    """Return the catalogue of an organisation that has none."""
    return {"now": instant(), "profile": "notebook-cpu-small", "longest_s": 28800, "datasets": [],
            "connections": [], "packages": []}  # fmt: skip


def no_state() -> dict[str, Any]:
    """Return what a session answers that keeps variables, has saved none, and was not resumed."""
    return {"keeps": True, "saved_at": None, "bytes": None, "saving": False, "resumed": None}


@dataclass
class Lab:
    """A running JupyterLab, and the world that its fake status shows."""

    url: str
    home: Path
    file: Path
    world: dict[str, Any] = field(default_factory=dict[str, Any])

    def show(
        self,
        *,
        http: int = 200,
        refuse: dict[str, Any] | None = None,
        state: dict[str, Any] | None = None,
        catalogue: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        """Set fields of the status over the quiet one; `after`: the catalogue that a request answers with."""
        found = {**no_catalogue(), **(catalogue or {})}
        self.world = {
            "status": {**quiet_status(), **changes},
            "usage": some_usage(),
            "state": {**no_state(), **(state or {})},
            "catalogue": found,
            "after": {**found, **(after or {})},
            "http": http,
            "refuse": refuse or {},
        }
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(self.world))
        fresh.replace(self.file)

    def posts(self) -> list[dict[str, Any]]:
        """Return what the browser has posted or deleted since the test began."""
        log = self.file.with_suffix(".posts")
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def open_lab(page: Page, lab: Lab, path: str = "") -> None:
    """Open JupyterLab (in a fresh layout) and wait for the status item."""
    page.goto(f"{lab.url}lab{'/tree/' + path if path else ''}?reset")
    expect(page.locator(".nbkeep-Item")).to_be_visible(timeout=60_000)


def run_command(page: Page, command: str, **args: Any) -> None:
    """Run one of JupyterLab's commands, as a menu would; some end only with the person's answer."""
    page.evaluate("([id, args]) => { void window.jupyterapp.commands.execute(id, args); }", [command, args])


def shoot_both(page: Page, name: str) -> None:
    """Keep a picture in the light theme and one in the dark."""
    for theme, suffix in (("JupyterLab Dark", "dark"), ("JupyterLab Light", "light")):
        run_command(page, "apputils:change-theme", theme=theme)
        page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
        page.wait_for_timeout(400)  # fonts and colours fade in
        shoot(page, f"{name}-{suffix}")


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page for a person to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
