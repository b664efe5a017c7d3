"""Starts kernels in the sandbox, and only there.

`SandboxedKernel` sets this provisioner on every kernel before jupyter_client looks for one, so what a
kernelspec says about provisioners (or an entry point of an installed package) is never read.
"""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Instance

from nbkeep_runtime.server import warm
from nbkeep_runtime.server.kernelspecs import KERNEL
from nbkeep_runtime.server.sandbox import Exit, Sandbox, SandboxError
from nbkeep_runtime.server.settings import ServerSettings
from nbkeep_runtime.server.spares import Spare, SpareKernels

if TYPE_CHECKING:
    from jupyter_client.connect import KernelConnectionInfo

_KILL_S = 5.0
# From the server's own environment nothing goes along; these may come with a request to start.
_PASSED_ON = ("JPY_SESSION_NAME",)


class SandboxProvisioner(KernelProvisionerBase):
    """One kernel process of the sandbox; jupyter_client calls every method."""

    sandbox = Instance(Sandbox)
    settings = Instance(ServerSettings)
    spares = Instance(SpareKernels)
    pid: int | None = None
    _spare: Spare | None = None
    _is_warm = False
    _exited: asyncio.Event

    @property
    def has_process(self) -> bool:
        """Tell whether a kernel was started and not yet waited for."""
        return self.pid is not None

    @property
    def exit(self) -> Exit | None:
        """Return how the kernel ended, if it has."""
        return None if self.pid is None else self.sandbox.exit_of(self.pid)

    async def poll(self) -> int | None:
        """Return None while the kernel runs, else its exit code (a signal's number, negative)."""
        if self.pid is None:
            return 0
        ended = self.exit
        if ended is None:
            return None
        return -ended.signal if ended.signal else ended.code or 0

    async def wait(self) -> int | None:
        """Wait for the end and forget the process."""
        while (code := await self.poll()) is None:  # noqa: ASYNC110  # exits arrive by event; this only paces
            await asyncio.sleep(0.02)
        self.pid = None
        return code

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel's group; 0 asks nothing of the sandbox."""
        if self.pid is not None and signum and self.exit is None:
            await self.sandbox.signal(self.pid, signum)

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel's group; a sandbox that is gone has killed it already."""
        try:
            await self.send_signal(signal.SIGKILL)
        except SandboxError as error:
            self.log.warning("Kernel not killed: %s", error)

    async def terminate(self, restart: bool = False) -> None:
        """Ask the kernel's group to end."""
        try:
            await self.send_signal(signal.SIGTERM)
        except SandboxError as error:
            self.log.warning("Kernel not terminated: %s", error)

    async def cleanup(self, restart: bool = False) -> None:
        """Nothing of the trusted half is held for a kernel."""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Take the spare kernel, or write a connection file, and build the command.

        The base class is not asked: it fills the kernel's environment from the server's, tokens included.
        """
        manager: Any = self.parent
        asked: Any = kwargs.get("env") or {}
        env = {name: str(asked[name]) for name in _PASSED_ON if name in asked} | self.kernel_spec.env
        words: list[str] = kwargs.get("extra_arguments") or []
        cwd = self._inside(kwargs.get("cwd"))
        self._spare, self._is_warm = None, self._is_warm_one([*self.kernel_spec.argv, *words], env)
        env = {**self.settings.placeholders, **env}
        if self._is_warm and not manager.is_again:
            self._spare = await self.spares.take(cwd, env)
        if self._spare is not None:
            manager.become(self._spare)
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        return {"cmd": manager.format_kernel_cmd(extra_arguments=words), "env": env, "cwd": cwd}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel in the sandbox, from a warm parent where there is one; raises `SandboxError`."""
        env, cwd = kwargs["env"], kwargs["cwd"]
        if self._spare is not None:
            self.pid = self._spare.pid
        else:
            self.pid = await self._forked(env, cwd) or await self.sandbox.spawn(cmd, env, cwd)
        return self.connection_info

    def _is_warm_one(self, argv: list[str], env: dict[str, str]) -> bool:
        """Tell whether a kernel of this command is what a warm parent's fork becomes."""
        python = f"{self.settings.image_inside}/bin/python"
        return argv == [python, KERNEL, "-f", "{connection_file}"] and set(env) <= set(_PASSED_ON)

    async def _forked(self, env: dict[str, str], cwd: str) -> int | None:
        """Return the pid of a kernel that came from a warm parent, or None where there is none for it."""
        manager: Any = self.parent
        if not self._is_warm:
            return None
        pid = await warm.fork(
            self.settings.warm_socket, connection_file=manager.connection_file, cwd=cwd, env=env
        )
        if pid is not None:
            await self.sandbox.adopt(pid)
        return pid

    def _inside(self, cwd: str | None) -> str:
        """Return a folder of the home as the sandbox names it."""
        root, inside = str(self.settings.home).rstrip("/"), self.settings.home_inside
        if cwd is None or not f"{cwd}/".startswith(f"{root}/"):
            return inside
        return (inside + cwd[len(root) :]).rstrip("/")

    def get_shutdown_wait_time(self, recommended: float = _KILL_S) -> float:
        """Return how long a kernel may take to end by itself."""
        return recommended
