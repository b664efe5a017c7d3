"""A whole backend without processes, for tests of rooms and doors; it passes the contract tests of the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from leftover_parts import delete_in, left_in
from nbkeep.backends.interface import (
    Capacity,
    ChangedFiles,
    Exit,
    FolderUse,
    GpuUse,
    HomeListing,
    HostFact,
    KeptState,
    Launched,
    LaunchSpec,
    LeftFiles,
    LeftReports,
    Running,
    Status,
    Volume,
    VolumeUsage,
    Warm,
)
from nbkeep.model.errors import Refused, invalid, not_found


@dataclass
class InMemoryBackend:
    """The `Backend` contract as dictionaries. `die` ends a session as its own processes would."""

    images: set[str] = field(default_factory=lambda: {"base"})
    total: Capacity = field(default_factory=lambda: Capacity(8000, 64 << 30))
    specs: dict[str, LaunchSpec] = field(default_factory=dict[str, LaunchSpec])
    ended: dict[str, Exit] = field(default_factory=dict[str, Exit])
    left: list[LeftReports] = field(default_factory=list[LeftReports])
    volumes: dict[str, Volume] = field(default_factory=dict[str, Volume])
    kept: dict[str, list[KeptState]] = field(default_factory=dict[str, list[KeptState]])
    warm: list[Warm] = field(default_factory=list[Warm])
    frozen: set[str] = field(default_factory=set[str])
    held: dict[tuple[str, str], bytes] = field(default_factory=dict[tuple[str, str], bytes])
    given: dict[tuple[str, str], bytes] = field(default_factory=dict[tuple[str, str], bytes])

    def keep_warm(self, wanted: Sequence[Warm]) -> None:
        self.warm = list(wanted)

    def prepare(self, spec: LaunchSpec) -> None:
        assert not spec.server_env, "what is prepared has no secrets"

    def launch(self, spec: LaunchSpec) -> Launched:
        if spec.image not in self.images:
            raise Refused("image-missing", f"The image {spec.image!r} is not built on this machine.",
                          f"Run `nbkeep image build {spec.image}`.", status=409)  # fmt: skip
        self.specs[spec.session_id] = spec
        self.ended.pop(spec.session_id, None)
        size = spec.home_size_bytes
        if not spec.quarantine:
            self.volumes.setdefault(spec.user, Volume("xfs", size, 0, size))
        return Launched(f"http+unix://%2Fmemory%2F{spec.session_id}")

    def give_file(self, session_id: str, name: str, data: bytes) -> None:
        if "/" in name or name.startswith("."):
            raise invalid("name", f"{name!r} is no file's name.")
        self.given[session_id, name] = data

    def die(self, session_id: str, ended: Exit) -> None:
        self.ended[session_id] = ended

    def status(self, session_id: str) -> Status | None:
        if session_id not in self.specs:
            return None
        ended = self.ended.get(session_id)
        return Status(ended is None, ended, 0, 0, 0, frozen=session_id in self.frozen)

    def sessions(self) -> list[Running]:
        return [Running(one, one not in self.ended, one in self.frozen) for one in sorted(self.specs)]

    def freeze(self, session_id: str) -> None:
        if session_id not in self.specs or not self.total.freezes:
            raise Refused("not-frozen", f"{session_id} cannot be frozen.", "It runs on.", status=409)
        self.frozen.add(session_id)

    def thaw(self, session_id: str) -> None:
        self.frozen.discard(session_id)

    def stop(self, session_id: str, grace_s: float = 10) -> None:  # noqa: ARG002  the contract has it
        self.specs.pop(session_id, None)
        self.frozen.discard(session_id)
        self.ended.pop(session_id, None)

    def ask_to_end(self, session_id: str) -> None:
        self.frozen.discard(session_id)
        if session_id in self.specs:
            self.ended[session_id] = Exit("server", 0, None, "server-died", "The notebook server ended.")

    def left_reports(self) -> LeftReports | None:
        return self.left[0] if self.left else None

    def forget_reports(self, session_id: str, mark: int) -> None:
        self.left = [one for one in self.left if (one.session_id, one.mark) != (session_id, mark)]

    def states(self, user: str) -> list[KeptState]:
        return self.kept.get(user, [])

    def delete_state(self, user: str, session_id: str) -> None:
        if session_id in self.specs:
            raise Refused(
                "session-runs", f"{session_id} runs: its state is in use.", "Stop it first.", status=409
            )
        self.kept[user] = [one for one in self.states(user) if one.session_id != session_id]

    def volume(self, user: str) -> Volume | None:
        return self.volumes.get(user)

    def resize_volume(self, user: str, size_bytes: int) -> Volume:
        now = self.volumes.get(user)
        if now is None:
            raise not_found("volume", user)
        if size_bytes < now.size_bytes:
            raise Refused("volume-shrink", "A home cannot shrink.", "Choose a larger size.", status=409)
        self.volumes[user] = Volume("xfs", size_bytes, now.used_bytes, size_bytes - now.used_bytes)
        return self.volumes[user]

    def delete_volume(self, user: str) -> None:
        if any(spec.user == user and not spec.quarantine for spec in self.specs.values()):
            raise Refused("volume-busy", "The home is in use.", "Stop its sessions first.", status=409)
        self.volumes.pop(user, None)

    def volume_usage(self, user: str, depth: int = 2) -> VolumeUsage:  # noqa: ARG002  the contract has it
        if user not in self.volumes:
            raise not_found("volume", user)
        return VolumeUsage("2026-01-01T00:00:00+00:00", [FolderUse("", 0, 0)], [], [])

    def home_listing(self, user: str, after: str = "") -> HomeListing:  # noqa: ARG002  the contract has it
        if user not in self.volumes:
            raise not_found("volume", user)
        return HomeListing([])

    def changed_files(self, user: str, since: datetime, after: str = "") -> ChangedFiles:  # noqa: ARG002  likewise
        if user not in self.volumes:
            raise not_found("volume", user)
        return ChangedFiles([])

    def copy_file(self, user: str, path: str, into: BinaryIO, most_bytes: int) -> None:
        if user not in self.volumes:
            raise not_found("volume", user)
        data = self.held.get((user, path))
        if data is None:
            raise Refused(
                "not-copied", f"There is no file {path!r} in the home.", "Give its path.", status=404
            )
        if len(data) > most_bytes:
            raise Refused("not-copied", f"{path!r} is larger than {most_bytes:,} bytes.", "", status=409)
        into.write(data)

    def leftovers(self, user: str, rules: str) -> LeftFiles:
        if user not in self.volumes:
            raise not_found("volume", user)
        return left_in(self.held, user, rules)

    def delete_leftovers(self, user: str, versions: Mapping[str, str]) -> dict[str, str]:
        if user not in self.volumes:
            raise not_found("volume", user)
        return delete_in(self.held, user, versions)

    def host(self) -> list[HostFact]:
        return [HostFact("memory", "In memory", "info", "Nothing runs.")]

    def capacity(self) -> Capacity:
        return self.total

    def gpu_use(self) -> list[GpuUse]:
        return []  # it has no cards
