"""What JupyterLab asks about findings and downloads, under `nbkeep/api/`."""

# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false
# (tornado's decorators and jupyter_server's handlers are not typed)

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import orjson
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from .downloads import NotDownloaded

if TYPE_CHECKING:
    from .downloads import Downloads
    from .examiner import Examiner

_WAIT_S = 20.0
_GONE = {"code": "no-file", "message": "There is no such file.", "remedy": ""}


class _Handler(APIHandler):
    auth_resource = "contents"

    def initialize(self, examiner: Examiner, downloads: Downloads) -> None:
        """Take what `app.py` hands over."""
        self._examiner = examiner
        self._downloads = downloads

    def send(self, body: object, status: int = HTTPStatus.OK) -> None:
        """Answer."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(orjson.dumps(body))


class FindingsHandler(_Handler):
    """GET findings."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return what is in a document; waits until it is examined, and says so where that takes long."""
        try:
            self.send(await self._examiner.told(self.get_query_argument("path"), _WAIT_S))
        except OSError:
            self.send(_GONE, HTTPStatus.NOT_FOUND)


class LeavingHandler(_Handler):
    """GET leaving."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return what would be decided about a document at each way out; waits as the findings do."""
        try:
            self.send(await self._examiner.leaving(self.get_query_argument("path"), _WAIT_S))
        except OSError:
            self.send(_GONE, HTTPStatus.NOT_FOUND)


class DownloadCheckHandler(_Handler):
    """POST download."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Return whether a file may be downloaded, in words where it may not."""
        asked: Any = self.get_json_body()
        path: Any = cast("dict[str, Any]", asked).get("path") if isinstance(asked, dict) else None
        if not isinstance(path, str):
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "`path` must be a file.")
        try:
            await self._downloads.check(path)
        except NotDownloaded as refusal:
            self.send({**refusal.judgement.as_json(), "message": str(refusal)})
        except OSError:
            self.send(_GONE, HTTPStatus.NOT_FOUND)
        else:
            self.send({"decision": "allow", "because": [], "words": "", "message": ""})


def handlers(examiner: Examiner, downloads: Downloads) -> list[tuple[Any, ...]]:
    """Return the routes."""
    parts = {"examiner": examiner, "downloads": downloads}
    return [
        (r"/nbkeep/api/findings", FindingsHandler, parts),
        (r"/nbkeep/api/leaving", LeavingHandler, parts),
        (r"/nbkeep/api/download", DownloadCheckHandler, parts),
    ]
