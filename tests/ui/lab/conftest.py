"""A stock JupyterLab with the built extension, a status that tests write, and a browser."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab_world import ROOT, Lab
from playwright.sync_api import Browser, Page, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Generator

HERE = Path(__file__).resolve().parent
expect.set_options(timeout=30_000)  # kernels start slowly where others work on the machine

EXTENSIONS = ROOT / "src" / "nbkeep_runtime" / "server" / "labextension"


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
    port = free_port()
    lab = Lab(url=f"http://127.0.0.1:{port}/", home=home, file=place / "status.json")
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
                f"--ServerApp.port={port}",
                "--ServerApp.jpserver_extensions={'fake_status': True}",
                "--IdentityProvider.token=",
                f"--ServerApp.root_dir={home}",
                "--ServerApp.contents_manager_class=world_contents.WorldContents",
                "--LabApp.expose_app_in_browser=True",
                f"--LabApp.extra_labextensions_path={EXTENSIONS}",
            ],
            env={**os.environ, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(port, server, place / "log")
            yield lab
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            shutil.rmtree(place, ignore_errors=True)


def wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()[-2000:]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/api")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.2)
        else:
            return
        finally:
            connection.close()
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """One Chromium for the tests of a file. Its event loop stays in this thread until it is closed, where no other
    can run."""
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
    opened.set_default_timeout(30_000)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    ours = [error for error in errors if "nbkeep" in error]
    assert not ours, ours
