"""The contents manager of a session: JupyterLab's view of the home.

Everything that touches the disk runs in a thread, resolves beneath the home (`home.py`) and replaces files
atomically (`atomic.py`). What cannot be done is said in words, with a status that JupyterLab shows.
"""

# pyright: reportUnknownMemberType=false, reportIncompatibleMethodOverride=false
# (jupyter_server declares neither its traits nor the contents API's parameters)

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import errno
import functools
import hashlib
import os
import re
import shutil
import stat
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, ParamSpec, TypeVar, cast

from jupyter_server.services.contents.manager import AsyncContentsManager
from tornado import web
from traitlets import Instance, default

from nbkeep_runtime.server import atomic, listing, merge, notebooks, pieces
from nbkeep_runtime.server.examining.examiner import NotSaved
from nbkeep_runtime.server.home import Home, OutsideHome, clean
from nbkeep_runtime.server.trust import TrustStore
from nbkeep_runtime.server.words import size_words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nbkeep_runtime.server.checkpoints import HomeCheckpoints
    from nbkeep_runtime.server.examining.examiner import Examiner

P = ParamSpec("P")
T = TypeVar("T")
Model = dict[str, Any]
_GIB = 1024**3
_COPY_LIMIT_BYTES = 5 * _GIB
_BIG_BYTES = 1 << 20


