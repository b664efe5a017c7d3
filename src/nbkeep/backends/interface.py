"""The contract between the office and whatever runs sessions, with its values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


@dataclass(frozen=True)
class LaunchSpec:
    """Everything needed to start one session. `server_env` holds secrets; it is never stored.

    `local_ports`: of the connections that are declared now, by name; gateways tell of later ones.

    `quarantine`: it gets a home and a state of its own, fresh and of `home_size_bytes` at most, and neither
    sees its user's nor leaves them behind.
    """

    session_id: str
    user: str
    uid_index: int
    image: str
    cpu_millis: int
    memory_bytes: int
    pids_max: int
    home_size_bytes: int
    scratch_bytes: int
    gpu_count: int = 0
    gpu_type: str = ""
    preimport: list[str] = field(default_factory=list[str])
    local_ports: dict[str, int] = field(default_factory=dict[str, int])
    server_env: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    server_args: list[str] = field(default_factory=list[str])
    quarantine: bool = False


@dataclass(frozen=True)
class Warm:
    """An image, and the modules that its kernels have imported when they start."""

    image: str
    preimport: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Launched:
    """Where the trusted half will listen (`http+unix://…`); it may take seconds until it does.

    `warm`: whether it was forked from a warm parent; None: it was there already, or the node does not tell.
    """

    server_url: str
    warm: bool | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Exit:
    """Why a session ended by itself. `reason` is a value of `StopReason`, `detail` a sentence for people."""

    half: Literal["server", "sandbox"]
    code: int | None
    signal: int | None
    reason: str
    detail: str


@dataclass(frozen=True)
class Status:
    """How a session is. Memory is that of the sandbox; None where the host does not tell.

    `frozen`: its sandbox computes nothing until `thaw`.
    """

    alive: bool
    exit: Exit | None = None
    memory_used_bytes: int | None = None
    memory_peak_bytes: int | None = None
    oom_kills: int = 0
    frozen: bool = False


@dataclass(frozen=True)
class Running:
    """One line of the list of sessions."""

    session_id: str
    alive: bool
    frozen: bool = False


@dataclass(frozen=True)
class LeftReports:
    """What an ended session had not delivered, in its order; `mark` is for `forget_reports`."""

    session_id: str
    reports: list[dict[str, Any]]
    mark: int


@dataclass(frozen=True)
class LostName:
    """A variable that could not be saved, and why in a sentence."""

    name: str
    reason: str


@dataclass(frozen=True)
class KeptKernel:
    """What was saved of one kernel: how many variables, of `bytes` in all, and which could not be.

    `reason`: why nothing of it was saved, or nothing newer, in a sentence; else "".
    """

    path: str
    name: str
    language: str
    kept: int
    lost: list[LostName]
    bytes: int
    reason: str = ""


@dataclass(frozen=True)
class KeptState:
    """What a session's kernels have left to be resumed with. `saved_at` is ISO 8601 in UTC.

    `sequence` grows with each save of the session: an older state that somebody put back is known by it.
    `image_digest`: the build of the image that it fits; "" where an earlier release did not say.
    """

    session_id: str
    saved_at: str
    bytes: int
    kernels: list[KeptKernel]
    sequence: int = 0
    image_digest: str = ""


@dataclass(frozen=True)
class Volume:
    """A user's home. A plain folder has no size of its own (`size_bytes` 0); its free space is the disk's."""

    kind: Literal["xfs", "folder"]
    size_bytes: int
    used_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class FolderUse:
    """What one folder and all below it occupies. `path` is relative to the home, which itself is ""."""

    path: str
    bytes: int
    files: int


@dataclass(frozen=True)
class Suggestion:
    """Something that can be deleted and comes back by itself when it is needed."""

    path: str
    bytes: int
    why: str


@dataclass(frozen=True)
class FileUse:
    """What one large file occupies. `path` is relative to the home."""

    path: str
    bytes: int


@dataclass(frozen=True)
class VolumeUsage:
    """Usage by folder, what may go, large files; largest first. `measured_at` is ISO 8601 in UTC."""

    measured_at: str
    folders: list[FolderUse]
    suggestions: list[Suggestion]
    files: list[FileUse]


@dataclass(frozen=True)
class GpuUse:
    """How busy a session's GPUs are now: the busiest of them, 0 to 100, as their driver measures it."""

    session_id: str
    percent: int


