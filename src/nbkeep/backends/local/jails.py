"""Lay out what the two halves of one session see: folders, files of /etc, environment, cgroups."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from nbkeep import wholefile
from nbkeep.egress import connections
from nbkeep.egress.authority import system_roots, write_bundle

from . import scratch
from .bubblewrap import UID, Jail, sandbox_command, server_command
from .cgroups import Cgroups, Limits
from .halves import Start
from .images import base_prefix
from .layout import Layout, SessionDir, make_dir
from .parents import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.backends.interface import LaunchSpec

    from .procs import Process

SERVER_MODULE = "nbkeep_runtime.server"
# The trusted half serves one person's browser; this is far above what it needs.
_SERVER_LIMITS = Limits(memory_bytes=3 << 30, cpu_millis=2000, pids_max=512)
_SERVER_SCRATCH_BYTES = 1 << 30
# With less a session has no spare kernel: it is small, but so is the session.
_SPARE_FROM_BYTES, _SPARE_FROM_PIDS = 512 << 20, 100
_HUB, _OFFICE = "/run/nbkeep/hub", "/run/nbkeep/office"
# Libraries start one thread per CPU of the host unless told what the session has.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_MAX_THREADS",
            "POLARS_MAX_THREADS", "PYTHON_CPU_COUNT")  # fmt: skip


def thread_limits(cpu_millis: int) -> dict[str, str]:
    """Return the environment by which libraries know how many CPUs a session has."""
    return dict.fromkeys(_THREADS, str(max(1, -(-cpu_millis // 1000))))


def group_name(session_id: str, half: str) -> str:
    """Return the name of a half's cgroup; the sandbox's is the session's."""
    return session_id if half == "sandbox" else f"{session_id}.{half}"


