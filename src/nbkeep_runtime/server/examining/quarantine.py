"""Keeps what a policy does not let be saved: a copy in the home that its owner alone can read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    from nbkeep_runtime.server.home import Home

FOLDER = (".nbkeep", "quarantine")
_KEPT_OF_ONE = 5
_KEPT = 100
_LONGEST_STEM = 80
_BESIDE = ".not-saved-"
# What `keep` calls its copies: in a folder of the author there are files of theirs, too.
_COPY = re.compile(r"(?P<begins>.*-[0-9a-f]{4}-)\d{8}-\d{6}-[0-9a-f]{4}(?:\.[^/]*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Kept:
    """A copy. `is_new`: False where the newest one of the document was the same already."""

    path: str
    is_new: bool = True


def keep(home: Home, folder: int, part: str, path: str, now: datetime) -> Kept:
    """Give the file `part` of `folder` a place in the quarantine; blocks, raises OSError.

    No byte is copied, so a full home cannot lose it. Where the quarantine cannot be used (somebody put
    something else there), the copy lies beside the document. Of each document the newest five are kept, and
    of all in one folder the newest hundred; no file that is none of these copies is deleted for it.
    """
    stem, ending = os.path.splitext(path.rpartition("/")[2])  # noqa: PTH122  # API paths are not host paths
    mark = hashlib.sha256(path.encode(errors="replace")).hexdigest()[:4]
    begins = f"{stem[:_LONGEST_STEM]}-{mark}-"
    name = f"{begins}{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}{ending[:20]}"
    try:
        with _opened(home) as place:
            kept, is_new = _put(place, begins, name, folder, part)
            return Kept("/".join((*FOLDER, kept)), is_new)
    except OSError:
        kept, is_new = _put(folder, _BESIDE + begins, _BESIDE + name, folder, part)
        return Kept(f"{path.rpartition('/')[0]}/{kept}".lstrip("/"), is_new)


def _put(place: int, begins: str, name: str, folder: int, part: str) -> tuple[str, bool]:
    """Link the file in, unless its document's newest copy is the same; return the name, and if it is new."""
    with contextlib.suppress(OSError):
        if same := _same(place, begins, folder, part):
            return same, False
    os.link(part, name, src_dir_fd=folder, dst_dir_fd=place, follow_symlinks=False)
    with contextlib.suppress(OSError):
        _forget_old(place, begins)
    return name, True


@contextlib.contextmanager
def _opened(home: Home) -> Generator[int]:
    with home.folder("") as root:
        parent = os.dup(root)
    try:
        for name in FOLDER:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=parent)
            # No link is followed: what lies here is to stay where its owner looks for it.
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            os.close(parent)
            parent = inner
        yield parent
    finally:
        os.close(parent)


def _forget_old(place: int, begins: str) -> None:
    """Delete the oldest copies of one document, and of all where there are very many; others stay."""
    found = _newest_first(place, begins)
    mine = [name for name in found if _document_of(name) == begins]
    for name in {*mine[_KEPT_OF_ONE:], *found[_KEPT:]}:
        os.unlink(name, dir_fd=place)


def _document_of(name: str) -> str:
    """Return how all copies of the same document begin, "" for what is no copy."""
    found = _COPY.fullmatch(name)
    return found["begins"] if found else ""


def _newest_first(place: int, begins: str) -> list[str]:
    """Return the copies in a folder: those that lie beside documents, where `begins` is of such a one."""
    lies = _BESIDE if begins.startswith(_BESIDE) else ""
    with os.scandir(place) as scan:
        found = [
            (entry.stat(follow_symlinks=False).st_ctime_ns, entry.name)
            for entry in scan
            if entry.name.startswith(lies)
            and _document_of(entry.name)
            and entry.is_file(follow_symlinks=False)
        ]
    return [name for _, name in sorted(found, reverse=True)]


def _same(place: int, begins: str, folder: int, part: str) -> str | None:
    """Return the newest copy of a document if it holds what is to be kept."""
    newest = next((name for name in _newest_first(place, begins) if _document_of(name) == begins), None)
    if newest is None:
        return None
    size_bytes = os.stat(newest, dir_fd=place, follow_symlinks=False).st_size
    if size_bytes != os.stat(part, dir_fd=folder, follow_symlinks=False).st_size:
        return None
    return newest if _digest(place, newest) == _digest(folder, part) else None


def _digest(folder: int, name: str) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
