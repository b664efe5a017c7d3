"""What a kernel in reserve does: it initialises all that is no user's, then waits to be taken.

Until then no code of the home has run in it. Extensions and startup files come after the wait; where the home
has settings of IPython's own, which count from the first step on, there is no spare at all.
"""

from __future__ import annotations

import glob
import json
import os
import socket
from typing import Any

_SOCKET = "take"
_LINE_LIMIT = 16 << 10
_TALK_S = 5.0
_HOME = "/home/user"


class Spare:
    """One kernel's time in reserve; it ends with the one line {"cwd", "env"} that comes to its socket."""

    def __init__(self, connection_file: str) -> None:
        self._path = os.path.join(os.path.dirname(connection_file), _SOCKET)

    def needs_no_settings(self, folders: list[str]) -> None:
        """End this process where one of the folders is in the home and has settings: they are the user's."""
        if _has_settings(folders):
            os._exit(0)

    def wait(self, application: Any) -> None:
        """Return as the kernel that was asked for; never, when somebody has made settings meanwhile."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._path)
            listener.listen(4)
            while not self._is_taken(application, listener):
                pass
        os.unlink(self._path)

    def _is_taken(self, application: Any, listener: socket.socket) -> bool:
        talk, _ = listener.accept()
        with talk:
            talk.settimeout(_TALK_S)
            try:
                asked = json.loads(_line(talk))
                cwd, env = str(asked["cwd"]), {str(name): str(value) for name, value in asked["env"].items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                return False
            if _has_settings(application.config_file_paths):
                os._exit(0)  # whoever asked starts another one
            _become(application.shell, cwd, env)
            talk.sendall(b'{"ok": true}\n')
        return True


def _become(shell: Any, cwd: str, env: dict[str, str]) -> None:
    """Set what a kernel takes from its surroundings while it is made."""
    os.chdir(cwd if os.path.isdir(cwd) else _HOME)
    os.environ.update(env)
    shell.starting_dir = os.getcwd()
    visited = shell.history_manager.dir_hist
    visited[:] = [type(one)(shell.starting_dir) for one in visited]
    if env.get("JPY_SESSION_NAME"):
        shell.user_ns["__session__"] = env["JPY_SESSION_NAME"]


def _has_settings(folders: list[str]) -> bool:
    ours = [folder for folder in folders if os.path.realpath(folder).startswith(f"{_HOME}/")]
    return any(glob.glob(f"{glob.escape(folder)}/ipython_*config.*") for folder in ours)


def _line(talk: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        data = talk.recv(4096)
        if not data or len(line) > _LINE_LIMIT:
            raise ValueError("the line was cut off")
        line += data
    return line