@dataclass(frozen=True)
class HomeFile:
    """One file of a home. `path` is relative to it, `modified_at` ISO 8601 in UTC.

    `sha256`: of its content, "" where it has none or was not read; `note` says why.
    """

    path: str
    bytes: int
    modified_at: str
    sha256: str = ""
    note: str = ""


@dataclass(frozen=True)
class HomeListing:
    """A part of a home's files, by path; `next` asks for what follows, "" at the end."""

    files: list[HomeFile]
    next: str = ""


@dataclass(frozen=True)
class ChangedFile:
    """A file, link or the like that was changed. `path`: as people may read it, its first 4096 bytes.

    `key`: SHA-256 of the whole path's bytes.

    `changed_at`: the kernel's time of change, ISO 8601 in UTC; "" where `note` says why it is not known.
    """

    path: str
    key: str
    bytes: int
    changed_at: str
    note: str = ""


@dataclass(frozen=True)
class ChangedFiles:
    """A part of what was changed in a home, by path; `next` asks for what follows, "" at the end."""

    files: list[ChangedFile]
    next: str = ""


@dataclass(frozen=True)
class LeftValue:
    """What was found in a file that was left behind, masked. `is_removed`: no file worked with has it.

    `kind`: "secret" or "personal". `cell`: from 1, 0 for none; `line`: from 1, 0 for unknown.
    """

    rule: str
    kind: str
    title: str
    severity: str
    masked: str
    cell: int
    line: int
    is_removed: bool


@dataclass(frozen=True)
class LeftFile:
    """A file that a tool left behind, with what was found in it. `path`: as people may read it.

    `key`: the whole path in hex; `version`: another one once the file was written to. `kind`, `of`: see
    scanning/leftovers.py. `may_go`: deleting it takes away only what its owner took out already. `count`: of
    all values, of which `values` are the first.
    """

    key: str
    path: str
    kind: str
    of: str
    version: str
    may_go: bool
    values: list[LeftValue]
    count: int


@dataclass(frozen=True)
class LeftFiles:
    """What is left behind in a home. `read`: how many files were looked at; `not_read`: sentences about some.

    `is_whole`: time was enough for all files; else nothing may go.
    """

    files: list[LeftFile]
    read: int
    not_read: list[str]
    is_whole: bool


@dataclass(frozen=True)
class HostFact:
    """One guarantee of the host: whether it holds, is weaker than could be, or is missing; what to do."""

    id: str
    title: str
    status: Literal["holds", "weaker", "missing", "info"]
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Capacity:
    """What the host has in all. GPU types are lower-case words such as a100, counted once each.

    `freezes`: sandboxes can be frozen here.
    """

    cpu_millis: int
    memory_bytes: int
    gpus: dict[str, int] = field(default_factory=dict[str, int])
    freezes: bool = False


