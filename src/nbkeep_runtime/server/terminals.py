"""Terminals of the sandbox, shown by JupyterLab: the trusted half only holds their master side."""

# pyright: reportUnknownMemberType=false, reportIncompatibleMethodOverride=false, reportUnknownVariableType=false
# pyright: reportIncompatibleVariableOverride=false, reportUnknownArgumentType=false, reportUntypedFunctionDecorator=false, reportAttributeAccessIssue=false
# (terminado and tornado are not typed)

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import orjson
from jupyter_server._tz import utcnow
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server_terminals.api_handlers import TerminalHandler
from jupyter_server_terminals.base import TerminalsMixin
from jupyter_server_terminals.handlers import TermSocket
from jupyter_server_terminals.terminalmanager import TerminalManager
from tornado import web
from tornado.websocket import WebSocketClosedError

from nbkeep_runtime.server.identity import show_out
from nbkeep_runtime.server.masters import Master
from nbkeep_runtime.server.pause import Held
from nbkeep_runtime.server.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from nbkeep_runtime.server.pause import Pause

_SHELL = ("/bin/bash", "-l")
_ROWS, _COLS = 24, 80
_MAX_TERMINALS = 50


class SandboxTerminal:
    """A terminal and who looks at it; stands in for terminado's `PtyWithClients`."""

    def __init__(self, master: Master, name: str) -> None:
        self.clients: list[Any] = []
        self.read_buffer: deque[str] = deque(maxlen=1000)
        self.ptyproc = master
        self.term_name = name
        self.last_activity = utcnow()

    def resize_to_smallest(self) -> None:
        """Fit the smallest of its windows."""
        sizes = [
            client.size
            for client in self.clients
            if all(isinstance(side, int) and side > 0 for side in client.size)
        ]
        if sizes:
            with contextlib.suppress(OSError):
                self.ptyproc.setwinsize(min(size[0] for size in sizes), min(size[1] for size in sizes))

    async def terminate(self, force: bool = False) -> bool:
        """End the shell: hang up, then kill."""
        for signum in (signal.SIGHUP, signal.SIGCONT, *([signal.SIGKILL] if force else [])):
            self.ptyproc.kill(signum)
            await asyncio.sleep(self.ptyproc.delayafterterminate)
            if not self.ptyproc.isalive():
                return True
        return not self.ptyproc.isalive()


class SandboxTerminals(TerminalManager):
    """The terminals of a session. Nothing is ever started in the trusted half."""

    def __init__(
        self, sandbox: Sandbox, home_inside: str, placeholders: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(shell_command=list(_SHELL), **kwargs)
        self._sandbox = sandbox
        self._placeholders = placeholders
        self._home_inside = home_inside
        self.terminals: dict[str, Any] = {}
        self._ending: list[Master] = []  # closed here, and perhaps held by the sandbox
        self.on_opened: Callable[[str], None] = _no_one
        self.on_closed: Callable[[str], None] = _no_one
        self.on_output: Callable[[], None] = _nothing
        self.on_input: Callable[[], None] = _nothing
        self.at_work: Callable[[], AbstractAsyncContextManager[None]] = contextlib.nullcontext
        self.pause: Pause | None = None

    async def open(self, name: str | None, cwd: str | None) -> dict[str, Any]:
        """Open a terminal and return its model; an open one of that name is returned as it is."""
        if name and name in self.terminals:
            return self.get_terminal_model(name)
        self._ending = [master for master in self._ending if master.is_held]
        if len(self.terminals) + len(self._ending) >= _MAX_TERMINALS:
            raise web.HTTPError(HTTPStatus.TOO_MANY_REQUESTS, "Too many terminals are open: close some.")
        folder = [part for part in (cwd or "").split("/") if part not in {"", ".", ".."}]
        env = {**self._placeholders, "TERM": "xterm-256color"}
        try:
            async with self.at_work():
                pid, fd = await self._sandbox.open_terminal(
                    _SHELL, env, "/".join([self._home_inside, *folder]), _ROWS, _COLS
                )
        except SandboxError as error:
            raise web.HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, f"No terminal: {error}") from error
        name = name or str(self._next_available_name())
        terminal = SandboxTerminal(Master(self._sandbox, pid, fd), name)
        self.terminals[name] = terminal
        self.start_reading(terminal)
        self.on_opened(name)
        return self.get_terminal_model(name)

    async def terminate(self, name: str, force: bool = False) -> None:
        """End a terminal."""
        async with self.at_work():
            await super().terminate(name, force=force)

    def get_terminal(self, term_name: str) -> Any:
        """Return an open terminal; none is made by looking."""
        self._check_terminal(term_name)
        return self.terminals[term_name]

    def new_terminal(self, **_kwargs: Any) -> Any:
        """Refuse: terminado's own way starts a process here."""
        raise web.HTTPError(HTTPStatus.FORBIDDEN, "Terminals are opened in the sandbox only.")

    def create(self, **_kwargs: Any) -> Any:
        """Refuse, as `new_terminal`."""
        return self.new_terminal()

    def start_reading(self, ptywclients: Any) -> None:
        """Show what appears in a terminal; terminado would read on the event loop."""
        self.ptys_by_fd[ptywclients.ptyproc.fd] = ptywclients
        ptywclients.ptyproc.start(functools.partial(self._show, ptywclients))

    def _show(self, terminal: SandboxTerminal, text: str | None) -> None:
        if text is None:
            self.on_eof(terminal)
            for client in list(terminal.clients):
                client.on_pty_died()
            return
        self.pre_pty_read_hook(terminal)
        terminal.read_buffer.append(text)
        for client in list(terminal.clients):
            client.on_pty_read(text)

    def pre_pty_read_hook(self, ptywclients: Any) -> None:
        """Count output as activity."""
        super().pre_pty_read_hook(ptywclients)
        self.on_output()

    def on_eof(self, ptywclients: Any) -> None:
        """Forget a terminal whose shell ended."""
        super().on_eof(ptywclients)
        self._ending.append(ptywclients.ptyproc)
        self.on_closed(str(ptywclients.term_name))

    async def is_busy(self) -> bool:
        """Tell whether a foreground job runs in one of them; a sandbox that is silent counts as not."""
        # All at once: each waits for ten seconds at most, and heartbeats wait for all of them.
        asked = [self._sandbox.is_busy(one.ptyproc.pid) for one in list(self.terminals.values())]
        return True in await asyncio.gather(*asked, return_exceptions=True)


