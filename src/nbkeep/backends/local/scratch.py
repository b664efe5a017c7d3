"""Folders of the host that a session's user fills: bounded where root can, and gone whatever lies in them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from nbkeep.model.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

# Sockets and connection files of kernels, nothing else: thousands of kernels fit.
_SIZE_BYTES = 16 << 20
_FILES = 8192


def bound(folder: Path, owner: int) -> None:
    """Give a folder a small file system of its own, so that writing there never fills the host's disk.

    Root only. What is written counts as memory of who writes it. Twice is safe. Raises `Unavailable`.
    """
    if folder.is_mount():
        return
    options = f"size={_SIZE_BYTES},nr_inodes={_FILES},mode=0700,uid={owner},gid={owner},nodev,nosuid,noexec"
    _run(["mount", "-t", "tmpfs", "-o", options, "nbkeep", str(folder)])


def remove(folder: Path, bounded: Path | None = None) -> None:
    """Delete a folder and all in it, however deep, following no link; `bounded` lies in it. Twice is safe.

    Not `shutil.rmtree`, which needs a level of Python's stack and a descriptor for each level of folders: who
    makes a thousand could keep a session from ever being cleared away. Raises `Unavailable`.
    """
    if bounded is not None and bounded.is_mount():
        _run(["umount", "--lazy", str(bounded)])
    if folder.exists():
        _run(["rm", "-rf", "--one-file-system", "--", str(folder)])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Unavailable(
            "scratch-failed",
            f"A session's folder could not be prepared or removed: {said[-1][:300] if said else command[0]}.",
            "Look at the host's disk and log.",
        )
