"""REST handlers of the home's files: JSON is made and read in threads, downloads are streamed."""

# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false, reportIncompatibleMethodOverride=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# (tornado's decorators and jupyter_server's handlers are not typed)

from __future__ import annotations

import asyncio
import email.utils
import mimetypes
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import orjson
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler, path_regex
from jupyter_server.services.contents.handlers import (
    CheckpointsHandler,
    ContentsHandler,
    ModifyCheckpointsHandler,
    TrustNotebooksHandler,
)
from tornado import web

from nbkeep_runtime.server import pieces
from nbkeep_runtime.server.examining.downloads import NotDownloaded
from nbkeep_runtime.server.home import clean

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nbkeep_runtime.server.contents import HomeContents
    from nbkeep_runtime.server.examining.downloads import Downloads
    from nbkeep_runtime.server.office import Office

_CHUNK = 1 << 20
_NO_ETAG_BYTES = 1 << 20
_BIG_BYTES = 1 << 20


def to_json(model: Any) -> bytes:
    """Return JSON of a contents model; NaN of old notebooks becomes null, as browsers need."""
    return orjson.dumps(model, option=orjson.OPT_NON_STR_KEYS)


def _from_json(body: bytearray) -> Any:
    return (pieces.incoming(body) if len(body) > _BIG_BYTES else None) or orjson.loads(body)


def to_parts(model: dict[str, Any]) -> list[bytes | memoryview]:
    """Return `to_json` in parts; a content that is made of parts already stays so."""
    content = model.get("content")
    if model["type"] != "notebook" or not isinstance(content, list):
        return [to_json(model)]
    rest = to_json({name: value for name, value in model.items() if name != "content"})
    return [b'{"content":', *content, b"," + rest[1:]]


@web.stream_request_body
class HomeContentsHandler(ContentsHandler):
    """The contents API without work on the event loop; a body is held once, where tornado holds it twice."""

    def initialize(self) -> None:
        """Make room for the body."""
        self._received = bytearray()

    def data_received(self, chunk: bytes) -> None:
        """Take a piece of the body."""
        self._received += chunk

    def get_json_body(self) -> dict[str, Any] | None:
        """Return the JSON of a small body."""
        self.request.body = bytes(self._received)
        return super().get_json_body()

    def compute_etag(self) -> str | None:
        """Skip hashing of big answers, which nobody caches."""
        size = sum(len(part) for part in self._write_buffer)
        return super().compute_etag() if size < _NO_ETAG_BYTES else None

    def _finish_model(self, model: dict[str, Any], location: bool = True) -> Any:
        """Answer with a small model; `get` and `put` send the large ones themselves."""
        if location:
            self.set_header("Location", self.location_url(model["path"]))
        self.set_header("Last-Modified", model["last_modified"])
        self.set_header("Content-Type", "application/json")
        return self.finish(to_json(model))

    @web.authenticated
    @authorized
    async def put(self, path: str = "") -> None:
        """Save a file; a big body is parsed in a thread."""
        if not self._received:
            await self._new_untitled(path)
            return
        body, self._received = self._received, bytearray()
        try:
            model: Any = await asyncio.to_thread(_from_json, body)
        except orjson.JSONDecodeError as error:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "Invalid JSON in body of request") from error
        del body
        if not isinstance(model, dict) or model.get("copy_from"):
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "Cannot copy with PUT, only POST")
        if model.get("type", "") not in {None, "", "directory", "file", "notebook"}:
            model["type"] = "file"
        if await self.contents_manager.file_exists(path):
            await self._save(model, path)
        else:
            await self._upload(model, path)


class HomeGetHandler(HomeContentsHandler):
    """Adds the big answers: folders of many files, notebooks of many outputs."""

    @web.authenticated
    @authorized
    async def get(self, path: str = "") -> None:
        """Return the model of a file or folder, made in a thread and sent in pieces."""
        contents = cast("HomeContents", self.contents_manager)
        kind = self.get_query_argument("type", default=None)
        if kind not in {None, "directory", "file", "notebook"}:
            kind = "file"
        encoding = self.get_query_argument("format", default=None)
        if encoding not in {None, "text", "base64"}:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, f"Format {encoding!r} is invalid")
        content = self._flag("content", "1")
        path = path.strip("/")
        if content:
            await contents.about_to_read(path)
        require_hash = self._flag("hash", "0")

        def read() -> tuple[Any, list[bytes | memoryview]]:
            model = contents.read_model(path, content, kind, encoding, require_hash, in_pieces=True)
            return model["last_modified"], to_parts(model)

        try:
            modified, parts = await contents.threaded(path, read)
        except web.HTTPError as error:
            if error.status_code != HTTPStatus.NOT_FOUND:
                raise
            await self._finish_error(HTTPStatus.NOT_FOUND, f"file or directory {path!r} does not exist")
            return
        self.set_header("Last-Modified", modified)
        self.set_header("Content-Type", "application/json")
        size = sum(map(len, parts))
        if size < _NO_ETAG_BYTES:
            await self.finish(b"".join(parts))
            return
        self.set_header("Content-Length", size)
        parts.reverse()
        while parts:  # what is sent is freed
            view = memoryview(parts.pop())
            for start in range(0, len(view), _CHUNK):
                self.write(bytes(view[start : start + _CHUNK]))
                await self.flush()
        await self.finish()

    def _flag(self, name: str, default: str) -> bool:
        value = self.get_query_argument(name, default=default)
        if value not in {"0", "1"}:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, f"{name} must be 0 or 1")
        return value == "1"


