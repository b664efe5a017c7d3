"""A server extension that answers `nbkeep/api/` from a file, for a stock JupyterLab.

The file named by NBKEEP_FAKE_STATUS holds {"status": …, "usage": …, "state": …, "catalogue": …, "http": 200}; each request
reads it again, so that a test changes the world by writing it. Every POST and DELETE is appended to FILE.posts.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from nbkeep_runtime.server.contents_handlers import DownloadHandler
from nbkeep_runtime.server.examining import handlers
from nbkeep_runtime.server.examining.downloads import Downloads
from nbkeep_runtime.server.examining.examiner import Examiner

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp
    from world_contents import WorldContents

    from nbkeep_runtime.server.office import Office

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


class FakeOffice:
    """The office as those who examine documents see it: what it decided, from the file."""

    @property
    def view(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(FILE.read_text())["status"]
        return status

    def record(self, kind: str, **_fields: object) -> str:
        return kind


def _load_jupyter_server_extension(serverapp: ServerApp) -> None:  # pyright: ignore[reportUnusedFunction] - found by name
    base = serverapp.web_app.settings["base_url"]
    contents = cast("WorldContents", serverapp.contents_manager)
    office = cast("Office", FakeOffice())
    contents.examiner = examiner = Examiner(contents.home, office)
    downloads = Downloads(contents.home, office, examiner.reader)
    examining = handlers.handlers(examiner, downloads)
    files = (r"/files/(.*)", DownloadHandler, {"office": office, "downloads": downloads})
    routes: list[Any] = [(url_path_join(base, route[0]), *route[1:]) for route in (*examining, files)]
    serverapp.web_app.add_handlers(".*$", [*routes, (url_path_join(base, "nbkeep/api/(.+)"), FakeHandler)])
