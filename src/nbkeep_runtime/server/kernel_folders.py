"""A kernel's folder: its connection file and sockets, in the folder of sockets that both halves share."""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from pathlib import Path

PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}
SCHEME = "hmac-sha256"
_CONNECTION_FILE = "connection.json"


def make(kernels_dir: Path, key: str, kernel_name: str) -> Path:
    """Make a folder with a connection file, which the sandbox could not prepare; return the file.

    Nothing that lies there is opened: the name is random, the file is created exclusively.
    """
    folder = kernels_dir / f"k-{secrets.token_hex(6)}"
    folder.mkdir(mode=0o700)
    info = {
        "transport": "ipc",
        "ip": sockets(folder / _CONNECTION_FILE),
        "key": key,
        "signature_scheme": SCHEME,
        "kernel_name": kernel_name,
        **PORTS,
    }
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(folder / _CONNECTION_FILE, flags, 0o600), "wb") as file:
        file.write(orjson.dumps(info))
    return folder / _CONNECTION_FILE


def sockets(connection_file: Path) -> str:
    """Return the name of a kernel's sockets, to which ZeroMQ adds -1 to -5."""
    return str(connection_file.parent / "s")


def remove(connection_file: Path) -> None:
    """Remove a kernel's folder; what the sandbox added to it is removed, never followed. Twice is safe."""
    path = connection_file.parent
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        for name in os.listdir(folder):  # noqa: PTH208  # by descriptor
            if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=folder)
        path.rmdir()
    except OSError:
        return  # the sandbox owns the folder too and may fill it; it goes with the session
    finally:
        os.close(folder)
