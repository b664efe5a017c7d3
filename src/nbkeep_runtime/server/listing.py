"""Lists a folder of the home: one directory scan, one stat per entry, nothing opened."""

from __future__ import annotations

import mimetypes
import os
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server.atomic import PART_SUFFIX

if TYPE_CHECKING:
    from nbkeep_runtime.server.home import Home

_HIDDEN_SUFFIXES = (".pyc", ".pyo", "~", PART_SUFFIX)
_HIDDEN_NAMES = {"__pycache__", ".DS_Store", "lost+found"}


def model(path: str, status: os.stat_result) -> dict[str, Any]:
    """Return the contents model of one file, notebook or folder, without its content."""
    name = path.rpartition("/")[2]
    is_folder = stat.S_ISDIR(status.st_mode)
    changed = datetime.fromtimestamp(status.st_mtime, UTC)
    return {
        "name": name,
        "path": path,
        "type": "directory" if is_folder else "notebook" if name.endswith(".ipynb") else "file",
        "created": datetime.fromtimestamp(status.st_ctime, UTC),
        "last_modified": changed,
        "mimetype": None if is_folder or name.endswith(".ipynb") else mimetype(name),
        "size": None if is_folder else status.st_size,
        "writable": _is_writable(status),
        "content": None,
        "format": None,
        "hash": None,
        "hash_algorithm": None,
    }


def mimetype(name: str) -> str | None:
    """Return what the name's ending says."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending not in _mimetypes:
        _mimetypes[ending] = mimetypes.guess_type(f"x.{ending}")[0] if ending else None
    return _mimetypes[ending]


_mimetypes: dict[str, str | None] = {}


def _is_writable(status: os.stat_result) -> bool:
    if os.geteuid() == 0 or status.st_uid == os.geteuid():
        return bool(status.st_mode & stat.S_IWUSR)
    return bool(status.st_mode & (stat.S_IWGRP if status.st_gid == os.getegid() else stat.S_IWOTH))


def entries(home: Home, path: str) -> list[dict[str, Any]]:
    """Return the models of a folder's entries; what is neither file nor folder of the home is left out."""
    prefix = f"{path}/" if path else ""
    found: list[dict[str, Any]] = []
    with home.folder(path) as folder, os.scandir(folder) as scan:
        for entry in scan:
            name = entry.name
            if name.endswith(_HIDDEN_SUFFIXES) or name in _HIDDEN_NAMES or not is_text(name):
                continue
            try:
                status = home.stat(prefix + name) if entry.is_symlink() else entry.stat(follow_symlinks=False)
            except OSError:
                continue  # gone meanwhile, or a link that leads out of the home
            if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
                found.append(model(prefix + name, status))
    return found


def is_text(name: str) -> bool:
    """Tell whether a name can be told in JSON: the kernel allows any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