class Backend(Protocol):
    """What the office asks for. Every method may raise `Unavailable` when the node does not answer."""

    def prepare(self, spec: LaunchSpec) -> None:
        """Begin to build what a launch takes, and return at once: the launch that follows is sooner for it.

        `spec`: as it will be launched, without `server_env`. Nothing depends on it: a launch of something
        else builds anew, and what is not launched is taken down after a minute; it is no session until then.
        Twice is safe.
        """
        ...

    def launch(self, spec: LaunchSpec) -> Launched:
        """Start both halves and return at once; the hub's spawner calls it.

        Twice is safe: while the session lives the same answer comes back. Raises `Refused` for what cannot
        work (image missing), `Unavailable` for what may later; nothing is left running then.
        """
        ...

    def give_file(self, session_id: str, name: str, data: bytes) -> None:
        """Keep a file for a session in quarantine that is not launched yet: its fresh home begins with it.

        `name`: of a file in the home itself. It is there until the session is stopped, and an hour at most
        for one that is never launched. Twice is safe: the last one of a name counts. Raises `Refused` (400)
        for a name that is none, `Unavailable` (`file-not-given`) where it cannot be kept.
        """
        ...

    def status(self, session_id: str) -> Status | None:
        """Return how it is, or None for an id that was never launched or was stopped."""
        ...

    def sessions(self) -> Sequence[Running]:
        """Return all sessions that were launched and not stopped, dead ones included."""
        ...

    def stop(self, session_id: str, grace_s: float = 10) -> None:
        """End both halves and forget the session; return when they are gone. Twice is safe.

        The trusted half is asked to end at once and may save for `grace_s`. A second call while one waits
        asks it nothing more, and ends it after its own grace where that is shorter.
        """
        ...

    def ask_to_end(self, session_id: str) -> None:
        """Ask the trusted half to save and end; return at once. Twice is safe: it is asked once.

        The loops call it where the hub, which waits for such an end with `stop`, does not.
        """
        ...

    def freeze(self, session_id: str) -> None:
        """Let nothing of the sandbox compute until `thaw`; return when it rests. The trusted half goes on.

        Twice is safe. Raises `Refused` (409) where that cannot be, or the session is ending: all runs on.
        """
        ...

    def thaw(self, session_id: str) -> None:
        """Let a sandbox go on; return when it does. Twice is safe, also for one that is not frozen."""
        ...

    def left_reports(self) -> LeftReports | None:
        """Return a batch of reports that an ended session could not deliver, or None when there are none.

        The office's worker calls it, records them (an id counts once), and then calls `forget_reports`.
        Until then the same batch comes back.
        """
        ...

    def forget_reports(self, session_id: str, mark: int) -> None:
        """Forget a session's left reports up to `mark`. Twice is safe."""
        ...

    def states(self, user: str) -> Sequence[KeptState]:
        """Return what sessions of a user have saved, whole checkpoints only.

        The office asks after a session's processes have ended. What is told comes from the session and proves
        nothing: lengths and types are bounded, that is all.
        """
        ...

    def delete_state(self, user: str, session_id: str) -> None:
        """Delete what one session has saved. Twice is safe; refused (409) while the session runs."""
        ...

    def volume(self, user: str) -> Volume | None:
        """Return the user's home, or None when it was never made."""
        ...

    def resize_volume(self, user: str, size_bytes: int) -> Volume:
        """Grow a home, also while it is in use. Raises `Refused` for shrinking or an unknown home."""
        ...

    def delete_volume(self, user: str) -> None:
        """Delete a home for good. Only on a person's explicit word; refused while the user has a session."""
        ...

    def volume_usage(self, user: str, depth: int = 2) -> VolumeUsage:
        """Return usage by folder, measured at idle priority and kept for a minute."""
        ...

    def home_listing(self, user: str, after: str = "") -> HomeListing:
        """Return the next files of a home with hashes of what they hold; nothing is changed by it.

        Incidents' evidence asks for it, part by part; `after`: `next` of the part before. It takes up to half
        a minute. Raises `Refused` (404) for a home that was never made. Twice is safe.
        """
        ...

    def changed_files(self, user: str, since: datetime, after: str = "") -> ChangedFiles:
        """Return the next files of a home that were changed since a moment, to the second.

        The record of classified files asks for it, part by part, as `home_listing`. Raises `Refused` (404)
        for a home that was never made, `Unavailable` (`listing-failed`) for one that cannot be walked. Twice
        is safe.
        """
        ...

    def copy_file(self, user: str, path: str, into: BinaryIO, most_bytes: int) -> None:
        """Write what one plain file of a home holds now into a file on the disk that is open for writing.

        Releases ask for it, whether a session runs or not. `path`: from the home on; no part of it may be a
        link. Nothing of the sandbox takes part. Raises `Refused`: 404 for a home or file that is not there,
        409 (`not-copied`) for what is no plain file, larger than `most_bytes`, or changed while it was read;
        `Unavailable` (`copy-failed`) where this file could not be copied. What was written counts only once
        it has returned. Twice is safe.
        """
        ...

    def leftovers(self, user: str, rules: str) -> LeftFiles:
        """Return what tools left behind in a home, with values that were taken out elsewhere.

        The home's owner asks for it; it takes up to a minute. `rules`: the organisation's own, "" for none.
        Raises `Refused` (404) for a home that was never made, `Unavailable` where it was not looked through.
        """
        ...

    def delete_leftovers(self, user: str, versions: Mapping[str, str]) -> dict[str, str]:
        """Delete leftovers, as {key: version} of `leftovers`; return {key: why not} of those that stay.

        What is no leftover, or was changed since, stays. Twice is safe. Raises as `leftovers`.
        """
        ...

    def keep_warm(self, wanted: Sequence[Warm]) -> None:
        """Say which kernels should start without waiting for imports; replaces what was said before.

        Only a wish: sessions start without it, slower. Twice is safe.
        """
        ...

    def host(self) -> Sequence[HostFact]:
        """Return what `nbkeep doctor` says about the node."""
        ...

    def capacity(self) -> Capacity:
        """Return what the node has in all, not what is free."""
        ...

    def gpu_use(self) -> Sequence[GpuUse]:
        """Return how busy the GPUs of sessions are; sessions are left out whose cards nobody can measure."""
        ...
