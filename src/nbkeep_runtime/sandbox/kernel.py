"""A Python kernel whose variables can be saved and restored: IPython's own, with some messages more.

Started as `python kernel.py -f CONNECTION_FILE`, and else exactly as `python -m ipykernel_launcher` is.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import inspect
import os
import sys
import threading
import time
from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))
_PREFIX = "_nbkeep_"
# After a cell has answered: when remembering it is given up that should long have ended of itself.
_LATEST_S = 0.5
_LATEST_SHARE = 0.1
_SENDING_S = 0.1  # for what is on its way to the browsers
_BURST = 100_000  # messages that wait for the server to take them
# Messages of the shell channel that cannot look at a variable.
_BLIND = frozenset(
    {"execute_request", "kernel_info_request", "connect_request", "is_complete_request", "history_request",
     "comm_info_request", "shutdown_request", "interrupt_request", "usage_request", "nbkeep_restore_request"}
)  # fmt: skip


def _part(folder_name: str, module: str) -> Any:
    """Return a module of a folder beside this file, under a name that the user's imports never find."""
    name = _PREFIX + folder_name
    if name not in sys.modules:
        folder = os.path.join(_HERE, folder_name)
        spec = importlib.util.spec_from_file_location(
            name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"{folder} cannot be loaded")
        package = importlib.util.module_from_spec(spec)
        sys.modules[name] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"{name}.{module}")


def _state(module: str) -> Any:
    return _part("state", module)


class State:
    """What a kernel knows of saving and restoring; imports nothing before it is asked to."""

    def __init__(self, shell: Any, cells: Cells) -> None:
        self._shell = shell
        self._cells = cells
        self._saver: Any = None
        self._gate: Any = None
        self._path = list(sys.path)

    def _ready(self) -> Any:
        if self._saver is None:
            _state("ambient").first_path[:] = self._path
            self._saver = _state("save").Saver(self._shell)
        return self._saver

    def save(self, content: dict[str, Any]) -> dict[str, Any]:
        """Save, and return the summary."""
        self.before_all()
        _state("ambient").along["cells"] = self._cells.kept()
        return self._ready().save(content["socket"], content["token"], **_limits(content))

    def restore(self, content: dict[str, Any]) -> dict[str, Any]:
        """Restore, and return the summary."""
        restoring = _state("restore")
        way = restoring.Way(
            progress=str(content.get("progress") or ""),
            without=frozenset(content.get("without") or ()),
            **_limits(content),
        )
        found = restoring.restore(self._shell, self._ready(), content["socket"], content["token"], way)
        self._gate = found.gate
        self._cells.take(_state("ambient").along.get("cells"))
        return found.summary

    @property
    def is_whole(self) -> bool:
        """Whether all memory of a restore is filled, so that every variable may be looked at."""
        return self._gate is None or self._gate.is_open

    def before_all(self) -> None:
        """Wait until all memory of a restore is filled."""
        if self._gate is not None:
            self._gate.before_all()
            self._gate = None

    def before_cell(self, source: str) -> None:
        """Wait until the memory of a restore is filled that a cell can reach."""
        if self._gate is not None:
            self._gate.before_cell(source)
            if self._gate is not None and self._gate.is_open:
                self._gate = None


