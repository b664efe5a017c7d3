"""Keeps what a policy does not let be saved: a copy in the home that its owner alone can read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    from nbkeep_runtime.server.home import Home

FOLDER = (".nbkeep", "quarantine")
_KEPT_OF_ONE = 5
_KEPT = 100
_LONGEST_STEM = 80


def keep(home: Home, folder: int, part: str, path: str, now: datetime) -> str:
    """Give the file `part` of `folder` a place in the quarantine and return its path; blocks, raises OSError.

    No byte is copied, so a full home cannot lose it. Where the quarantine cannot be used (somebody put
    something else there), the copy lies beside the document. Of each document the newest five are kept.
    """
    stem, ending = os.path.splitext(path.rpartition("/")[2])  # noqa: PTH122  # API paths are not host paths
    mark = hashlib.sha256(path.encode(errors="replace")).hexdigest()[:4]
    begins = f"{stem[:_LONGEST_STEM]}-{mark}-"
    name = f"{begins}{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}{ending[:20]}"
    try:
        with _opened(home) as place:
            os.link(part, name, src_dir_fd=folder, dst_dir_fd=place, follow_symlinks=False)
            with contextlib.suppress(OSError):
                _forget_old(place, begins)
            return "/".join((*FOLDER, name))
    except OSError:
        beside = f".not-saved-{name}"
        os.link(part, beside, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        return f"{path.rpartition('/')[0]}/{beside}".lstrip("/")


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
    with os.scandir(place) as scan:
        found = [
            (entry.stat(follow_symlinks=False).st_ctime_ns, entry.name)
            for entry in scan
            if entry.is_file(follow_symlinks=False)
        ]
    found.sort(reverse=True)
    mine = [name for _, name in found if name.startswith(begins)]
    for name in {*mine[_KEPT_OF_ONE:], *(name for _, name in found[_KEPT:])}:
        os.unlink(name, dir_fd=place)
