"""Sessions as pairs of jails on this machine: launch, look, stop. What it knows lies in `run/s`."""

from __future__ import annotations

import contextvars
import json
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from signal import SIGTERM
from typing import TYPE_CHECKING, Any

from nbkeep import wholefile
from nbkeep.backends.interface import (
    Capacity,
    GpuUse,
    HostFact,
    KeptState,
    Launched,
    LeftReports,
    Running,
    Status,
    Warm,
)
from nbkeep.model.errors import NbkeepError, Refused, Unavailable
from nbkeep.telemetry import traces

from . import freezer, scratch, states
from .cgroups import MemoryUse, find_cgroups
from .compiled import compile_for_sandboxes
from .endings import ending_of, load_ending, note_ending
from .fresh import FreshHomes
from .gpus import absent_devices, busy_percents, choose_cards, find_cards, shared_devices
from .halves import GONE_S, Half, find_half
from .host_facts import capacity, gpus, host_facts
from .images import current_image, current_images
from .jails import SERVER_MODULE, Jails, find_bwrap, group_name, server_url
from .kernel_doors import KernelDoors
from .layout import Layout, make_dir, safe_name
from .left import LeftBehind
from .parents import MOST, Kind, Parents
from .prepared import Prepared
from .starting import Starting
from .volumes import Volumes
from .watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from nbkeep.backends.interface import LaunchSpec

    from .gpus import Card
    from .procs import Process
    from .starting import Begun

log = logging.getLogger("nbkeep.warden")

_IDS_PER_USER = 65536
# A user's second id is for sessions in quarantine: what belongs to the first is not theirs, wherever it lies.
_USER_OFFSET, _QUARANTINE_OFFSET = 1000, 1001