def _said(path: str, home: Home, error: OSError) -> web.HTTPError:
    """Translate what the kernel refused into what a person can do."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return web.HTTPError(HTTPStatus.NOT_FOUND, f"No such file or folder: {path}")
    if isinstance(error, OutsideHome) or error.errno in {errno.EXDEV, errno.ELOOP, errno.ENXIO}:
        return web.HTTPError(HTTPStatus.FORBIDDEN, f"{path} leads out of your home, or is no plain file.")
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        size, free = home.space()
        return web.HTTPError(
            HTTPStatus.INSUFFICIENT_STORAGE,
            f"Not saved: your home is full ({size_words(size - free)} of {size_words(size)} used)."
            f" The file on disk is unchanged: {path}. Delete something, or ask an admin for a larger home.",
        )
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return web.HTTPError(HTTPStatus.FORBIDDEN, f"Permission denied: {path}")
    if isinstance(error, FileExistsError):
        return web.HTTPError(HTTPStatus.CONFLICT, f"There is a file of that name already: {path}")
    if isinstance(error, IsADirectoryError):
        return web.HTTPError(HTTPStatus.BAD_REQUEST, f"{path} is a folder.")
    if error.errno == errno.ENAMETOOLONG:
        return web.HTTPError(HTTPStatus.BAD_REQUEST, "The name is too long.")
    return web.HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, f"{path}: {error.strerror or error}")


class HomeContents(AsyncContentsManager):
    """Files of one home for Jupyter Server's contents API."""

    home = Instance(Home)
    trust = Instance(TrustStore)

    @default("home")
    def _home(self) -> Home:
        return self.parent.home  # type: ignore[union-attr]

    @default("trust")
    def _trust(self) -> TrustStore:
        return self.parent.trust  # type: ignore[union-attr]

    examiner: Examiner | None = None  # set by app.py: looks at what is saved
    before_open: Callable[[str], Awaitable[None]] | None = None  # set by app.py: merge outputs first

    async def threaded(self, path: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `call` in a thread; raises `HTTPError` for what the disk refused about `path`."""
        try:
            return await asyncio.to_thread(functools.partial(call, *args, **kwargs))
        except OSError as error:
            raise _said(path, self.home, error) from error
        except notebooks.NotANotebook as error:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, f"Unreadable notebook: {path}. {error}") from error
        except NotSaved as error:
            if self.examiner is not None:
                self.examiner.note(error.blocked)
            raise web.HTTPError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), reason="Not saved") from error

    async def put(self, path: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what writes a file as `threaded` does, when it is its turn to be examined."""
        async with contextlib.nullcontext() if self.examiner is None else self.examiner.turn():
            return await self.threaded(path, call, *args, **kwargs)

    # What is there

    async def dir_exists(self, path: str) -> bool:
        """Tell whether a folder is there."""
        return await asyncio.to_thread(self._is, path, stat.S_ISDIR)

    async def file_exists(self, path: str) -> bool:
        """Tell whether a regular file is there."""
        return await asyncio.to_thread(self._is, path, stat.S_ISREG)

    async def exists(self, path: str) -> bool:
        """Tell whether a file or folder is there."""
        return await asyncio.to_thread(self._is, path, lambda _mode: True)

    def _is(self, path: str, kind: Callable[[int], bool]) -> bool:
        try:
            return kind(self.home.stat(path).st_mode)
        except OSError:
            return False

    async def is_hidden(self, path: str) -> bool:
        """Tell whether a part of the path starts with a dot."""
        return any(part.startswith(".") for part in path.strip("/").split("/"))

    async def get_kernel_path(self, path: str, model: object = None) -> str:
        """Return the folder in which a notebook's kernel starts."""
        return path if await self.dir_exists(path) else path.strip("/").rpartition("/")[0]

    # Reading

    async def get(
        self,
        path: str,
        content: bool = True,
        type: str | None = None,
        format: str | None = None,
        require_hash: bool = False,
    ) -> Model:
        """Return the model of a file, notebook or folder (jupyter_server's contents API)."""
        path = path.strip("/")
        if content:
            await self.about_to_read(path)
        return await self.threaded(path, self.read_model, path, content, type, format, require_hash)

    async def about_to_read(self, path: str) -> None:
        """Bring a document up to date before its content is read; who reads it works with the file."""
        begun = datetime.now(UTC)
        if self.before_open is not None and path.endswith(".ipynb"):
            await self.before_open(path)
        self._forget(path, begun)

    def _forget(self, path: str, before: datetime | None = None) -> None:
        if self.examiner is not None:
            with contextlib.suppress(OutsideHome):  # who reads it is told so
                self.examiner.forget(path, before)

    def read_model(
        self,
        path: str,
        content: bool,
        kind: str | None,
        encoding: str | None,
        require_hash: bool,
        *,
        in_pieces: bool = False,
    ) -> Model:
        """Read what `get` promises; blocks. Raises OSError, `NotANotebook`, `HTTPError`.

        With `in_pieces` a big notebook's content may be a list of parts of its JSON (`pieces.py`).
        """
        path = clean(path)
        status = self.home.stat(path)
        model = listing.model(path, status)
        if model["type"] == "directory":
            if kind not in {None, "directory"}:
                raise web.HTTPError(HTTPStatus.BAD_REQUEST, f"{path} is a folder, not a {kind}.")
            if content:
                model.update(content=listing.entries(self.home, path), format="json")
            return model
        if kind == "directory":
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, f"{path} is not a folder.")
        model["type"] = kind or model["type"]
        model["mimetype"] = None if model["type"] == "notebook" else listing.mimetype(model["name"])
        if not content and not require_hash:
            return model
        raw = self._read(path)
        if require_hash:
            model.update(hash=hashlib.sha256(raw).hexdigest(), hash_algorithm="sha256")
        if content and model["type"] == "notebook":
            parts = pieces.opened(raw, self.trust) if in_pieces and len(raw) > _BIG_BYTES else None
            model.update(content=parts or self._marked(raw), format="json")
        elif content:
            model.update(_decoded(path, raw, encoding, model["mimetype"]))
        return model

    def _marked(self, raw: bytes) -> notebooks.Notebook:
        notebook = notebooks.parse(raw)
        self.trust.mark(notebook)
        return notebook

    def _read(self, path: str) -> bytes:
        with os.fdopen(self.home.open_file(path), "rb") as file:
            return file.read()

    # Writing

    async def save(self, model: Model, path: str) -> Model:
        """Save a file, notebook or folder and return its model without content; atomic for files."""
        path = path.strip("/")
        if "type" not in model:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "No file type provided")
        if "content" not in model and model["type"] != "directory":
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "No file content provided")
        status = await self.put(path, self.write_model, model, path)
        if self.examiner is not None and model["type"] != "directory" and model.get("chunk") in {None, -1}:
            self.examiner.soon(path)
        return listing.model(clean(path), status) | {"type": model["type"]}

    def write_model(self, model: Model, path: str) -> os.stat_result:
        """Write what `save` promises; blocks. Raises OSError, `HTTPError`."""
        match model["type"]:
            case "directory":
                self._make_folder(path)
                return self.home.stat(path)
            case "notebook":
                return self._write_notebook(model["content"], path)
            case "file" if model.get("chunk"):
                return self._write_chunk(model, path)
            case "file":
                data = _encoded(model)
                return self._replace(path, lambda file: _ignore(file.write(data)))
            case kind:
                raise web.HTTPError(HTTPStatus.BAD_REQUEST, f"Unhandled contents type: {kind}")

    def _write_notebook(self, notebook: Any, path: str) -> os.stat_result:
        if isinstance(notebook, pieces.Incoming):
            try:
                return self._written(path, lambda file: notebook.write(self.trust, file.write))
            except pieces.OtherLayout:
                notebook = notebook.whole()
        if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):  # pyright: ignore[reportUnknownMemberType]
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, f"Not saved: what was sent is no notebook: {path}")
        notebook = cast("notebooks.Notebook", notebook)
        notebooks.join_texts(notebook)
        self.trust.sign_if_trusted(notebook)
        return self._written(path, lambda file: notebooks.write(notebook, file.write))

    def _written(self, path: str, fill: Callable[[BinaryIO], None]) -> os.stat_result:
        status = self._replace(path, fill)
        with contextlib.suppress(OSError):  # the notebook itself is saved; a full disk must not deny that
            cast("HomeCheckpoints", self.checkpoints).ensure_one(path)
        return status

    def _replace(self, path: str, fill: Callable[[BinaryIO], None]) -> os.stat_result:
        return atomic.write(self.home, path, fill, self.judged(path))

    async def merge_outputs(
        self, path: str, cell_id: str, outputs: list[dict[str, Any]], count: int | None
    ) -> None:
        """Put outputs that nobody saw into a cell of a notebook; raises `HTTPError` as a save does."""
        judged = self.judged(path)
        await self.put(path, merge.into_cell, self.home, self.trust, path, cell_id, outputs, count, judged)
        if self.examiner is not None:
            self.examiner.soon(path)

    def judged(self, path: str) -> atomic.Before | None:
        """Return what looks at a file that is about to become `path`: all ways to write one go by it."""
        return None if self.examiner is None else functools.partial(self.examiner.before_replace, path)

    def _make_folder(self, path: str) -> None:
        with self.home.parent(path) as (folder, name):
            try:
                os.mkdir(name, 0o777, dir_fd=folder)
            except FileExistsError:
                if not stat.S_ISDIR(self.home.stat(path).st_mode):
                    raise

    def _write_chunk(self, model: Model, path: str) -> os.stat_result:
        """Add one piece of a big upload to a hidden file, which the last piece (-1) puts in place."""
        chunk, data = model["chunk"], _encoded(model)
        with self.home.parent(path) as (folder, name):
            part = f".{name[:200]}.upload{atomic.PART_SUFFIX}"
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            fd = os.open(part, flags | (os.O_TRUNC if chunk == 1 else os.O_APPEND), 0o666, dir_fd=folder)
            try:
                with os.fdopen(fd, "wb") as file:
                    file.write(data)
                    file.flush()
                    if chunk == -1:
                        os.fsync(fd)
                        if (judge := self.judged(path)) is not None:
                            judge(fd, folder, part)
                    status = os.fstat(fd)
                if chunk == -1:
                    os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
            except (OSError, NotSaved):
                with contextlib.suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise
        return status

    async def delete_file(self, path: str) -> None:
        """Delete a file or a folder with all in it; a link is deleted, not what it points to."""
        await self.threaded(path, self._delete, path)
        self._forget(path)

    def _delete(self, path: str) -> None:
        with self.home.parent(path) as (folder, name):
            if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                shutil.rmtree(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)

    async def rename_file(self, old_path: str, new_path: str) -> None:
        """Rename or move within the home; refuses to replace what is there."""
        if old_path.strip("/") != new_path.strip("/"):
            await self.threaded(new_path, self._rename, old_path, new_path)
            self._forget(old_path)

    def _rename(self, old_path: str, new_path: str) -> None:
        with self.home.parent(old_path) as (source, old), self.home.parent(new_path) as (target, new):
            with contextlib.suppress(FileNotFoundError):
                there = os.stat(new, dir_fd=target, follow_symlinks=False)
                if not os.path.samestat(there, os.stat(old, dir_fd=source, follow_symlinks=False)):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_path)
            os.rename(old, new, src_dir_fd=source, dst_dir_fd=target)

    async def copy(self, from_path: str, to_path: str | None = None) -> Model:
        """Copy a file or folder beside itself, or to `to_path` (a folder, or a new name)."""
        source = clean(from_path)
        folder, _, name = source.rpartition("/")
        target = folder if to_path is None else to_path.strip("/")
        if await self.dir_exists(target):
            plain = re.sub(r"-Copy\d*\.", ".", name)
            name = await self.increment_filename(plain, target, insert="-Copy")
            target = f"{target}/{name}".lstrip("/")
        await self.put(source, self._copy, source, target)
        return await self.get(target, content=False)

    def _copy(self, source: str, target: str) -> None:
        if not stat.S_ISDIR(self.home.stat(source).st_mode):
            atomic.copy(self.home, source, target, self.judged(target))
            return
        if f"{target}/".startswith(f"{source}/"):
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "A folder cannot be copied into itself.")
        budget = _COPY_LIMIT_BYTES
        waiting = [(source, target)]
        while waiting:
            old, new = waiting.pop()
            self._make_folder(new)
            for entry in listing.entries(self.home, old):
                pair = (entry["path"], f"{new}/{entry['name']}")
                budget -= entry["size"] or 0
                if budget < 0:
                    raise web.HTTPError(
                        HTTPStatus.BAD_REQUEST,
                        "Only part of the folder was copied: it is larger than 5 GiB. Use a terminal.",
                    )
                if entry["type"] == "directory":
                    waiting.append(pair)
                else:
                    atomic.copy(self.home, *pair, self.judged(pair[1]))

    async def trust_notebook(self, path: str) -> None:
        """Mark a notebook's outputs as accepted by its user."""

        def sign() -> None:
            self.trust.sign(notebooks.parse(self._read(clean(path))))

        await self.threaded(path, sign)

    def info_string(self) -> str:
        """Return the line for the log."""
        return "Serving the home"

    def get_extra_handlers(self) -> list[Any]:
        """Return none: `contents_handlers.py` has them all."""
        return []

    def emit(self, data: object) -> None:
        """Do nothing: nobody listens to Jupyter's own contents events here."""