class DownloadHandler(JupyterHandler):
    """Streams a file of the home (`/files/…`), with ranges, confined to an origin of its own."""

    auth_resource = "contents"

    def initialize(self, office: Office, downloads: Downloads) -> None:
        """Take what `app.py` hands over."""
        self._office = office
        self._downloads = downloads

    @property
    def content_security_policy(self) -> str:
        """Return a policy that keeps script of the user's files away from the server's API."""
        return f"{super().content_security_policy}; sandbox allow-scripts"

    @web.authenticated
    @authorized
    async def head(self, path: str) -> None:
        """Answer as `get`, without a body."""
        await self._send(path, with_body=False)

    @web.authenticated
    @authorized
    async def get(self, path: str) -> None:
        """Send the file, or the asked part of it."""
        await self._send(path, with_body=True)

    async def _send(self, path: str, *, with_body: bool) -> None:
        self.check_xsrf_cookie()
        contents = cast("HomeContents", self.contents_manager)
        fd = await contents.threaded(path, contents.home.open_file, path)
        try:
            if self._downloads.is_free(self.request.headers.get("Sec-Fetch-Dest")):
                await self._stream(path, fd, os.fstat(fd), with_body=with_body)
            else:
                async with self._downloads.judged(path) as judged:
                    await self._stream(path, judged, os.fstat(fd), with_body=with_body)
        except NotDownloaded as refusal:
            self.set_status(HTTPStatus.FORBIDDEN)
            self.set_header("Content-Type", "text/html; charset=UTF-8")
            self.write(refusal.page)
        finally:
            os.close(fd)
        await self.finish()

    async def _stream(self, path: str, fd: int, status: os.stat_result, *, with_body: bool) -> None:
        size = os.fstat(fd).st_size
        start, end = self._range(size)
        self._describe(path, status, end - start)
        if with_body:
            if self.get_query_argument("download", default=None) is not None:
                self._office.record("file.downloaded", path=clean(path), bytes=end - start)
            async for chunk in _pieces(fd, start, end):
                self.write(chunk)
                await self.flush()

    def compute_etag(self) -> None:
        """Return none: the time of the last change is enough."""

    def _range(self, size: int) -> tuple[int, int]:
        """Return the asked (start, end); answers 416 when it lies outside."""
        asked = self.request.headers.get("Range", "")
        first, _, last = asked.removeprefix("bytes=").partition("-")
        if not asked.startswith("bytes=") or "," in asked or not (first.isdigit() or last.isdigit()):
            return 0, size
        start = int(first) if first.isdigit() else max(0, size - int(last))
        end = min(size, int(last) + 1) if first.isdigit() and last.isdigit() else size
        if start >= end:
            self.set_header("Content-Range", f"bytes */{size}")
            raise web.HTTPError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        self.set_status(HTTPStatus.PARTIAL_CONTENT)
        self.set_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        return start, end

    def _describe(self, path: str, status: os.stat_result, length: int) -> None:
        name = path.rpartition("/")[2]
        kind, encoding = mimetypes.guess_type(name)
        if name.endswith(".ipynb"):
            kind = "application/x-ipynb+json"
        elif encoding is not None:
            kind = "application/gzip" if encoding == "gzip" else "application/octet-stream"
        elif kind == "text/plain":
            kind = "text/plain; charset=UTF-8"
        self.set_header("Content-Type", kind or "application/octet-stream")
        self.set_header("Content-Length", length)
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Last-Modified", email.utils.formatdate(status.st_mtime, usegmt=True))
        self.set_header("Cache-Control", "no-cache")
        if self.get_query_argument("download", default=None) is not None:
            self.set_attachment_header(name)


async def _pieces(fd: int, start: int, end: int) -> AsyncIterator[bytes]:
    """Give a file's bytes; a file that shrinks meanwhile breaks the download, which the browser tells."""
    while start < end:
        piece = await asyncio.to_thread(os.pread, fd, min(_CHUNK, end - start), start)
        if not piece:
            raise web.HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, "The file became shorter meanwhile.")
        start += len(piece)
        yield piece


def handlers(office: Office, downloads: Downloads) -> list[tuple[Any, ...]]:
    """Return the routes of contents and downloads, in matching order."""
    checkpoint = r"(?P<checkpoint_id>[\w-]+)"
    return [
        (rf"/api/contents{path_regex}/checkpoints", CheckpointsHandler),
        (rf"/api/contents{path_regex}/checkpoints/{checkpoint}", ModifyCheckpointsHandler),
        (rf"/api/contents{path_regex}/trust", TrustNotebooksHandler),
        (rf"/api/contents{path_regex}", HomeGetHandler),
        (r"/files/(.*)", DownloadHandler, {"office": office, "downloads": downloads}),
    ]