class Cells:
    """What a kernel remembers of its cells; imports nothing before the first of them runs."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._journal: Any = None
        self._before: list[str] | None = None
        self._shown: Any = None  # what the cell that runs now has shown
        self._ended: dict[str, Any] | None = None  # a cell that has answered and is not remembered yet
        self._started_s = 0.0

    @property
    def has_ended(self) -> bool:
        """Whether there is a cell that has answered and is not remembered yet."""
        return self._ended is not None

    def begin(self) -> None:
        """Note what is there before the first cell, and from now on what is shown."""
        if self._before is None:
            self._before = list(self._shell.user_ns)
        self._started_s = time.perf_counter()
        self._shown = _part("cells", "shown").Shown()

    def note(self, kind: str, content: Any) -> None:
        """Take what is sent to the browsers."""
        if self._shown is not None:
            self._shown.take(kind, content)

    def end(self, parent: dict[str, Any], reply: dict[str, Any]) -> None:
        """Note that a cell has answered."""
        shown, self._shown = self._shown, None
        cell = parent["metadata"].get("cellId")
        self._ended = {
            "cell": cell if isinstance(cell, str) else "",
            "source": parent["content"]["code"],
            "took_s": time.perf_counter() - self._started_s,
            "went": reply.get("status") == "ok",
            "shows": shown.digest if shown is not None else "",
            "missing": reply.get("evalue", "") if reply.get("ename") == "NameError" else "",
        }

    def settle(self, *, is_whole: bool) -> None:
        """Remember the cell that has answered, within the time that there is for it; never fails."""
        ended, self._ended = self._ended, None
        if ended is None or threading.current_thread() is not threading.main_thread():
            return
        limit_s = _LATEST_S + ended["took_s"] * _LATEST_SHARE
        _part("cells", "isolated").attempt_within(limit_s, lambda: self._remember(ended, is_whole=is_whole))

    def _remember(self, ended: dict[str, Any], *, is_whole: bool) -> None:
        if self._journal is None:
            self._journal = _part("cells", "journal").Journal(self._shell, self._before or [])
        self._journal.ran(**ended, is_whole=is_whole)

    def kept(self) -> Any:
        """Return what is remembered as plain values, to be kept with the variables."""
        return _attempt(lambda: self._journal and self._journal.kept())

    def take(self, kept: Any) -> None:
        """Remember what `kept` returned, once the variables are back."""
        if kept is not None:
            self._journal = _attempt(lambda: self._taken(kept))

    def _taken(self, kept: Any) -> Any:
        journal = _part("cells", "journal").Journal(self._shell, [])
        journal.take(kept)
        return journal

    def tell(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return a verdict on each cell of a document."""
        if not self._journal:
            return {"is_watched": False}
        return {"is_watched": True, **_part("cells", "verdicts").verdicts(self._journal, content["cells"])}


def _attempt(work: Any) -> Any:
    return _part("cells", "isolated").attempt(work)


def _listen(kernel: Any, cells: Cells) -> None:
    """Let a kernel's cells know what is sent to the browsers."""
    send = kernel.session.send

    @functools.wraps(send)
    def sending(stream: Any, message: Any, content: Any = None, *args: Any, **kwargs: Any) -> Any:
        if type(message) is str:
            cells.note(message, content)
        else:
            cells.note(message["msg_type"], message["content"])
        return send(stream, message, content, *args, **kwargs)

    kernel.session.send = sending


def _limits(content: dict[str, Any]) -> dict[str, float]:
    given = {name: content.get(name) for name in ("limit_s", "free_bytes")}
    return {name: float(value) for name, value in given.items() if isinstance(value, (int, float))}


def _prepare(kernel: Any, cells: Cells) -> State:
    """Give a new kernel its messages, and let those wait that look at variables."""
    # A tip in the banner draws from the user's random generator whenever a client connects.
    kernel.shell.enable_tip = False
    state = State(kernel.shell, cells)
    for handlers in (kernel.shell_handlers, kernel.control_handlers):
        for name, handler in list(handlers.items()):
            if name not in _BLIND:
                handlers[name] = _after_all(state, handler)
    for name, work in (("save", state.save), ("restore", state.restore)):
        kernel.shell_handlers[f"nbkeep_{name}_request"] = _answering(kernel, f"nbkeep_{name}_reply", work)
    return state


def _after_all(state: State, handler: Any) -> Any:
    @functools.wraps(handler)
    async def waiting(*args: Any) -> None:
        state.before_all()
        result = handler(*args)
        if inspect.isawaitable(result):
            await result

    return waiting


def _answering(kernel: Any, kind: str, work: Any) -> Any:
    """Return a handler that does some work and sends what it returns, or why it failed."""

    def handle(stream: Any, ident: Any, parent: Any) -> None:
        content: dict[str, Any] = {"status": "ok", "reason": ""}
        try:
            content.update(work(parent["content"]))
        except KeyboardInterrupt:
            content = {"status": "error", "reason": "It was interrupted."}
        except Exception as error:  # noqa: BLE001  it is told to the user, and the kernel goes on
            content = {"status": "error", "reason": str(error)[:1000] or type(error).__name__}
        kernel.session.send(stream, kind, content, parent, ident=ident)

    return handle


def _interrupted(kernel: Any, *, silent: bool) -> dict[str, Any]:
    """Return the reply to a cell whose wait was interrupted, and show it below the cell."""
    failure = {"ename": "KeyboardInterrupt", "evalue": "", "traceback": ["KeyboardInterrupt"]}
    if not silent:
        kernel.send_response(kernel.iopub_socket, "error", failure)
    return {"status": "error", "execution_count": kernel.shell.execution_count, **failure}


@contextlib.contextmanager
def _without_imported(module: str) -> Any:
    """Give what a warm parent has imported (imported.py), while a module of IPython's does not look at it."""
    imported = getattr(sys.modules.get(f"{_PREFIX}imported"), "known", None)
    if imported is None:
        yield None
        return
    with imported.unseen_by(module):
        yield imported


