"""A session server that keeps state, and what tests ask of it."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import asyncio
import base64
import json
import signal
from pathlib import Path
from typing import Any

import psutil
from session_server import Browser, RunningServer, eventually

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


def keeping(
    max_bytes: int = 1 << 30, save_s: float = 40, key: str = KEY, image: str = "sha256:one"
) -> dict[str, str]:
    """Return the environment of a session that keeps its variables."""
    policy = {"keep": True, "max_bytes": max_bytes, "save_s": save_s, "cell_grace_s": save_s / 2}
    return {
        "NBKEEP_STATE_KEY": key,
        "NBKEEP_STATE_POLICY": json.dumps(policy),
        "NBKEEP_IMAGE_DIGEST": image,
    }


def folder_of(server: RunningServer) -> Path:
    return server.state / "checkpoints/ses_1"


def summary_of(server: RunningServer) -> dict[str, Any]:
    return json.loads((folder_of(server) / "state.json").read_text())


def end(server: RunningServer, within_s: float = 90) -> None:
    """End the trusted half as the warden does, and wait."""
    assert server.server is not None
    server.server.send_signal(signal.SIGTERM)
    server.server.wait(within_s)


def begin_again(server: RunningServer, **env: str) -> None:
    """Resume: a new sandbox and a new trusted half with the same folders."""
    init = server.processes[0]
    for orphan in psutil.Process(init.pid).children(recursive=True):
        orphan.kill()  # what a sandbox's end does to all that runs in it
    init.terminate()
    init.wait()
    (server.kernels / "init.sock").unlink(missing_ok=True)
    server.processes = [one for one in server.processes if one.poll() is None]
    server.extra_env |= {"NBKEEP_RESUME": "1", **env}
    server.processes.insert(0, server.start_init())
    server.processes = list(dict.fromkeys(server.processes))
    server.start_server()


def kernel_of(server: RunningServer, path: str) -> str:
    """Return the kernel that a tab of this notebook finds."""
    sessions = server.json("GET", "api/sessions")
    return next(one["kernel"]["id"] for one in sessions if one["path"] == path)


def settled(server: RunningServer) -> list[dict[str, Any]]:
    """Return what came of the resume, once nothing is being restored."""

    def done() -> Any:
        kernels = server.json("GET", "nbkeep/api/state")["resumed"]["kernels"]
        return kernels if all(one["status"] != "restoring" for one in kernels) else None

    return eventually(done, 60)


async def run(server: RunningServer, kernel_id: str, *cells: str) -> str:
    """Run cells one after the other; return what the last one printed."""
    text = ""
    async with Browser(server, kernel_id) as browser:
        for cell in cells:
            text = await browser.run(cell)
    return text


def runs(server: RunningServer, kernel_id: str, *cells: str) -> str:
    return asyncio.run(run(server, kernel_id, *cells))
