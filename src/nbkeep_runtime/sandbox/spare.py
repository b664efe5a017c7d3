"""What a kernel in reserve does: it initialises all that is no user's, begins to listen, and waits.

Until it is taken no code of the home has run in it. Extensions and startup files come after the wait; where
the home has settings of IPython's own, which count from the first step on, there is no spare at all. While it
waits it rehearses (rehearsal.py).
"""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import glob
import importlib
import json
import os
import socket
import sys
from typing import Any

_SOCKET = "take"
_LINE_LIMIT = 16 << 10
_TALK_S = 5.0
_HOME = "/home/user"
_STEPS = ("init_gui_pylab", "init_extensions", "init_code")  # of IPKernelApp: those that run the home's code


class Spare:
    """One kernel's time in reserve; it ends with the one line {"cwd", "env"} that comes to its socket."""

    def __init__(self, connection_file: str, rehearsal: Any) -> None:
        """`rehearsal`: makes, of an application, what is played while the kernel waits."""
        self._path = os.path.join(os.path.dirname(connection_file), _SOCKET)
        self._rehearsal = rehearsal

    def application(self, base: Any) -> Any:
        """Return the application of a kernel that waits: nothing that may run a user's code comes before."""
        spare = self

        class IPKernelApp(base):  # by the same name: users' settings and code find it by that
            """An application that is begun twice: as nobody's, and as that of who takes it."""

            def load_config_file(self, *args: Any, **kwargs: Any) -> None:
                spare.needs_no_settings(self.config_file_paths)
                super().load_config_file(*args, **kwargs)
                for step in _STEPS:
                    setattr(self, step, _nothing)

            def start(self) -> None:
                listen = self.kernel.start

                def listen_and_wait() -> None:
                    listen()
                    loop = importlib.import_module("tornado.ioloop").IOLoop.current()
                    spare.wait(self, loop)
                    self._become()
                    asyncio.set_event_loop(loop.asyncio_loop)  # `asyncio.run` in a startup file takes it

                self.kernel.start = listen_and_wait
                super().start()

            def _become(self) -> None:
                for step in _STEPS:
                    delattr(self, step)
                    getattr(self, step)()
                # What was written until now is not the first cell's, as where no kernel waits.
                sys.stdout.flush()
                sys.stderr.flush()

        return IPKernelApp

    def needs_no_settings(self, folders: list[str]) -> None:
        """End this process where one of the folders is in the home and has settings: they are the user's."""
        if _has_settings(folders):
            os._exit(0)

    def wait(self, application: Any, loop: Any) -> None:
        """Return as the kernel that was asked for; never, when somebody has made settings meanwhile.

        The event loop runs until then, and not when this returns: startup files are run as in any kernel.
        """
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._path)
            listener.listen(4)

            def look(*_: Any) -> None:
                if self._is_taken(application, listener):
                    loop.stop()

            loop.add_handler(listener, look, loop.READ)
            rehearsal = self._rehearsal(application)
            loop.add_callback(rehearsal.begin)
            loop.start()
            loop.remove_handler(listener)
            rehearsal.end()
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


def _nothing() -> None:
    """Stand in for a step that comes later."""


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
