"""The kernels of a session: started in the sandbox, watched by one subscriber each, explained in death."""

# pyright: reportUnknownMemberType=false, reportIncompatibleMethodOverride=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false
# pyright: reportUnknownVariableType=false, reportAttributeAccessIssue=false, reportUnknownParameterType=false
# (jupyter_client and jupyter_server add attributes at run time and are typed in part)

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, ClassVar, cast

import orjson
import zmq.asyncio
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_async
from jupyter_server._tz import utcnow
from jupyter_server.services.kernels.kernelmanager import (
    AsyncMappingKernelManager,
    ServerKernelManager,
    emit_kernel_action_event,
)
from traitlets import Instance, default

from nbkeep_runtime.server import kernel_folders
from nbkeep_runtime.server.home import Home
from nbkeep_runtime.server.provisioner import SandboxProvisioner
from nbkeep_runtime.server.sandbox import Exit, Sandbox
from nbkeep_runtime.server.settings import ServerSettings
from nbkeep_runtime.server.spares import Spare, SpareKernels

_DELIMITER = b"<IDS|MSG>"
_BURST = 100_000  # messages of one kernel that wait to be read
_RECONNECT_MS = 5, 50  # first pause between tries to reach a socket, and the longest
# What is below `in_pending_state`, the decorator that waits.
_start: Any = inspect.unwrap(AsyncKernelManager.start_kernel)
_FIELD = re.compile(r"\{([A-Za-z0-9_]+)\}")

# Called with (kernel id, message kind, header, parent header, raw content) of all that a kernel publishes.
Published = Callable[[str, str, dict[str, Any], dict[str, Any], bytes], None]


class SandboxedKernel(ServerKernelManager):
    """One kernel; its sockets and connection file lie in the folder that both halves share."""

    parent: SessionKernels
    # The server's event bus has them: each kernel would read them once more, only to be told so.
    core_event_schema_paths: ClassVar[list[Path]] = []

    async def _async_pre_start_kernel(self, **kwargs: Any) -> tuple[list[str], dict[str, Any]]:
        """Set the provisioner first: jupyter_client then looks for none, whatever the kernelspec says."""
        self.kernel_id = self.kernel_id or kwargs.pop("kernel_id")
        if not isinstance(self.provisioner, SandboxProvisioner):
            self.provisioner = SandboxProvisioner(
                kernel_id=self.kernel_id,
                kernel_spec=self.kernel_spec,
                parent=self,
                sandbox=self.parent.sandbox,
                settings=self.parent.settings,
                spares=self.parent.spares,
            )
        return await super()._async_pre_start_kernel(**kwargs)

    @emit_kernel_action_event(success_msg="Kernel {kernel_id} was started.")
    async def start_kernel(self, *args: Any, **kwargs: Any) -> None:
        """Start it as jupyter_client does, without the 10 ms that it waits each time for tests of its own."""
        self._ready = asyncio.get_running_loop().create_future()
        try:
            await _start(self, *args, **kwargs)
        except Exception as error:
            self._ready.set_exception(error)
            self.log.exception("A kernel did not start")
            raise
        self._ready.set_result(None)

    def write_connection_file(self, **_kwargs: Any) -> None:
        """Write the connection file anew, in a folder of its own."""
        if not self._connection_file_written:
            key, kernels_dir = self.session.key.decode(), self.parent.settings.kernels_dir
            self._connect_by(kernel_folders.make(kernels_dir, key, self.kernel_name))

    def become(self, spare: Spare) -> None:
        """Be this kernel, which runs already, and speak to it by its own connection file."""
        self.session.key = spare.key.encode()
        self._connect_by(spare.connection_file)

    @property
    def is_again(self) -> bool:
        """Whether it has had a kernel before, whose sockets its clients go on with."""
        return self._connection_file_written

    def _connect_by(self, connection_file: Path) -> None:
        self.ip = kernel_folders.sockets(connection_file)
        for name, number in kernel_folders.PORTS.items():
            setattr(self, name, number)
        self.session.signature_scheme = kernel_folders.SCHEME
        self.connection_file = str(connection_file)
        self._connection_file_written = True
        self._record_random_port_names()

    def connect_iopub(self, *args: Any, **kwargs: Any) -> Any:
        """Subscribe to what the kernel publishes, with room for a burst that is read slower than it comes.

        A publisher of ZeroMQ drops what its subscriber does not take: cells lost outputs and their end.
        """
        stream = super().connect_iopub(*args, **kwargs)
        stream.socket.rcvhwm = _BURST
        return stream

    def cleanup_connection_file(self) -> None:
        """Remove a kernel's folder."""
        if self._connection_file_written:
            self._connection_file_written = False
            kernel_folders.remove(Path(self.connection_file))

    def cleanup_ipc_files(self) -> None:
        """Nothing more: the folder holds them."""

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """Return the command with its placeholders filled, as seen from inside the sandbox."""
        spec = self.kernel_spec
        fields = {
            "connection_file": self.connection_file,
            "prefix": self.parent.settings.image_inside,
            "resource_dir": self.parent.settings.image_inside,
        }
        argv = [*(spec.argv if spec else []), *(extra_arguments or [])]
        return [_FIELD.sub(lambda match: fields.get(match.group(1), match.group()), arg) for arg in argv]