@functools.cache
def _kernel_class() -> Any:
    base: Any = importlib.import_module("ipykernel.ipkernel").IPythonKernel

    class Kernel(base):
        """IPython's kernel, which also saves and restores its variables."""

        def __init__(self, **kwargs: Any) -> None:
            with _without_imported("ipykernel.ipkernel") as imported:
                super().__init__(**kwargs)
            if imported is not None:
                imported.tell_kernel(self)
            self._reply: dict[str, Any] = {}  # of the last cell
            self.nbkeep_cells = Cells(self.shell)
            self.nbkeep_state = _prepare(self, self.nbkeep_cells)
            self.shell_handlers["nbkeep_cells_request"] = _answering(
                self, "nbkeep_cells_reply", self.nbkeep_cells.tell
            )
            _listen(self, self.nbkeep_cells)

        async def dispatch_shell(self, *args: Any, **kwargs: Any) -> None:
            """Handle a message to the end; when a cell has answered, remember what it read and changed."""
            await super().dispatch_shell(*args, **kwargs)
            if self.nbkeep_cells.has_ended:
                self._publish_what_waits()
                self.nbkeep_cells.settle(is_whole=self.nbkeep_state.is_whole)

        def _publish_what_waits(self) -> None:
            """Let those threads work that send, until the browsers know that the cell is done."""
            is_sent = threading.Event()
            self.iopub_thread.schedule(is_sent.set)
            is_sent.wait(_SENDING_S)

        async def execute_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
            """Run a cell and answer."""
            if parent["content"].get("silent"):
                await super().execute_request(stream, ident, parent)
                return
            self.nbkeep_cells.begin()
            await super().execute_request(stream, ident, parent)
            self.nbkeep_cells.end(parent, self._reply)

        async def do_execute(self, code: str, silent: bool, *args: Any, **kwargs: Any) -> Any:  # noqa: FBT001
            """Run a cell once the memory is there that it can reach."""
            self._reply = {}
            try:
                self.nbkeep_state.before_cell(code)
            except KeyboardInterrupt:
                return _interrupted(self, silent=silent)
            self._reply = await super().do_execute(code, silent, *args, **kwargs)
            return self._reply

    # ipykernel asks for the names of parameters before it passes any.
    made: Any = Kernel
    made.do_execute.__signature__ = inspect.signature(base.do_execute)
    return made


@functools.cache
def _application_class() -> Any:
    base: Any = importlib.import_module("ipykernel.kernelapp").IPKernelApp

    class IPKernelApp(base):  # by the same name: users' settings and code find it by that
        """IPython's application, whose publisher keeps what its subscriber has not taken yet.

        ZeroMQ's publishers drop from the 1,000th message that waits: a server that is short of CPU for a
        moment lost outputs and the end of cells, which then stayed "running" for ever.
        """

        def parse_command_line(self, argv: Any = None) -> None:
            """Take the connection file, where it is all there is, without IPython's parser of options."""
            words = list(sys.argv[1:] if argv is None else argv)
            if len(words) != 2 or words[0] != "-f":
                super().parse_command_line(argv)
                return
            self.argv, self.extra_args = words, []
            self.cli_config = type(self.config)({"IPKernelApp": {"connection_file": words[1]}})
            self.update_config(self.cli_config)

        def init_iopub(self, context: Any) -> None:
            context.sndhwm = _BURST  # for each socket that is made from here on
            super().init_iopub(context)

        def init_code(self) -> None:
            """Run what comes before the first cell."""
            with _without_imported("IPython.core.shellapp") as imported:
                super().init_code()
            if imported is not None and self.shell is not None:
                imported.tell_shell(self.shell)

    return IPKernelApp


def import_all() -> None:
    """Import what the first cells bring along, as a warm parent does before it knows any session."""
    for module in ("journal", "shown", "verdicts"):
        _part("cells", module)
    _kernel_class()
    _application_class()


def main(argv: list[str], spare: Any = None) -> None:
    """Be a kernel until its end; `argv` begins with the name of the program, as `sys.argv` does.

    `spare` (spare.py): become one only when it is taken.
    """
    application = _application_class() if spare is None else spare.application(_application_class())
    sys.argv = list(argv)
    application.launch_instance(kernel_class=_kernel_class())


if __name__ == "__main__":
    # As ipykernel_launcher: neither this folder nor the working folder is searched while libraries are
    # imported; IPython adds the working folder, as '', afterwards.
    if sys.path and sys.path[0] == _HERE:
        del sys.path[0]
    main(sys.argv)