def _ignore(_value: object) -> None:
    """Drop a result that nobody needs."""


def _encoded(model: Model) -> bytes:
    content: Any = model["content"]
    kind = model.get("format") or "text"
    try:
        if kind == "text":
            return content.encode()
        if kind == "base64":
            return base64.b64decode(content, validate=False)
    except (AttributeError, UnicodeEncodeError, binascii.Error, TypeError, ValueError) as error:
        raise web.HTTPError(
            HTTPStatus.BAD_REQUEST, f"Not saved: the content is malformed: {error}"
        ) from error
    raise web.HTTPError(HTTPStatus.BAD_REQUEST, "Must specify format of file contents as 'text' or 'base64'")


def _decoded(path: str, raw: bytes, encoding: str | None, mimetype: str | None) -> Model:
    if encoding != "base64":
        try:
            return {
                "content": raw.decode(),
                "format": "text",
                "mimetype": mimetype or "text/plain",
            }
        except UnicodeDecodeError as error:
            if encoding == "text":
                raise web.HTTPError(
                    HTTPStatus.BAD_REQUEST, f"{path} is not UTF-8 encoded", reason="bad format"
                ) from error
    return {
        "content": base64.b64encode(raw).decode("ascii"),
        "format": "base64",
        "mimetype": mimetype or "application/octet-stream",
    }