class SessionKernels(AsyncMappingKernelManager):
    """All kernels of a session."""

    sandbox = Instance(Sandbox)
    spares = Instance(SpareKernels)
    settings = Instance(ServerSettings)
    home = Instance(Home)

    @default("sandbox")
    def _sandbox(self) -> Sandbox:
        return self.parent.sandbox  # type: ignore[union-attr]

    @default("spares")
    def _spares(self) -> SpareKernels:
        return SpareKernels(self.settings, self.sandbox, getattr(self.parent, "early_kernel", None))

    @default("settings")
    def _settings(self) -> ServerSettings:
        return self.parent.session_settings  # type: ignore[union-attr]

    @default("home")
    def _home(self) -> Home:
        return self.parent.home  # type: ignore[union-attr]

    @default("context")
    def _quick_context(self) -> zmq.asyncio.Context:
        """Return a context whose sockets meet a kernel soon: one that starts listens after the first tries.

        ZeroMQ's own pause between tries is 100 ms.
        """
        self._created_context = True
        context = zmq.asyncio.Context()
        context.reconnect_ivl, context.reconnect_ivl_max = _RECONNECT_MS
        return context

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_manager_class = "nbkeep_runtime.server.kernels.SandboxedKernel"
        self.listeners: list[Published] = []
        self.on_death: Callable[[str, Exit], None] = _nobody
        self.on_started: Callable[[str, str | None], None] = _unseen
        self.on_restarted: Callable[[str], None] = _no_one
        self.at_work: Callable[[], AbstractAsyncContextManager[None]] = contextlib.nullcontext
        self.sandbox.on_exit(self._exited)
        self.spares.kernels = lambda: len(self.list_kernel_ids())

    def track_message_type(self, message_type: str) -> bool:
        """Tell whether a message is the user's work: saving and restoring variables is not."""
        return not message_type.startswith("nbkeep_") and super().track_message_type(message_type)

    def cwd_for_path(self, path: str, **kwargs: Any) -> str:
        """Return the folder that a kernel starts in, or the nearest above that is there."""
        parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
        while parts and not self.home.is_folder("/".join(parts)):
            parts.pop()
        return "/".join([str(self.settings.home), *parts])

    async def _async_start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]
        """Start a kernel, or return the running one of that id."""
        is_new = kwargs.get("kernel_id") is None or kwargs["kernel_id"] not in self
        async with self.at_work():
            kernel_id = await super()._async_start_kernel(**kwargs)
        if is_new:
            self.on_started(kernel_id, (kwargs.get("env") or {}).get("JPY_SESSION_NAME"))
        return kernel_id

    start_kernel = _async_start_kernel  # type: ignore[assignment]

    async def _async_restart_kernel(self, kernel_id: str, now: bool = False) -> Any:
        """Restart a kernel; its running executions end here."""
        async with self.at_work():
            self.on_restarted(kernel_id)
            return await super()._async_restart_kernel(kernel_id, now=now)

    restart_kernel = _async_restart_kernel  # type: ignore[assignment]

    async def interrupt_kernel(self, kernel_id: str) -> None:
        """Interrupt a kernel."""
        async with self.at_work():
            await ensure_async(super().interrupt_kernel(kernel_id))

    async def _async_shutdown_kernel(self, kernel_id: str, now: bool = False, restart: bool = False) -> None:
        """End a kernel."""
        async with self.at_work():
            await super()._async_shutdown_kernel(kernel_id, now=now, restart=restart)

    shutdown_kernel = _async_shutdown_kernel  # type: ignore[assignment]

    def start_watching_activity(self, kernel_id: str) -> None:
        """Subscribe once to what the kernel publishes; every interested part is told from here."""
        kernel: Any = self._kernels[kernel_id]
        kernel.reason = ""
        kernel.last_activity = utcnow()
        kernel._activity_stream = kernel.connect_iopub()  # noqa: SLF001  # the name that stopping looks for
        kernel._activity_stream.on_recv(lambda frames: self._received(kernel_id, kernel, frames))  # noqa: SLF001

    def _received(self, kernel_id: str, kernel: Any, frames: list[bytes]) -> None:
        """Follow one published message; malformed ones are ignored."""
        try:
            start = frames.index(_DELIMITER) + 2
            header: Any = orjson.loads(frames[start])
            parent: Any = orjson.loads(frames[start + 1])
            content = frames[start + 3]
        except (ValueError, IndexError):
            return
        if not isinstance(header, dict) or not isinstance(parent, dict):
            return
        header, parent = cast("dict[str, Any]", header), cast("dict[str, Any]", parent)
        kind = header.get("msg_type")
        if not isinstance(kind, str):
            return
        self._follow_state(kernel, kind, parent.get("msg_type"), content)
        for listener in self.listeners:
            listener(kernel_id, kind, header, parent, content)

    def _follow_state(self, kernel: Any, kind: str, parent_kind: Any, content: bytes) -> None:
        tracked = isinstance(parent_kind, str) and self.track_message_type(parent_kind)
        if tracked or kernel.execution_state == "busy":
            self.last_kernel_activity = kernel.last_activity = utcnow()
        if kind != "status":
            return
        state = execution_state(content)
        if tracked and state:
            kernel.execution_state = state
        elif kernel.execution_state == "starting" and state != "starting":
            kernel.execution_state = "idle"

    def is_idle_after_all(self, kernel_id: str) -> None:
        """Take a kernel as idle that has answered everything, though it was not heard to become so."""
        kernel: Any = self._kernels.get(kernel_id)
        if kernel is not None and kernel.execution_state == "busy":
            kernel.execution_state = "idle"

    def busy_kernels(self) -> list[str]:
        """Return the kernels that compute now."""
        return [
            kernel_id
            for kernel_id in self.list_kernel_ids()
            if getattr(self._kernels[kernel_id], "execution_state", None) == "busy"
        ]

    def _exited(self, ended: Exit) -> None:
        """Tell about a death at once, and let the restarter see it without its three seconds of wait."""
        for kernel_id in self.list_kernel_ids():
            kernel: Any = self._kernels.get(kernel_id)
            provisioner = getattr(kernel, "provisioner", None)
            if provisioner is None or provisioner.pid != ended.pid or kernel.shutting_down:
                continue
            kernel.execution_state = "starting"  # it died busy; its successor would count as work for ever
            self.on_death(kernel_id, ended)
            restarter = getattr(kernel, "_restarter", None)
            if restarter is not None:
                asyncio.get_running_loop().create_task(restarter.poll())


def execution_state(content: bytes) -> str | None:
    """Return the state that a status message tells."""
    try:
        loaded: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    state: Any = cast("dict[str, Any]", loaded).get("execution_state") if isinstance(loaded, dict) else None
    return state if isinstance(state, str) else None


def _nobody(_kernel_id: str, _ended: Exit) -> None:
    """Stand in until `session.py` joins the parts."""


def _unseen(_kernel_id: str, _path: str | None) -> None:
    """Stand in until `session.py` joins the parts."""


def _no_one(_kernel_id: str) -> None:
    """Stand in until `session.py` joins the parts."""
