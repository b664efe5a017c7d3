"""Starts a real session server beside fake peers, and speaks to it as a browser would."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx
from server_peers import SESSION_TOKEN, USER_TOKEN, FakeHub, FakeOffice, Served
from websockets.asyncio.client import ClientConnection, unix_connect

PREFIX = "/user/jane/"
_HERE = Path(__file__).parent
_SRC = _HERE.parents[2] / "src"


def eventually(condition: Any, within_s: float = 15.0) -> Any:
    """Return the condition's first true value, or fail."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.03)
    return value


class RunningServer:
    """One session: folders, peers, plain init, server. Use as a context manager."""

    def __init__(self, **env: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp"))
        self.home = self.root / "home"
        self.state = self.root / "state"
        self.kernels = self.root / "k"
        self.limits = self.root / "limits"
        self.socket = self.root / "server/server.sock"
        for folder in (self.home, self.state, self.kernels, self.limits, self.root / "server"):
            folder.mkdir()
        self.image = self.root / "image"
        self._install_kernelspec()
        self.office = FakeOffice()
        self.extra_env = env
        self.python = sys.executable  # of kernels
        self.processes: list[subprocess.Popen[bytes]] = []
        self.server: subprocess.Popen[bytes] | None = None

    def _install_kernelspec(self) -> None:
        folder = self.image / "share/jupyter/kernels/python3"
        folder.mkdir(parents=True)
        spec = {
            "argv": ["python", "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3",
            "language": "python",
        }
        (folder / "kernel.json").write_text(json.dumps(spec))

    def __enter__(self) -> Self:
        office, hub = self.root / "office/office.sock", self.root / "hub/hub.sock"
        self.peers = Served({office: self.office.app(), hub: FakeHub().app()})
        self.start_init()
        self.start_server()
        return self

    def start_init(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                str(_HERE / "plain_init.py"),
                str(self.kernels / "init.sock"),
                str(self.home),
                self.python,
            ]
        )
        self.processes.append(process)
        eventually((self.kernels / "init.sock").is_socket)
        return process

    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(_SRC),
            "LANG": "C.UTF-8",
            "NBKEEP_SESSION_ID": "ses_1",
            "NBKEEP_SESSION_TOKEN": SESSION_TOKEN,
            "NBKEEP_HOME_DIR": str(self.home),
            "NBKEEP_STATE_DIR": str(self.state),
            "NBKEEP_SERVER_DIR": str(self.root / "server"),
            "NBKEEP_KERNELS_DIR": str(self.kernels),
            "NBKEEP_OFFICE_SOCK": str(self.root / "office/office.sock"),
            "NBKEEP_IMAGE_DIR": str(self.image),
            "NBKEEP_LIMITS_DIR": str(self.limits),
            "NBKEEP_HEARTBEAT_S": "0.5",
            "JUPYTERHUB_SERVICE_URL": f"http+unix://{quote(str(self.socket), safe='')}{PREFIX}",
            "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
            "JUPYTERHUB_API_URL": f"http+unix://{quote(str(self.root / 'hub/hub.sock'), safe='')}/hub/api",
            "JUPYTERHUB_API_TOKEN": "hub-api-token-of-the-server",
            "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-jane",
            "JUPYTERHUB_USER": "jane",
            "JUPYTERHUB_SERVER_NAME": "",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_HOST": "",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{PREFIX}oauth_callback",
            "JUPYTERHUB_OAUTH_SCOPES": '["access:servers!server=jane/"]',
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers!server=jane/"]',
            **self.extra_env,
        }

    def start_server(self, *, wait: bool = True) -> None:
        log = (self.root / "server.log").open("ab")
        command = [sys.executable, "-s", "-P", "-m", "nbkeep_runtime.server"]
        self.server = subprocess.Popen(command, env=self.environment(), cwd=self.home, stdout=log, stderr=log)
        log.close()
        self.processes.append(self.server)
        if wait:
            eventually(self.answers, 30)

    def answers(self) -> bool:
        assert self.server is not None
        assert self.server.poll() is None, self.log()
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(self.socket)) != 0:
                return False
        return self.request("GET", "api").status_code == 200

    def log(self) -> str:
        return (self.root / "server.log").read_text()

    def request(self, method: str, path: str, *, token: str = USER_TOKEN, **kwargs: Any) -> httpx.Response:
        transport = httpx.HTTPTransport(uds=str(self.socket))
        headers = {"Authorization": f"token {token}", "Host": "jane.localhost", **kwargs.pop("headers", {})}
        with httpx.Client(transport=transport, timeout=60) as client:
            return client.request(method, f"http://jane.localhost{PREFIX}{path}", headers=headers, **kwargs)

    def json(self, method: str, path: str, **kwargs: Any) -> Any:
        response = self.request(method, path, **kwargs)
        assert response.status_code < 300, (response.status_code, response.text[:2000], self.log()[-3000:])
        return response.json() if response.content else None

    def put_notebook(self, path: str, *sources: str) -> None:
        cells = [
            {"cell_type": "code", "id": f"c{index}", "metadata": {}, "source": source, "outputs": [],
             "execution_count": None}
            for index, source in enumerate(sources)
        ]  # fmt: skip
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
        self.json(
            "PUT", f"api/contents/{path}", json={"type": "notebook", "format": "json", "content": notebook}
        )

    def open_notebook(self, path: str, kernel: str = "python3") -> str:
        """Start a kernel for a notebook and return its id."""
        body = {"path": path, "name": path, "type": "notebook", "kernel": {"name": kernel}}
        return self.json("POST", "api/sessions", json=body)["kernel"]["id"]

    def __exit__(self, *_exc: object) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.peers.stop()
        shutil.rmtree(self.root, ignore_errors=True)


