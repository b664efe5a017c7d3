"""A stock JupyterLab with the built extension, a status that tests write, and a browser."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
EXTENSIONS = ROOT / "src" / "nbkeep_runtime" / "server" / "labextension"
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
            "network_words": "No network: code here reaches nothing outside",
            "classification": "Public and internal data",
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
        "suggestions": [
            {"path": ".cache/pip", "bytes": int(0.9 * GIB), "why": "Downloads of pip; it fetches them again."},
            {
                "path": "projects/old/.venv",
                "bytes": int(0.5 * GIB),
                "why": "An environment that was not used for 90 days.",
            },
        ],
    }


@dataclass
class Lab:
    """A running JupyterLab, and the world that its fake status shows."""

    url: str
    home: Path
    file: Path
    world: dict[str, Any] = field(default_factory=dict[str, Any])

    def show(self, *, http: int = 200, refuse: dict[str, Any] | None = None, **changes: Any) -> None:
        """Set fields of the status over the quiet one."""
        self.world = {
            "status": {**quiet_status(), **changes},
            "usage": some_usage(),
            "http": http,
            "refuse": refuse or {},
        }
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(self.world))
        fresh.replace(self.file)

    def posts(self) -> list[dict[str, Any]]:
        """Return what the browser has posted since the test began."""
        log = self.file.with_suffix(".posts")
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def lab_server() -> Generator[Lab]:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "build_lab.py"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0 and not EXTENSIONS.exists():
        pytest.skip(f"the JupyterLab extension is not built: {done.stderr.strip()[:400]}")
    assert done.returncode == 0, done.stderr
    place = Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp"))
    home = place / "home"
    home.mkdir()
    lab = Lab(url=f"http://127.0.0.1:{free_port()}/", home=home, file=place / "status.json")
    lab.show()
    settings = {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(place / "config"),
        "JUPYTER_DATA_DIR": str(place / "data"),
        "JUPYTER_RUNTIME_DIR": str(place / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(place / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(place / "workspaces"),
        "PYTHONPATH": str(HERE),
        "NBKEEP_FAKE_STATUS": str(lab.file),
    }
    with (place / "log").open("w") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                *("-m", "jupyterlab", "--no-browser", "--allow-root"),
                f"--ServerApp.port={lab.url.rsplit(':', 1)[1].strip('/')}",
                "--ServerApp.jpserver_extensions={'fake_status': True}",
                "--IdentityProvider.token=",
                f"--ServerApp.root_dir={home}",
                "--LabApp.expose_app_in_browser=True",
                f"--LabApp.extra_labextensions_path={EXTENSIONS}",
            ],
            env={**os.environ, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(lab.url + "api", server, place / "log")
            yield lab
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            shutil.rmtree(place, ignore_errors=True)


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture(scope="session")
def browser() -> Generator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium: install it with `apt-get install chromium`")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def lab(lab_server: Lab) -> Lab:
    """Return the running JupyterLab with a quiet status and no posts."""
    lab_server.file.with_suffix(".posts").unlink(missing_ok=True)
    lab_server.show()
    return lab_server


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    ours = [error for error in errors if "nbkeep" in error]
    assert not ours, ours


def open_lab(page: Page, lab: Lab, path: str = "") -> None:
    """Open JupyterLab (in a fresh layout) and wait for the status item."""
    page.goto(f"{lab.url}lab{'/tree/' + path if path else ''}?reset")
    expect(page.locator(".nbkeep-Item")).to_be_visible(timeout=60_000)


def run_command(page: Page, command: str, **args: Any) -> None:
    """Run one of JupyterLab's commands, as a menu would; some end only with the person's answer."""
    page.evaluate(
        "([id, args]) => { void window.jupyterapp.commands.execute(id, args); }", [command, args]
    )


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