class TerminalSocket(TermSocket):
    """The websocket of a terminal: keystrokes count as the user's work, an open tab does not."""

    _visit: asyncio.Task[None] | None = None
    _typing: set[asyncio.Task[None]]

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Begin, for as long as its user may be here."""
        self._typing = set()
        self._visit = asyncio.create_task(show_out(self))
        return super().open(*args, **kwargs)

    def on_close(self) -> None:
        """End."""
        if self._visit is not None:
            self._visit.cancel()
        super().on_close()

    async def on_message(self, message: Any) -> None:
        """Pass input on; what is typed while the session is paused waits until it goes on."""
        if isinstance(message, str) and message.startswith('["stdin"'):
            manager = cast("SandboxTerminals", self.term_manager)
            if manager.pause is not None and manager.pause.hold(self._held(message), wakes=True):
                return
            manager.on_input()
        await super().on_message(message)

    def _held(self, message: str) -> Held:
        def deliver() -> None:
            task = asyncio.create_task(self.on_message(message))
            self._typing.add(task)
            task.add_done_callback(self._typing.discard)

        return Held(deliver, self._say, self._say)

    def _say(self, words: str) -> None:
        """Show a sentence in this window of the terminal; the shell is told nothing."""
        with contextlib.suppress(WebSocketClosedError):
            self.on_pty_read(f"\r\n{words}\r\n")


class TerminalsHandler(TerminalsMixin, APIHandler):
    """GET lists terminals, POST opens one."""

    auth_resource = "terminals"

    @web.authenticated
    @authorized
    def get(self) -> None:
        """List."""
        self.finish(orjson.dumps(self.terminal_manager.list()))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Open."""
        asked = self.get_json_body() or {}
        name, cwd = asked.get("name"), asked.get("cwd")
        if name is not None and not (isinstance(name, str) and name.isalnum() and len(name) <= 64):
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "A terminal's name has letters and digits only.")
        manager = cast("SandboxTerminals", self.terminal_manager)
        self.finish(orjson.dumps(await manager.open(name, cwd if isinstance(cwd, str) else None)))


def handlers(manager: SandboxTerminals) -> list[tuple[Any, ...]]:
    """Return the routes of terminals."""
    name = {"name": "lab"}  # jupyter_server asks such handlers which extension they log for
    return [
        (r"/terminals/websocket/(\w+)", TerminalSocket, {**name, "term_manager": manager}),
        (r"/api/terminals", TerminalsHandler, name),
        (r"/api/terminals/(\w+)", TerminalHandler, name),
    ]


def _no_one(_name: str) -> None:
    """Stand in until `session.py` joins the parts."""


def _nothing() -> None:
    """Stand in until `session.py` joins the parts."""
