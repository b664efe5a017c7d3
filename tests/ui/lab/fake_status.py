"""A server extension that answers `nbkeep/api/` from a file, for a stock JupyterLab.

The file named by NBKEEP_FAKE_STATUS holds {"status": …, "usage": …, "state": …, "catalogue": …, "http": 200}; each request
reads it again, so that a test changes the world by writing it. Every POST and DELETE is appended to FILE.posts.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

FILE = Path(os.environ.get("NBKEEP_FAKE_STATUS", "fake-status.json"))


class FakeHandler(APIHandler):
    """One handler for every path below nbkeep/api/."""

    def _world(self) -> dict[str, Any]:
        world: dict[str, Any] = json.loads(FILE.read_text())
        world["status"]["now"] = datetime.now(UTC).isoformat()
        return world

    @web.authenticated
    def get(self, path: str) -> None:
        world = self._world()
        self.set_status(world.get("http", 200))
        answers = {"home/usage": world["usage"], "state": world["state"], "catalogue": world["catalogue"]}
        self.finish(json.dumps(answers.get(path, world["status"])))

    @web.authenticated
    def post(self, path: str) -> None:
        world = self._world()
        self._note({"path": path, "body": self.get_json_body()})
        refusal = world.get("refuse", {}).get(path)
        if refusal:
            self.set_status(403)
            self.finish(json.dumps(refusal))
            return
        if path.startswith("catalogue/datasets/"):
            self.finish(json.dumps(world["after"]))
            return
        answers = {
            "extend": world["status"],
            "home/clean": {"freed_bytes": 966367641, **world["usage"]},
            "state/save": {
                **world["state"],
                "saved_at": datetime.now(UTC).isoformat(),
                "bytes": 1_288_490_189,
            },
        }
        self.finish(json.dumps(answers.get(path, {})))

    @web.authenticated
    def delete(self, path: str) -> None:
        self._note({"path": path, "body": None})
        self.set_status(204)
        self.finish()

    def _note(self, asked: dict[str, Any]) -> None:
        with FILE.with_suffix(".posts").open("a") as posts:
            posts.write(json.dumps(asked) + "\n")


def _jupyter_server_extension_points() -> list[dict[str, str]]:  # pyright: ignore[reportUnusedFunction] - found by name
    return [{"module": "fake_status"}]


def _load_jupyter_server_extension(serverapp: ServerApp) -> None:  # pyright: ignore[reportUnusedFunction] - found by name
    base = serverapp.web_app.settings["base_url"]
    serverapp.web_app.add_handlers(".*$", [(url_path_join(base, "nbkeep/api/(.+)"), FakeHandler)])