class Browser:
    """A client of one kernel: JupyterLab's websocket, JSON protocol."""

    def __init__(self, server: RunningServer, kernel_id: str) -> None:
        self.server = server
        self.kernel_id = kernel_id
        self.session = uuid.uuid4().hex
        self.messages: list[dict[str, Any]] = []
        self.uri = f"ws://jane.localhost{PREFIX}api/kernels/{kernel_id}/channels?session_id={self.session}"
        self.headers = {"Authorization": f"token {USER_TOKEN}"}

    async def __aenter__(self) -> Self:
        self.socket: ClientConnection = await unix_connect(
            str(self.server.socket),
            uri=self.uri,
            additional_headers=self.headers,
            max_size=1 << 28,
            open_timeout=90,
        )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.socket.close()

    async def send(self, kind: str, content: dict[str, Any], channel: str = "shell", **metadata: Any) -> str:
        msg_id = uuid.uuid4().hex
        header = {"msg_id": msg_id, "msg_type": kind, "session": self.session, "username": "jane",
                  "date": "2026-01-01T00:00:00Z", "version": "5.3"}  # fmt: skip
        message = {"header": header, "parent_header": {}, "metadata": metadata, "content": content,
                   "channel": channel, "buffers": []}  # fmt: skip
        await self.socket.send(json.dumps(message))
        return msg_id

    async def execute(self, code: str, *, cell_id: str = "c0", silent: bool = False) -> str:
        content = {"code": code, "silent": silent, "store_history": True, "user_expressions": {},
                   "allow_stdin": False, "stop_on_error": True}  # fmt: skip
        return await self.send("execute_request", content, cellId=cell_id)

    async def until_idle(self, msg_id: str, within_s: float = 30) -> str:
        """Return the text that the execution printed, once the kernel is idle again."""
        text = ""
        async with asyncio.timeout(within_s):
            while True:
                message = json.loads(await self.socket.recv())
                self.messages.append(message)
                if message["parent_header"].get("msg_id") != msg_id:
                    continue
                if message["msg_type"] == "stream":
                    text += message["content"]["text"]
                if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    return text

    async def run(self, code: str, **kwargs: Any) -> str:
        return await self.until_idle(await self.execute(code, **kwargs))


def is_root() -> bool:
    return os.geteuid() == 0