class Jails:
    """Prepares the two halves of one session. Nothing runs yet when this is done."""

    def __init__(
        self,
        layout: Layout,
        spec: LaunchSpec,
        host_uid: int | None,
        home: Path,
        image: Path,
        devices: list[str],
        *,
        spares: bool = False,
    ) -> None:
        """Lay out `spec`'s session; `spares`: whether kernels are forked, and one may be in reserve."""
        self._layout = layout
        self._spec = spec
        self._host_uid = host_uid
        self._owner = os.geteuid() if host_uid is None else host_uid
        self._home = home
        self._image = image
        self._devices = devices
        is_small = spec.memory_bytes < _SPARE_FROM_BYTES or spec.pids_max < _SPARE_FROM_PIDS
        self._has_spare = spares and not is_small
        self._dir: SessionDir = layout.session(spec.session_id)
        self._state = self._dir.state if spec.quarantine else layout.state(spec.user)

    def prepare(self, cgroups: Cgroups, filter_program: bytes) -> None:
        """Make the session's folders, files and cgroups; raises OSError when one cannot be."""
        make_dir(self._dir.path)
        for folder in (self._dir.server, self._dir.kernels):
            make_dir(folder, owner=self._owner)
        if self._host_uid is not None:
            scratch.bound(self._dir.kernels, self._owner)
        make_dir(self._dir.limits, 0o755)
        make_dir(self._dir.etc, 0o755)
        make_dir(self._dir.warm, 0o755)
        make_dir(self._dir.gateway, 0o755)
        # Until the gateway has put the session's own authority beside them.
        write_bundle(self._dir.gateway, system_roots(), None)
        # So that the relay listens before anything else runs; the gateway, which comes later, keeps it true.
        ports = self._spec.local_ports
        wholefile.write(self._dir.gateway / connections.FILE_NAME, connections.listed(ports), mode=0o644)
        make_dir(self._state, owner=self._owner)
        for name, text in self._etc_files().items():
            _publish(self._dir.etc / name, text)
        (self._dir.path / "seccomp.bpf").write_bytes(filter_program)
        (self._dir.path / "seccomp.bpf").chmod(0o644)
        limits = self.sandbox_limits
        self._files = {
            "sandbox": cgroups.make(group_name(self._spec.session_id, "sandbox"), limits),
            "server": cgroups.make(group_name(self._spec.session_id, "server"), _SERVER_LIMITS),
        }
        self._groups = {name: cgroups.folder(name, self._spec.session_id) for name in ("memory", "pids")}
        told = {
            "memory_limit_bytes": limits.memory_bytes,
            "cpu_millis": limits.cpu_millis,
            "pids_max": limits.pids_max,
            "cgroup": cgroups.memory_kind,
        }
        _publish(self._dir.limits / "limits.json", json.dumps(told))
        for name, group in self._groups.items():
            if group is not None:
                (self._dir.limits / name).mkdir(exist_ok=True)

    def take_env(self, server_env: dict[str, str]) -> None:
        """Take the trusted half's environment, which is known after its jail."""
        self._spec = replace(self._spec, server_env=server_env)

    @property
    def sandbox_limits(self) -> Limits:
        """What the untrusted half may use."""
        return Limits(self._spec.memory_bytes, self._spec.cpu_millis, self._spec.pids_max)

    def sandbox(self, log: Path, filter_program: bytes) -> Start:
        """Return how the untrusted half is started. Its environment holds limits and nothing else."""
        jail = self._jail(
            binds=[(self._dir.kernels, "/run/nbkeep/kernels")],
            # The folder, not the socket: a gateway that starts again makes a new one in it.
            read_only=[(self._dir.gateway, "/run/nbkeep/gateway")],
            devices=self._devices,
            scratch_bytes=self._spec.scratch_bytes,
        )
        env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "NBKEEP_PIDS_MAX": str(self._spec.pids_max)}
        env |= thread_limits(self._spec.cpu_millis)
        command = sandbox_command(jail, self._image, base_prefix(self._image))
        return Start(command, env, log, None if jail.is_root else filter_program, self._files["sandbox"])

    def server(self, log: Path, filter_program: bytes, module: str, waits: int | None = None) -> Start:
        """Return how the trusted half is started. Secrets travel in its environment only.

        `waits`: only its jail is started, which tells this descriptor when it stands; a fork of a warm parent
        enters it (`server_entry`).
        """
        run = self._layout.data_dir / "run"
        read_only = [
            (self._image / "env", "/run/nbkeep/image"),
            (self._dir.limits, "/run/nbkeep/limits"),
            (self._dir.warm, "/run/nbkeep/warm"),
            *(
                (group, f"/run/nbkeep/limits/{name}")
                for name, group in self._groups.items()
                if group is not None
            ),
        ]
        binds = [
            (self._dir.server, "/run/nbkeep/server"),
            (self._dir.kernels, "/run/nbkeep/kernels"),
            (self._state, "/run/nbkeep/state"),
        ]
        # Folders, not sockets: a hub that starts again makes a new socket in the same folder.
        for name, target in (("hub", _HUB), ("office", _OFFICE)):
            run.joinpath(name).mkdir(parents=True, exist_ok=True)
            read_only.append((run / name, target))
        jail = self._jail(binds=binds, read_only=read_only, scratch_bytes=_SERVER_SCRATCH_BYTES)
        command = server_command(jail, self._spec.server_args, module, waits)
        env = self.server_env() if waits is None else {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        seccomp = None if jail.is_root else filter_program
        return Start(command, env, log, seccomp, self._files["server"], [] if waits is None else [waits])

    def server_entry(self, first: Process, log: Path, module: str) -> Entry:
        """Return how a fork of a warm parent becomes the trusted half in its waiting jail."""
        request = {
            "kind": "server",
            "module": module,
            "arguments": self._spec.server_args,
            "env": self.server_env(),
            "cwd": "/run/nbkeep/private",
        }
        return Entry(first, self._host_uid, self._files["server"], request, log)

    def server_env(self) -> dict[str, str]:
        """Return the whole environment of the trusted half."""
        env = {
            "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/run/nbkeep/private",
            "USER": "user",
            "TMPDIR": "/tmp",
        }
        run = self._layout.data_dir / "run"
        seen = {
            quote(str(run / "hub"), safe=""): quote(_HUB, safe=""),
            str(run / "hub"): _HUB,
            quote(str(run / "office"), safe=""): quote(_OFFICE, safe=""),
            str(run / "office"): _OFFICE,
        }
        for key, value in self._spec.server_env.items():
            inside = value
            for outer, inner in seen.items():
                inside = inside.replace(outer, inner)
            env[key] = inside
        env["JUPYTERHUB_SERVICE_URL"] = "http+unix://" + quote("/run/nbkeep/server/server.sock", safe="")
        env["NBKEEP_SESSION_ID"] = self._spec.session_id
        env["NBKEEP_IMAGE_DIGEST"] = self._image.name
        env["NBKEEP_SPARE_KERNEL"] = str(int(self._has_spare))
        return env

    def _jail(
        self,
        *,
        binds: list[tuple[Path, str]],
        scratch_bytes: int,
        read_only: list[tuple[Path, str]] | None = None,
        devices: list[str] | None = None,
    ) -> Jail:
        return Jail(
            home=self._home,
            etc=self._dir.etc,
            filter_file=self._dir.path / "seccomp.bpf",
            host_uid=self._host_uid,
            binds=binds,
            read_only=read_only or [],
            devices=devices or [],
            scratch_bytes=scratch_bytes,
        )

    def _etc_files(self) -> dict[str, str]:
        ids = [UID] if self._host_uid is None else [UID, self._host_uid]
        return {
            "passwd": "".join(f"user:x:{uid}:{uid}:user:/home/user:/bin/bash\n" for uid in ids)
            + "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
            "group": "".join(f"user:x:{uid}:\n" for uid in ids) + "nogroup:x:65534:\n",
            "hosts": "127.0.0.1 localhost nbkeep\n::1 localhost\n",
            "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
            "resolv.conf": "# There is no way out of this sandbox.\n",
            "hostname": "nbkeep\n",
        }


def server_url(directory: SessionDir) -> str:
    """Return the trusted half's address as the host sees it."""
    return "http+unix://" + quote(str(directory.server / "server.sock"), safe="")


def _publish(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o644)


def find_bwrap() -> str | None:
    """Return bubblewrap's path, or None."""
    return shutil.which("bwrap")
