"""Keeps one checkpoint of each file in `.ipynb_checkpoints` beside it, as JupyterLab expects."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyter_server.services.contents.checkpoints import AsyncCheckpoints
from tornado import web

from nbkeep_runtime.server import atomic
from nbkeep_runtime.server.home import clean

if TYPE_CHECKING:
    from nbkeep_runtime.server.contents import HomeContents
    from nbkeep_runtime.server.home import Home

_ID = "checkpoint"
_FOLDER = ".ipynb_checkpoints"


def _place(path: str) -> str:
    folder, _, name = clean(path).rpartition("/")
    stem, ending = os.path.splitext(name)  # noqa: PTH122  # API paths are not host paths
    return f"{folder}/{_FOLDER}/{stem}-{_ID}{ending}".lstrip("/")


def _model(status: os.stat_result) -> dict[str, Any]:
    return {"id": _ID, "last_modified": datetime.fromtimestamp(status.st_mtime, UTC)}


class HomeCheckpoints(AsyncCheckpoints):
    """Checkpoints of `HomeContents`; every method may be called twice."""

    parent: HomeContents

    @property
    def _home(self) -> Home:
        return self.parent.home

    def ensure_one(self, path: str) -> None:
        """Make a checkpoint if a notebook has none; blocks, raises OSError."""
        try:
            self._home.stat(_place(path))
        except FileNotFoundError:
            self._create(path)

    def _create(self, path: str) -> os.stat_result:
        place = _place(path)
        with (
            self._home.parent(place.rpartition("/")[0]) as (folder, name),
            contextlib.suppress(FileExistsError),
        ):
            os.mkdir(name, 0o777, dir_fd=folder)
        return atomic.copy(self._home, path, place)

    async def create_checkpoint(self, contents_mgr: object, path: str) -> dict[str, Any]:
        """Copy the file as it is on disk now."""
        try:
            return _model(await asyncio.to_thread(self._create, path))
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise web.HTTPError(
                    HTTPStatus.INSUFFICIENT_STORAGE,
                    f"{path} is saved, but your home is too full for a checkpoint of it.",
                ) from error
            raise web.HTTPError(HTTPStatus.NOT_FOUND, f"No checkpoint of {path}: {error.strerror}") from error

    async def restore_checkpoint(self, contents_mgr: object, checkpoint_id: str, path: str) -> None:
        """Put the checkpoint in the file's place."""
        self._known(checkpoint_id, path)
        await self.parent.put(path, atomic.copy, self._home, _place(path), path, self.parent.judged(path))

    async def rename_checkpoint(self, checkpoint_id: str, old_path: str, new_path: str) -> None:
        """Move the checkpoint with its file."""
        self._known(checkpoint_id, old_path)

        def rename() -> None:
            target = _place(new_path)
            with (
                self._home.parent(target.rpartition("/")[0]) as (folder, name),
                contextlib.suppress(FileExistsError),
            ):
                os.mkdir(name, 0o777, dir_fd=folder)
            with self._home.parent(_place(old_path)) as (source, old), self._home.parent(target) as (fd, new):
                os.rename(old, new, src_dir_fd=source, dst_dir_fd=fd)

        await self.parent.threaded(old_path, rename)

    async def delete_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Delete the checkpoint."""
        self._known(checkpoint_id, path)

        def delete() -> None:
            with self._home.parent(_place(path)) as (folder, name):
                os.unlink(name, dir_fd=folder)

        await self.parent.threaded(path, delete)

    async def list_checkpoints(self, path: str) -> list[dict[str, Any]]:
        """Return the one checkpoint, or none."""
        try:
            return [_model(await asyncio.to_thread(self._home.stat, _place(path)))]
        except OSError:
            return []

    def _known(self, checkpoint_id: str, path: str) -> None:
        if checkpoint_id != _ID:
            raise web.HTTPError(HTTPStatus.NOT_FOUND, f"There is no checkpoint {checkpoint_id!r} of {path}")
