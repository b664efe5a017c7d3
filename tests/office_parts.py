"""An office for tests: real database, rules and doors, a clock that is moved, an in-memory node and hub."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from database_parts import put_migrated
from leftover_parts import delete_in, left_in
from nbkeep.app import Office
from nbkeep.backends.interface import (
    Capacity,
    ChangedFile,
    ChangedFiles,
    Exit,
    GpuUse,
    HomeFile,
    HomeListing,
    HostFact,
    KeptKernel,
    KeptState,
    Launched,
    LaunchSpec,
    LeftFiles,
    LeftReports,
    LostName,
    Running,
    Status,
    Volume,
    VolumeUsage,
    Warm,
)
from nbkeep.doors.api import create_app
from nbkeep.model.actor import ROLE_SCOPES, Actor, Role
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.model.ids import new_id
from nbkeep.profiles.seeds import plant
from nbkeep.sessions.heartbeat import take_heartbeat
from nbkeep.sessions.launch import launch
from nbkeep.sessions.marks import mark_ready
from nbkeep.sessions.news import News
from nbkeep.sessions.start import start_session
from nbkeep.settings import Settings
from nbkeep.store.database import Store
from nbkeep.store.tables import SessionRow, UserRow
from nbkeep.telemetry.instruments import database_took

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@dataclass
class InMemoryHub:
    """The `Hub` contract without a JupyterHub: servers are entries of a dictionary."""

    servers: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    starting: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    calls: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    is_away: bool = False
    says_no: bool = False

    def start_server(self, user: str, name: str, session_id: str) -> None:
        self._answer()
        if self.says_no:
            raise Refused("hub-refused", "Not started: too many servers are starting.", "Wait.", status=409)
        self.calls.append(("start", user, name))
        self.servers.setdefault((user, name), session_id)

    def stop_server(self, user: str, name: str) -> bool:
        self._answer()
        self.calls.append(("stop", user, name))
        if (user, name) in self.starting:
            return False
        self.servers.pop((user, name), None)
        return True

    def _answer(self) -> None:
        if self.is_away:
            raise Unavailable("hub-away", "The hub does not answer.", "Try again in a moment.")


@dataclass
class InMemoryNode:
    """The `Backend` contract without processes."""

    has: Capacity = field(default_factory=lambda: Capacity(cpu_millis=8000, memory_bytes=64 << 30))
    running: dict[str, Status] = field(default_factory=dict[str, Status])
    volumes: dict[str, Volume] = field(default_factory=dict[str, Volume])
    stopped: list[str] = field(default_factory=list[str])
    left: list[LeftReports] = field(default_factory=list[LeftReports])
    warm: list[Warm] = field(default_factory=list[Warm])
    kept: dict[str, dict[str, KeptState]] = field(default_factory=dict[str, dict[str, KeptState]])
    is_away: bool = False
    frozen: set[str] = field(default_factory=set[str])
    cannot_freeze: bool = False
    gpu_percents: dict[str, int] = field(default_factory=dict[str, int])
    files: dict[str, list[HomeFile]] = field(default_factory=dict[str, list[HomeFile]])
    changed: dict[str, list[ChangedFile]] = field(default_factory=dict[str, list[ChangedFile]])
    unwalkable: bool = False
    held: dict[tuple[str, str], bytes] = field(default_factory=dict[tuple[str, str], bytes])
    given: dict[tuple[str, str], bytes] = field(default_factory=dict[tuple[str, str], bytes])
    prepared: list[LaunchSpec] = field(default_factory=list[LaunchSpec])

    def prepare(self, spec: LaunchSpec) -> None:
        self._answer()
        self.prepared.append(spec)

    def launch(self, spec: LaunchSpec) -> Launched:
        self._answer()
        self.running.setdefault(spec.session_id, Status(alive=True))
        if not spec.quarantine:
            self.volumes.setdefault(spec.user, Volume("xfs", spec.home_size_bytes, 0, spec.home_size_bytes))
        return Launched(f"http+unix://%2Ftmp%2F{spec.session_id}.sock")

    def give_file(self, session_id: str, name: str, data: bytes) -> None:
        self._answer()
        self.given[session_id, name] = data

    def status(self, session_id: str) -> Status | None:
        self._answer()
        return self.running.get(session_id)

    def sessions(self) -> list[Running]:
        self._answer()
        return [Running(name, status.alive, name in self.frozen) for name, status in self.running.items()]

    def freeze(self, session_id: str) -> None:
        self._answer()
        if self.cannot_freeze or session_id not in self.running:
            raise Refused("not-frozen", f"{session_id} is not frozen.", "It runs on.", status=409)
        self.frozen.add(session_id)

    def thaw(self, session_id: str) -> None:
        self._answer()
        self.frozen.discard(session_id)

    def stop(self, session_id: str, grace_s: float = 10) -> None:
        del grace_s  # nothing here takes time to end
        self._answer()
        self.stopped.append(session_id)
        self.frozen.discard(session_id)
        self.running.pop(session_id, None)

    def ask_to_end(self, session_id: str) -> None:
        self._answer()
        if session_id in self.running:  # nothing here takes time to end
            self.die(session_id, "server-died")

    def left_reports(self) -> LeftReports | None:
        self._answer()
        return self.left[0] if self.left else None

    def forget_reports(self, session_id: str, mark: int) -> None:
        self._answer()
        self.left = [one for one in self.left if (one.session_id, one.mark) != (session_id, mark)]

    def states(self, user: str) -> list[KeptState]:
        self._answer()
        return list(self.kept.get(user, {}).values())

    def delete_state(self, user: str, session_id: str) -> None:
        self._answer()
        self.kept.get(user, {}).pop(session_id, None)

    def saves(self, user: str, session_id: str, saved_at: datetime, size_bytes: int = 1 << 20) -> KeptState:
        """Leave a state, as the trusted half does when it is asked to end."""
        lost = [LostName("sock", "A socket cannot be kept.")]
        kernel = KeptKernel("churn.ipynb", "python3", "python", 3, lost, size_bytes)
        made = KeptState(session_id, saved_at.isoformat(), size_bytes, [kernel])
        self.kept.setdefault(user, {})[session_id] = made
        return made

    def volume(self, user: str) -> Volume | None:
        self._answer()
        return self.volumes.get(user)

    def resize_volume(self, user: str, size_bytes: int) -> Volume:
        self._answer()
        old = self.volumes[user]
        self.volumes[user] = Volume(old.kind, size_bytes, old.used_bytes, size_bytes - old.used_bytes)
        return self.volumes[user]

    def delete_volume(self, user: str) -> None:
        self._answer()
        self.volumes.pop(user, None)

    def volume_usage(self, user: str, depth: int = 2) -> VolumeUsage:
        del user, depth  # every home is empty
        self._answer()
        return VolumeUsage("2026-01-01T00:00:00+00:00", [], [], [])

    def home_listing(self, user: str, after: str = "") -> HomeListing:
        self._answer()
        files = self.files.get(user, [])
        begin = int(after or "0")
        return HomeListing(files[begin : begin + 2], str(begin + 2) if begin + 2 < len(files) else "")

    def changed_files(self, user: str, since: datetime, after: str = "") -> ChangedFiles:
        self._answer()
        if self.unwalkable:
            raise Unavailable("listing-failed", "The home could not be listed.", "Try again later.")
        found = [one for one in self.changed.get(user, []) if one.changed_at >= since.isoformat() or one.note]
        begin = int(after or "0")
        return ChangedFiles(found[begin : begin + 2], str(begin + 2) if begin + 2 < len(found) else "")

    def copy_file(self, user: str, path: str, into: BinaryIO, most_bytes: int) -> None:
        self._answer()
        data = self.held.get((user, path))
        if data is None:
            raise Refused(
                "not-copied", f"There is no file {path!r} in the home.", "Give its path.", status=404
            )
        if len(data) > most_bytes:
            raise Refused("not-copied", f"{path!r} is larger than {most_bytes:,} bytes.", "", status=409)
        into.write(data)

    def leftovers(self, user: str, rules: str) -> LeftFiles:
        self._answer()
        return left_in(self.held, user, rules)

    def delete_leftovers(self, user: str, versions: Mapping[str, str]) -> dict[str, str]:
        self._answer()
        return delete_in(self.held, user, versions)

    def keep_warm(self, wanted: Sequence[Warm]) -> None:
        self._answer()
        self.warm = list(wanted)

    def host(self) -> list[HostFact]:
        self._answer()
        return [HostFact("clock", "Clock", "holds", "in step")]

    def capacity(self) -> Capacity:
        self._answer()
        return self.has

    def gpu_use(self) -> list[GpuUse]:
        self._answer()
        return [GpuUse(one, percent) for one, percent in self.gpu_percents.items() if one in self.running]

    def die(self, session_id: str, reason: str, detail: str = "") -> None:
        self.running[session_id] = Status(alive=False, exit=Exit("server", 1, None, reason, detail))

    def _answer(self) -> None:
        if self.is_away:
            raise Unavailable("warden-away", "The node does not answer.", "Try again in a moment.")


@dataclass
class OfficeForTests:
    """The same shape as `nbkeep.app.Office`, with parts that tests can reach into, and the steps tests repeat."""

    settings: Settings
    store: Store
    clock: ManualClock
    backend: InMemoryNode
    hub: InMemoryHub
    news: News = field(default_factory=News)

    def close(self) -> None:
        self.store.close()

    def app(self) -> FastAPI:
        """Return the web application over exactly these parts."""
        return create_app(Office(self.settings, self.store, self.clock, self.backend, self.hub, self.news))

    def user(
        self, name: str = "jane", role: Role = Role.USER, max_sessions: int = 3, status: str = "active"
    ) -> Actor:
        """Make somebody and return them as an actor."""
        with self.store.write() as tx:
            now = self.clock.now()
            row = UserRow(
                id=new_id("usr", now),
                name=name,
                email=f"{name}@acme.com",
                role=role.value,
                status=status,
                uid_index=tx.query(UserRow).count() + 1,
                max_sessions=max_sessions,
                home_size_bytes=10 << 30,
                sessions_valid_from=now,
                created_at=now,
            )
            tx.add(row)
        return Actor(id=row.id, name=name, scopes=ROLE_SCOPES[role])

    def change(self, session_id: str, **values: object) -> None:
        with self.store.write() as tx:
            for name, value in values.items():
                setattr(tx.get_one(SessionRow, session_id), name, value)

    def row(self, session_id: str) -> SessionRow:
        with self.store.read() as tx:
            return tx.get_one(SessionRow, session_id)

    def requested(self, actor: Actor, profile: str = "notebook-cpu-small", name: str | None = None) -> str:
        return start_session(self, actor, profile, name=name)

    def launched(
        self, actor: Actor, profile: str = "notebook-cpu-small", name: str | None = None
    ) -> tuple[str, str]:
        """Start and launch as hub and spawner do; return session id and session token."""
        session_id = self.requested(actor, profile, name)
        answer = launch(
            self,
            user=actor.name,
            server_name=self.row(session_id).name,
            session_id=session_id,
            profile=None,
            env={},
        )
        self.backend.launch(LaunchSpec(**answer["launch"]))
        return session_id, answer["launch"]["server_env"]["NBKEEP_SESSION_TOKEN"]

    def ready(self, actor: Actor, profile: str = "notebook-cpu-small", name: str | None = None) -> str:
        session_id, _ = self.launched(actor, profile, name)
        with self.store.write() as tx:
            mark_ready(tx, self.clock, actor, tx.get_one(SessionRow, session_id))
        self.beat(session_id)
        return session_id

    def beat(self, session_id: str, *, busy: bool = False, last_work_s_ago: float | None = None) -> None:
        """Send a heartbeat as the trusted half would."""
        work = None if last_work_s_ago is None else self.clock.now() - timedelta(seconds=last_work_s_ago)
        with self.store.write() as tx:
            row = tx.get_one(SessionRow, session_id)
            take_heartbeat(self.clock, row, last_work_at=work, is_busy=busy, memory_used_bytes=1 << 20)


def make_office(folder: Path, url: str = "", **settings: object) -> OfficeForTests:
    """Return an office with the seeds and a built image `base`; `url`: a database other than SQLite."""
    image = folder / "images/base/current"
    image.mkdir(parents=True)
    (image / "image.json").write_text(json.dumps({"name": "base", "python": "3.11", "packages": []}))
    (folder / "secrets").mkdir()
    long = "-0123456789abcdef"  # a short key is refused
    for name in ("operator-token", "hub-token", "gateway-token", "state-key"):
        (folder / "secrets" / name).write_text(f"{name}-of-this-test{long if name == 'state-key' else ''}\n")
        (folder / "secrets" / name).chmod(0o600)
    made = Settings(data_dir=folder, database_url=url, **settings)  # pyright: ignore[reportArgumentType]
    if not url:
        put_migrated(folder / "nbkeep.db")
    store = Store(made.store_url, took=database_took)
    store.migrate()
    clock = ManualClock()
    with store.write() as tx:
        plant(tx, clock)
    return OfficeForTests(made, store, clock, InMemoryNode(), InMemoryHub())


def client_for(app: FastAPI, token: str | None) -> httpx.Client:
    """Return a client of an app, with a bearer token or without."""
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return cast("httpx.Client", TestClient(app, headers=headers))


@pytest.fixture
def office() -> Iterator[OfficeForTests]:
    """An office of its own for one test."""
    with tempfile.TemporaryDirectory(prefix="nbk", dir="/tmp") as folder:
        made = make_office(Path(folder))
        yield made
        made.close()


@pytest.fixture
def any_office(store_url: str) -> Iterator[OfficeForTests]:
    """An office of its own for one test, once on each database engine."""
    with tempfile.TemporaryDirectory(prefix="nbk", dir="/tmp") as folder:
        made = make_office(Path(folder), "" if store_url.startswith("sqlite") else store_url)
        yield made
        made.close()


def assert_looks_absent(act: Callable[[str], object], session_id: str) -> None:
    """Assert that an act upon a session which is not the actor's is refused as if there were none."""
    absent = "ses_00000000000000000000"
    with pytest.raises(Refused) as theirs:
        act(session_id)
    with pytest.raises(Refused) as nobodys:
        act(absent)
    assert theirs.value.message.replace(session_id, "X") == nobodys.value.message.replace(absent, "X")
    assert (theirs.value.code, theirs.value.status) == (nobodys.value.code, nobodys.value.status)
