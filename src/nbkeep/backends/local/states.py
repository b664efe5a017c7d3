"""What sessions have saved of their kernels, as the trusted half left it in its user's state folder.

The folder belongs to its user's uid: no link in it is followed, and the summary is read as a stranger's.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from nbkeep.backends.interface import KeptKernel, KeptState, LostName
from nbkeep.model.ids import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Generator

    from .layout import Layout

_FOLDER, _SUMMARY = "checkpoints", "state.json"
_FORMAT = 1
_MOST_BYTES = 1 << 20
_MOST_SESSIONS, _MOST_KERNELS, _MOST_LOST = 1000, 100, 200
_LONGEST_NAME, _LONGEST_PATH, _LONGEST_REASON = 200, 1000, 300
_MAX_INT = 1 << 53


def states(layout: Layout, user: str) -> list[KeptState]:
    """Return the saved states of a user; one that cannot be read, or is not whole, is none."""
    found: list[KeptState] = []
    with contextlib.suppress(OSError), _checkpoints(layout, user) as folder:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if ID_PATTERN.fullmatch(entry.name))
        for name in names[-_MOST_SESSIONS:]:
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
                found.append(_kept(name, _summary(folder, name)))
    return found


def saved_with(layout: Layout, image_digest: str) -> int:
    """Return how many sessions of all users have a state that fits this build of an image only."""
    users = [one.name for one in (layout.data_dir / "state").glob("*") if one.is_dir()]
    return sum(one.image_digest == image_digest for user in users for one in states(layout, user))


def delete_state(layout: Layout, user: str, session_id: str) -> None:
    """Delete a saved state, the summary first: cut short, it is none all the same. Twice is safe.

    Raises OSError when something of it stays.
    """
    with contextlib.suppress(FileNotFoundError), _checkpoints(layout, user) as folder:
        with _opened(session_id, os.O_DIRECTORY, folder) as its, contextlib.suppress(FileNotFoundError):
            os.unlink(_SUMMARY, dir_fd=its)
        shutil.rmtree(session_id, dir_fd=folder)


@contextlib.contextmanager
def _checkpoints(layout: Layout, user: str) -> Generator[int]:
    with (
        _opened(str(layout.state(user)), os.O_DIRECTORY) as state,
        _opened(_FOLDER, os.O_DIRECTORY, state) as found,
    ):
        yield found


@contextlib.contextmanager
def _opened(path: str, flags: int, folder: int | None = None) -> Generator[int]:
    descriptor = os.open(
        path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | flags, dir_fd=folder
    )
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _summary(folder: int, name: str) -> dict[str, Any]:
    with _opened(name, os.O_DIRECTORY, folder) as its, _opened(_SUMMARY, 0, its) as file:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            raise ValueError(_SUMMARY)
        text = b""
        while len(text) <= _MOST_BYTES and (piece := os.read(file, _MOST_BYTES)):
            text += piece
    return _fields(json.loads(text))


def _kept(session_id: str, told: dict[str, Any]) -> KeptState:
    if told["format"] != _FORMAT:
        raise ValueError(_SUMMARY)
    saved_at = datetime.fromisoformat(_text(told["saved_at"], 40))
    if saved_at.tzinfo is None:
        raise ValueError(_SUMMARY)
    kernels = [_kernel(_fields(one)) for one in _list(told["kernels"])[:_MOST_KERNELS]]
    return KeptState(
        session_id,
        saved_at.isoformat(),
        _count(told["bytes"]),
        kernels,
        _count(told.get("sequence", 0)),
        _text(told.get("image_digest", ""), _LONGEST_NAME),
    )


def _kernel(told: dict[str, Any]) -> KeptKernel:
    return KeptKernel(
        path=_text(told["path"], _LONGEST_PATH),
        name=_text(told["name"], _LONGEST_NAME),
        language=_text(told["language"], _LONGEST_NAME),
        kept=_count(told["kept"]),
        lost=[_lost(_fields(one)) for one in _list(told["lost"])[:_MOST_LOST]],
        bytes=_count(told["bytes"]),
        reason=_text(told.get("reason", ""), _LONGEST_REASON),
    )


def _lost(told: dict[str, Any]) -> LostName:
    return LostName(_text(told["name"], _LONGEST_NAME), _text(told["reason"], _LONGEST_REASON))


def _fields(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return cast("dict[str, Any]", value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return cast("list[Any]", value)


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    # Lone surrogates, which JSON can spell, fit no database.
    return value.encode("utf-8", "replace").decode()[:longest].replace("\0", "")


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return max(0, min(value, _MAX_INT))