class LocalBackend(Volumes):
    """The `Backend` contract on this machine. Safe to call from several threads.

    Runs as root (a uid range per user, cgroups, XFS homes) or as an ordinary user. `server_module` is what
    the trusted half runs, `cards` lists the host's GPUs, `gpus` counts them where no driver can be asked,
    `busy` measures them.
    Without `warm_starts` nothing is forked from a warm parent, without `spare_kernels` none in reserve.
    """

    def __init__(
        self,
        data_dir: Path,
        uid_base: int = 2_000_000_000,
        server_module: str = SERVER_MODULE,
        cards: Callable[[], list[Card]] = find_cards,
        gpus: Mapping[str, int] | None = None,
        *,
        busy: Callable[[], Mapping[str, int]] = busy_percents,
        warm_starts: bool = True,
        spare_kernels: bool = True,
    ) -> None:
        super().__init__(Layout(data_dir))
        self._uid_base = uid_base
        self._cards = cards
        self._gpus = gpus or {}
        self._busy = busy
        self._cgroups = find_cgroups()
        self._fresh = FreshHomes(self.layout)
        self._watchdog = Watchdog(self.layout)
        self._left = LeftBehind(self.layout)
        self._parents = Parents(self.layout, uid_base, find_bwrap(), is_on=warm_starts)
        self._doors = KernelDoors(self.layout, self._parents, self._host_uid_of)
        self._starting = Starting(
            self.layout, self._cgroups, self._parents, self._doors, server_module, spare_kernels=spare_kernels
        )
        self._prepared = Prepared(self.layout)
        self._aside = ThreadPoolExecutor(4, thread_name_prefix="prepare")
        self._wanted: list[Warm] = []
        self._told_to_end: dict[str, Process] = {}
        make_dir(self.layout.sessions, 0o711)
        make_dir(data_dir / "logs/sessions")
        compile_for_sandboxes()

    def prepare(self, spec: LaunchSpec) -> None:
        """Begin to build both jails, where the trusted half will be forked; see `Backend.prepare`."""
        self.layout.session(spec.session_id)  # refuses what is no session's id
        if not (spec.quarantine or spec.gpu_count):  # their places depend on what comes until the launch
            # Its spans are part of this one.
            self._aside.submit(contextvars.copy_context().run, self._prepare, spec)

    def _prepare(self, spec: LaunchSpec) -> None:
        folder, bwrap = self.layout.session(spec.session_id).path, find_bwrap()
        with self._locks[spec.session_id]:
            if bwrap is None or folder.is_dir() or self._parents.ready(Kind()) is None:
                return
            try:
                self._prepared.mark(spec.session_id)
                self._prepared.keep(spec, self._begin(spec, bwrap))
            except Exception as error:  # noqa: BLE001  nobody waits for it: the launch that follows says why
                log.info("%s is not prepared: %r", spec.session_id, error)
                self._clear(spec.session_id)

    def launch(self, spec: LaunchSpec) -> Launched:
        """Start both halves; see `Backend.launch`."""
        directory = self.layout.session(spec.session_id)
        with self._locks[spec.session_id]:
            begun = self._prepared.take(spec)
            now = self.status(spec.session_id) if begun is None else None
            if now is not None and now.alive:
                return Launched(server_url(directory))
            if begun is None:
                self._clear(spec.session_id)
            bwrap = find_bwrap()
            if bwrap is None:
                raise Unavailable(
                    "no-bubblewrap",
                    "bubblewrap is not installed on this machine.",
                    "Install it (Debian: apt-get install bubblewrap) and try again.",
                )
            try:
                is_warm = self._starting.finish(begun or self._begin(spec, bwrap), spec, bwrap)
            except NbkeepError:
                self._clear(spec.session_id)
                raise
            except OSError as error:
                self._clear(spec.session_id)
                # The path is for the log: users read the message.
                log.warning("%s could not be laid out: %s", spec.session_id, error)
                raise Unavailable(
                    "launch-failed",
                    f"The session could not be laid out: {error.strerror or error}.",
                    "An admin looks at `nbkeep logs warden` and `nbkeep doctor`.",
                ) from error
        return Launched(server_url(directory), is_warm)

    def _begin(self, spec: LaunchSpec, bwrap: str) -> Begun:
        image = current_image(self.layout.data_dir, spec.image)
        host_uid = self._host_uid(spec.uid_index, quarantine=spec.quarantine)
        owner = os.geteuid() if host_uid is None else host_uid
        folder = make_dir(self.layout.session(spec.session_id).path)
        home = self._home(folder, spec, image, owner)
        devices = self._allot(spec) if spec.gpu_count else []
        jails = Jails(self.layout, spec, host_uid, home, image, devices, spares=self._starting.has_spares)
        with traces.span("warden.jails", session=spec.session_id):
            return self._starting.begin(jails, spec, image, bwrap)

    def _home(self, folder: Path, spec: LaunchSpec, image: Path, owner: int) -> Path:
        # Invariant: this alone says what a session gets as its home; nothing else asks for it by a name.
        if spec.quarantine:
            _keep_spec(folder, spec, image)
            with traces.span("warden.home", session=spec.session_id):
                return self._fresh.open(spec.session_id, spec.home_size_bytes, owner)
        with self._locks[f"home {spec.user}"]:
            _keep_spec(folder, spec, image)  # from here on the home has a user and is not put to rest
            with traces.span("warden.home", session=spec.session_id):
                return self._homes.open(spec.user, spec.home_size_bytes, owner)

    def give_file(self, session_id: str, name: str, data: bytes) -> None:
        """Keep a file for the fresh home of a session that is not launched yet."""
        with self._locks[session_id]:
            self._fresh.give(session_id, name, data)

    def _allot(self, spec: LaunchSpec) -> list[str]:
        """Return the device files of the session's own cards, kept with it: a later warden knows them."""
        with self._locks["cards"]:
            cards = self._cards()
            absent = absent_devices(gpus(self._gpus), cards)
            chosen = choose_cards(cards, self._taken(), spec.gpu_type, spec.gpu_count, absent)
            (self.layout.session(spec.session_id).path / "gpus.json").write_text(json.dumps(chosen))
        return [*chosen, *shared_devices()]

    def _taken(self) -> set[str]:
        """Return the cards of all sessions of which something still runs, or may be about to."""
        return {card for cards in self._allotted().values() for card in cards}

    def _allotted(self) -> dict[str, list[str]]:
        """Return the cards of each session of which something still runs, or may be about to."""
        found: dict[str, list[str]] = {}
        for session_id in self._ids():
            folder = self.layout.session(session_id).path
            try:
                cards = json.loads((folder / "gpus.json").read_text())
            except OSError:
                continue  # it has none
            if load_ending(folder) is None or any(half.is_alive for half in self._halves(session_id)):
                found[session_id] = cards
        return found

    def _host_uid_of(self, spec: Mapping[str, Any]) -> int | None:
        """Return the same of a kept spec, in which an earlier release said nothing of quarantine."""
        return self._host_uid(spec["uid_index"], quarantine=spec.get("quarantine", False))

    def _host_uid(self, uid_index: int, *, quarantine: bool) -> int | None:
        if os.geteuid() != 0:
            return None
        uid = self._uid_base + uid_index * _IDS_PER_USER
        uid += _QUARANTINE_OFFSET if quarantine else _USER_OFFSET
        if uid_index < 0 or uid >= (1 << 32) - 1:
            raise Refused("no-uid", f"There is no user id left for user number {uid_index}.",
                          "Lower uid_base in config.toml before the first user.", status=409)  # fmt: skip
        return uid

    def status(self, session_id: str) -> Status | None:
        """Return how a session is; when one half is found dead the other is ended too."""
        folder = self.layout.session(session_id).path
        if not folder.is_dir():
            return None
        with self._locks[session_id]:
            if not folder.is_dir() or self._prepared.is_marked(session_id):  # stopped while we waited, or
                return None  # not launched yet
            halves = self._halves(session_id)
            ended = load_ending(folder)
            if ended is None and len(halves) == 2 and all(half.is_alive for half in halves):
                use = self._memory(session_id)
                frozen = freezer.is_frozen(self._cgroups, group_name(session_id, "sandbox"))
                return Status(True, None, use.used_bytes, use.peak_bytes, use.oom_kills, frozen)
            use = self._memory(session_id)
            if ended is None:
                ended = ending_of(halves, use.oom_kills, self.layout.session_log(session_id))
                note_ending(folder, ended)
                log.warning("%s ended: %s %s", session_id, ended.reason, ended.detail)
            self._kill(session_id, halves)
            return Status(False, ended, use.used_bytes, use.peak_bytes, use.oom_kills)

    def _memory(self, session_id: str) -> MemoryUse:
        return self._cgroups.memory(group_name(session_id, "sandbox")) or self._watchdog.memory(session_id)

    def _halves(self, session_id: str) -> list[Half]:
        folder = self.layout.session(session_id).path
        found = [find_half(folder, "server"), find_half(folder, "sandbox")]
        return [half for half in found if half is not None]

    def sessions(self) -> list[Running]:
        """Return all sessions that were launched and not stopped."""
        found = [(session_id, self.status(session_id)) for session_id in self._ids()]
        return [
            Running(session_id, status.alive, status.frozen)
            for session_id, status in found
            if status is not None
        ]

    def stop(self, session_id: str, grace_s: float = 10) -> None:
        """End a session: the trusted half may save and close first, for `grace_s` at most.

        It is waited for without the session's lock, so that everybody can be told meanwhile how it is.
        """
        server = self._ask_to_end(session_id)
        deadline = time.monotonic() + grace_s
        while server is not None and server.is_alive and time.monotonic() < deadline:
            time.sleep(0.02)
        with self._locks[session_id]:
            now = find_half(self.layout.session(session_id).path, "server")
            if server is not None and now is not None and now.outer != server.outer:
                return  # ended by somebody else, and launched again meanwhile
            self._clear(session_id)
            self._fresh.forget(session_id)
            self._told_to_end.pop(session_id, None)

    def ask_to_end(self, session_id: str) -> None:
        """Ask the trusted half to save and end; return at once."""
        self._ask_to_end(session_id)

    def _ask_to_end(self, session_id: str) -> Half | None:
        with self._locks[session_id]:
            server = find_half(self.layout.session(session_id).path, "server")
            # Once only: a second signal could disturb the saving that the first one began.
            if server is not None and server.is_alive and self._told_to_end.get(session_id) != server.outer:
                self._told_to_end[session_id] = server.outer
                freezer.thaw(self._cgroups, group_name(session_id, "sandbox"))  # its kernels are to save
                server.end(SIGTERM)
        return server

    def freeze(self, session_id: str) -> None:
        """Let nothing of the sandbox compute; refused for one that ends."""
        with self._locks[session_id]:
            status = self.status(session_id)
            server = find_half(self.layout.session(session_id).path, "server")
            told = self._told_to_end.get(session_id)
            why = "it has ended, or is ending"
            if status is not None and status.alive and server is not None and told != server.outer:
                why = freezer.freeze(self._cgroups, group_name(session_id, "sandbox"))
        if why:
            remedy = "It runs on; `nbkeep doctor` says whether this host can."
            raise Refused("not-frozen", f"{session_id} is not frozen: {why}.", remedy, status=409)

    def thaw(self, session_id: str) -> None:
        """Let a sandbox go on."""
        with self._locks[session_id]:
            freezer.thaw(self._cgroups, group_name(session_id, "sandbox"))

    def _kill(self, session_id: str, halves: Sequence[Half]) -> None:
        """Kill both halves; a frozen one too, and only then what waits for it outside goes on to end."""
        for half in halves:
            half.end()
        freezer.thaw(self._cgroups, group_name(session_id, "sandbox"))

    def _clear(self, session_id: str) -> None:
        """Leave nothing of a session but its log, its user's home, and reports that the office lacks."""
        self._prepared.give_up(session_id)
        folder = self.layout.session(session_id).path
        halves = self._halves(session_id)
        self._kill(session_id, halves)
        deadline = time.monotonic() + GONE_S
        while any(half.is_alive or half.outer.is_alive for half in halves) and time.monotonic() < deadline:
            self._starting.reap()
            time.sleep(0.005)
        if any(half.is_alive for half in halves):
            raise Unavailable(
                "not-ended", f"Processes of {session_id} do not end.", "Look at the host: disk or GPU stuck?"
            )
        for half in ("sandbox", "server"):
            self._cgroups.remove(group_name(session_id, half))
        self._watchdog.forget(session_id)
        self._doors.close(session_id)
        try:
            self._left.keep(session_id, self.layout.session(session_id).server)
        except OSError as error:
            raise Unavailable(
                "reports-not-kept",
                f"{session_id} has reports that the office lacks, and they cannot be kept: {error}.",
                "Make room on the disk of the data directory; this is tried again by itself.",
            ) from error
        self._fresh.clear(session_id)
        scratch.remove(folder, bounded=self.layout.session(session_id).kernels)

    def tick(self) -> None:
        """Look at every session: find the dead, and without cgroups hold memory to its limit.

        Called each second.
        """
        self._starting.reap()
        try:
            self._keep_warm()
        except Exception:
            log.exception("Warm parents could not be looked at; sessions start without them.")
        for session_id in self._ids():
            try:
                if self._prepared.is_over(session_id):
                    self._end_unlaunched(session_id)
                status = self.status(session_id)
                sandbox = find_half(self.layout.session(session_id).path, "sandbox")
                if status is not None and status.alive and self._parents.has_kernels:
                    self._doors.open(session_id)  # of sessions that an earlier warden started
                if (
                    self._cgroups.memory_kind == "none"
                    and status is not None
                    and status.alive
                    and sandbox is not None
                ):
                    self._watchdog.look(session_id, sandbox)
            except Exception:
                log.exception("Looking at %s failed; the others are looked at all the same.", session_id)
        self.rest_homes()
        self._fresh.sweep()

    def _end_unlaunched(self, session_id: str) -> None:
        with self._locks[session_id]:
            if self._prepared.is_over(session_id):
                log.info("%s was prepared, and not launched: taken down.", session_id)
                self._clear(session_id)

    def keep_warm(self, wanted: Sequence[Warm]) -> None:
        """Keep parents for these; see `Backend.keep_warm`."""
        self._wanted = list(wanted)

    def _keep_warm(self) -> None:
        """Begin the parents that are wanted and not there, and look at the others."""
        images = current_images(self.layout.data_dir)
        self._parents.want(Kind())
        for one in self._wanted[:MOST]:
            if one.image in images and self._parents.has_kernels:
                self._parents.want(Kind(images[one.image], tuple(one.preimport)))
        self._parents.look(images.values())
        self._doors.look()
        self._parents.tell()

    def end(self) -> None:
        """End the parents and what was only prepared, and nothing else: sessions live on."""
        self._aside.shutdown()
        for session_id in self._prepared.waiting():
            with self._locks[session_id]:
                if self._prepared.is_marked(session_id):
                    self._clear(session_id)
        self._parents.end()

    def left_reports(self) -> LeftReports | None:
        """Return reports that an ended session could not deliver."""
        return self._left.next()

    def forget_reports(self, session_id: str, mark: int) -> None:
        """Forget a session's left reports up to `mark`."""
        self.layout.session(session_id)  # refuses what is no session's id
        with self._locks[session_id]:
            self._left.forget(session_id, mark)

    def states(self, user: str) -> list[KeptState]:
        """Return what sessions of a user have saved."""
        return states.states(self.layout, user)

    def delete_state(self, user: str, session_id: str) -> None:
        """Delete what a session has saved; refused while it runs."""
        safe_name(user, "user")
        with self._locks[session_id]:
            if self.layout.session(session_id).path.is_dir():
                raise Refused("session-runs", f"{session_id} runs: its state is in use.",
                              "Stop it first.", status=409)  # fmt: skip
            try:
                states.delete_state(self.layout, user, session_id)
            except OSError as error:
                raise Unavailable(
                    "state-not-deleted",
                    f"The saved state of {session_id} cannot be deleted: {error.strerror or error}.",
                    "This is tried again by itself; an admin looks at the disk of the data directory.",
                ) from error

    def host(self) -> list[HostFact]:
        """Return what `nbkeep doctor` says."""
        return host_facts(self.layout.data_dir, self._cgroups, self._gpus, self._parents.in_words())

    def capacity(self) -> Capacity:
        """Return what this machine has in all."""
        return capacity(self._gpus, freezes=self._cgroups.freezer is not None)

    def gpu_use(self) -> list[GpuUse]:
        """Return how busy the GPUs of sessions are; while none has any, the driver is not asked."""
        allotted = self._allotted()
        busy: Mapping[str, int] = self._busy() if allotted else {}
        measured = {one: [busy[card] for card in cards if card in busy] for one, cards in allotted.items()}
        return [GpuUse(session_id, max(percents)) for session_id, percents in measured.items() if percents]


def _keep_spec(folder: Path, spec: LaunchSpec, image: Path) -> None:
    """Write down what was launched, without its secrets; it appears whole."""
    kept = {key: value for key, value in asdict(spec).items() if key not in {"server_env", "server_args"}}
    kept["image_folder"] = str(image)
    wholefile.write(folder / "spec.json", json.dumps(kept))
