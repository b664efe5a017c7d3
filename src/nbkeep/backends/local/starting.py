"""Starts the two halves of a session: both jails at once, the trusted one forked where a parent is ready."""

from __future__ import annotations

import logging
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .halves import GONE_S, Half, find_half, has_built, start_half
from .parents import Kind, NoParent, Parents
from .procs import Process
from .seccomp import filter_bytes

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from nbkeep.backends.interface import LaunchSpec

    from .cgroups import Cgroups
    from .jails import Jails
    from .kernel_doors import KernelDoors
    from .layout import Layout

log = logging.getLogger("nbkeep.warden")


@dataclass(frozen=True)
class Begun:
    """Both jails of a session, built or being built."""

    jails: Jails
    image: Path
    building: Future[Half]
    waiting: tuple[Half, int] | None

    def give_up(self) -> None:
        """Return once nothing is being built any more; once only. What was built is the caller's to end."""
        wait([self.building])
        if self.waiting is not None:
            os.close(self.waiting[1])

    @property
    def is_alive(self) -> bool:
        """Whether the trusted half's jail is there; of the other, `finish` tells."""
        return self.waiting is not None and self.waiting[0].is_alive


class Starting:
    """Safe to use from several threads, for one session at a time in each."""

    def __init__(
        self,
        layout: Layout,
        cgroups: Cgroups,
        parents: Parents,
        doors: KernelDoors,
        server_module: str,
        *,
        spare_kernels: bool,
    ) -> None:
        self._layout = layout
        self._cgroups = cgroups
        self._parents = parents
        self._doors = doors
        self._server_module = server_module
        self._spare_kernels = spare_kernels
        self._filter = filter_bytes()
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def has_spares(self) -> bool:
        """Whether sessions that start now may keep a kernel in reserve."""
        return self._spare_kernels and self._parents.has_kernels

    def begin(self, jails: Jails, spec: LaunchSpec, image: Path, bwrap: str) -> Begun:
        """Begin to build both jails; no secret is needed for that, and nothing of the session runs yet.

        Raises `NbkeepError` and `OSError`, and leaves to the caller what has begun.
        """
        folder = self._layout.session(spec.session_id).path
        jails.prepare(self._cgroups, self._filter)
        if self._parents.has_kernels:
            self._doors.open(spec.session_id)
        log_file = self._layout.session_log(spec.session_id)
        log_file.touch(mode=0o600)
        sandbox = jails.sandbox(log_file, self._filter)
        # Two thirds of a jail's time is waiting for the kernel: both are built at once.
        beside = ThreadPoolExecutor(1)
        building = beside.submit(start_half, folder, "sandbox", sandbox, bwrap, self._children)
        beside.shutdown(wait=False)
        try:
            waiting = self._waiting_jail(folder, jails, log_file, bwrap)
        except BaseException:
            wait([building])  # the caller clears what is there, and must find all of it
            raise
        return Begun(jails, image, building, waiting)

    def finish(self, begun: Begun, spec: LaunchSpec, bwrap: str) -> bool:
        """Start both halves in their jails, and tell whether the trusted one was forked from a warm parent.

        Raises `NbkeepError` and `OSError`, and leaves to the caller what has begun.
        """
        folder = self._layout.session(spec.session_id).path
        log_file = self._layout.session_log(spec.session_id)
        jails, image, waiting = begun.jails, begun.image, begun.waiting
        jails.take_env(spec.server_env)
        try:
            is_forked = waiting is not None and self._fork_server(waiting, jails, log_file, bwrap)
        finally:
            wait([begun.building])
        begun.building.result()
        if not is_forked:
            self._end_server(folder)
            plain = jails.server(log_file, self._filter, self._server_module)
            start_half(folder, "server", plain, bwrap, self._children)
        if self._parents.has_kernels:
            self._parents.want(Kind(image, tuple(spec.preimport)))
        return is_forked

    def reap(self) -> None:
        """Take the exit statuses of jails that have ended."""
        self._children = [child for child in self._children if child.poll() is None]

    def _waiting_jail(
        self, folder: Path, jails: Jails, log_file: Path, bwrap: str
    ) -> tuple[Half, int] | None:
        """Start the trusted half's jail for a warm parent's fork; return it and what tells when it stands.

        None: no parent is ready.
        """
        if not self._parents.want(Kind()):
            return None
        read_end, write_end = os.pipe()
        try:
            start = jails.server(log_file, self._filter, self._server_module, write_end)
            return start_half(folder, "server", start, bwrap, self._children), read_end
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)

    def _fork_server(self, waiting: tuple[Half, int], jails: Jails, log_file: Path, bwrap: str) -> bool:
        """Fork the trusted half into its jail; False when it has to be started the plain way."""
        half, told = waiting
        try:
            is_built = half.inner is not None and has_built(half.inner, bwrap)
            first = half.inner if half.inner and is_built else Process(0, 0)  # which cannot be entered
            self._parents.fork(Kind(), jails.server_entry(first, log_file, self._server_module), told)
        except NoParent as error:
            log.warning("The trusted half is started the plain way: %s", error)
            return False
        finally:
            os.close(told)
        return True

    def _end_server(self, folder: Path) -> None:
        half = find_half(folder, "server")
        if half is None:
            return
        half.end()
        deadline = time.monotonic() + GONE_S
        while (half.is_alive or half.outer.is_alive) and time.monotonic() < deadline:
            self.reap()
            time.sleep(0.005)
