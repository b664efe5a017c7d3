"""The gateway as a process: `python -m nbkeep.doors.gateway --data-dir DIR`.

Holds the unix sockets by which sessions reach the outside, asks the office for the rules and tells it of each
connection. May be killed at any moment: connections are cut, sessions live, and the next one goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import logging
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nbkeep.backends.local import launch
from nbkeep.backends.local.layout import Layout, make_dir
from nbkeep.data.endpoint import Datasets
from nbkeep.egress.authority import upstream_context
from nbkeep.egress.connections import Connections
from nbkeep.egress.declared import Switchboard
from nbkeep.egress.gateway import Gateway
from nbkeep.egress.keyed import Keys
from nbkeep.egress.leases import Leases
from nbkeep.egress.leaving.body import Bodies
from nbkeep.egress.leaving.gate import Leaving
from nbkeep.egress.leaving.ownrules import OwnRules
from nbkeep.egress.leaving.scanner import JailedScanner
from nbkeep.egress.leaving.uploads import Uploads
from nbkeep.egress.models import Metering
from nbkeep.egress.office_client import OfficeClient, flush, keep_policies, keep_recording
from nbkeep.egress.resolver import SystemResolver, own_addresses
from nbkeep.egress.rules import Compiled
from nbkeep.egress.spool import Spool
from nbkeep.egress.talk import Limits
from nbkeep.model.clock import SystemClock
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.packages.treatment import Packages, facts_from
from nbkeep.pushes.examiner import PushExaminer
from nbkeep.pushes.refs import WholePacks
from nbkeep.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator

    from nbkeep.egress.addresses import Address
    from nbkeep.egress.connections import Told
    from nbkeep.egress.leases import Lease
    from nbkeep.egress.values import Policy
    from nbkeep.model.clock import Clock

log = logging.getLogger("nbkeep.gateway")

_LOOK_S = 0.25  # for folders of sessions that are being made
_OWN_ADDRESSES_S = 30.0
_FILES = 65_536
_LAST_WORDS_S = 3.0
# How much of what is sent is examined of one request, and may lie on disk for that of all at once.
_EXAMINED_BYTES, _SPOOLED_BYTES = 64 << 20, 4 << 30


def main(arguments: list[str] | None = None) -> int:
    """Run the gateway until it is told to end; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m nbkeep.doors.gateway", description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="default: NBKEEP_DATA, or the usual place")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = Settings.load(chosen.data_dir)
        make_dir(settings.gateway_dir)
        with only_one(settings):
            files = _raise_file_limit()
            launch.keep_jail_making()  # its name is kept, by which it owns sessions' folders
            asyncio.run(serve(settings, Limits(total=max(100, (files - 200) // 2))))
    except NbkeepError as error:
        print(f"nbkeep gateway: {error}", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def only_one(settings: Settings) -> Generator[None]:
    """Hold the lock of this data directory's gateway; raise `Refused` when another process has it."""
    with (settings.gateway_dir / "gateway.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused("gateway-runs-already", f"A gateway runs already in {settings.data_dir}.",
                          "Use that one; `nbkeep status` shows it.", status=409) from error  # fmt: skip
        yield


def _raise_file_limit() -> int:
    """Return how many descriptors may be open now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


class Sessions:
    """Which sessions there are, what each may reach, and whether it has its socket yet."""

    def __init__(
        self,
        layout: Layout,
        gateway: Gateway,
        policies: dict[str, Compiled],
        keys: Keys,
        connections: Connections,
        clock: Clock,
    ) -> None:
        self._layout, self._gateway, self._policies, self._keys = layout, gateway, policies, keys
        self._connections = connections
        self._own, self._clock = own_addresses(), clock
        # Invariant: of two answers of the office the newer one is in force, in whichever order they come.
        self._taken: dict[str, int] = {}  # how new the last answer about all was, once it is in force
        self._put: dict[str, int] = {}  # how new one about this session alone was that nothing newer replaced

    async def take(self, found: list[Policy], leases: list[Lease], connections: Told, seq: int) -> None:
        """Put these in force, and no others; connections that are not allowed any more are cut.

        `seq`: how new the answer is, by the number of the last record in the office's journal.
        """
        lost = self._connections.take(connections) | self._connections.end_grants(self._clock.now())
        for session_id in self._keys.leases.take(leases) | lost:
            self._gateway.recheck(session_id)
        known = {one.session_id: one for one in found}
        for session_id in set(self._policies) - set(known):
            del self._policies[session_id]
            self._gateway.close(session_id)
            self._keys.forget(session_id)
            self._connections.forget(session_id)
        self._taken = {one: at for one, at in self._taken.items() if one in known}
        self._put = {one: at for one, at in self._put.items() if one in known}
        for session_id, policy in known.items():
            if seq < self._put.get(session_id, 0):
                continue  # it was made before the session read something: the next one is newer
            self._put.pop(session_id, None)
            self._taken[session_id] = seq
            before = self._policies.get(session_id)
            if before is not None and before.policy == policy:
                continue
            self._install(policy)
            await asyncio.sleep(0)
        self.open_all()

    def put(self, policy: Policy, seq: int) -> None:
        """Put what one session may reach in force at once, before the office tells of all of them.

        Nothing comes of it for a session that has ended, and where what is in force is as new.
        """
        session_id = policy.session_id
        before = self._policies.get(session_id)
        if before is None or seq <= max(self._taken.get(session_id, 0), self._put.get(session_id, 0)):
            return
        self._put[session_id] = seq
        if before.policy != policy:
            self._install(policy)

    def _install(self, policy: Policy) -> None:
        if not self._compile(policy):
            self._policies.pop(policy.session_id, None)
            self._gateway.close(policy.session_id)

    def _compile(self, policy: Policy) -> bool:
        try:
            self._layout.session(policy.session_id)
            self._policies[policy.session_id] = Compiled(policy.at(self._clock.now()), self._own)
        except (Refused, ValueError):
            log.exception("%s: its rules cannot be kept, so it reaches nothing", policy.session_id)
            return False
        self._gateway.recheck(policy.session_id)
        return True

    def end_grants(self) -> None:
        """Cut what only grants allowed that are over: they end even while the office is away."""
        now = self._clock.now()
        for compiled in list(self._policies.values()):
            if any(rule.is_over(now) for rule in compiled.granted):
                self._install(compiled.policy)
        for session_id in self._connections.end_grants(now):
            self._gateway.recheck(session_id)

    def open_all(self) -> None:
        """Make the sockets that are not there and could be."""
        for session_id in self._policies:
            with contextlib.suppress(OSError):  # its folder is not made yet, or is gone already
                folder = self._layout.session(session_id).gateway
                self._keys.prepare(session_id, folder)
                self._connections.prepare(session_id, folder)
                self._gateway.open(session_id, folder)

    async def keep_open(self) -> None:
        """Do so for ever, and follow changes of this machine's addresses."""
        looked_s = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(_LOOK_S)
            self.open_all()
            self.end_grants()
            now_s = asyncio.get_running_loop().time()
            if now_s - looked_s > _OWN_ADDRESSES_S:
                looked_s = now_s
                self._follow(own_addresses())

    def _follow(self, own: frozenset[Address]) -> None:
        if own == self._own:
            return
        self._own = own
        for compiled in list(self._policies.values()):
            self._compile(compiled.policy)


def extra_roots(settings: Settings) -> Path | None:
    """Return the file of authorities that are trusted beside the system's."""
    return Path(settings.egress_ca_file) if settings.egress_ca_file else None


@contextlib.contextmanager
def readable_roots(extra: Path | None) -> Generator[None]:
    """Raise `Refused` for what cannot be made because the roots cannot be read."""
    try:
        yield
    except OSError as error:  # also for a file that holds no certificates
        raise Refused(
            "egress-ca-file",
            f"The certificates in {extra or 'this system'} cannot be used ({error.strerror or error}).",
            "Correct the setting egress_ca_file: a file of certificates in PEM.",
        ) from error


def _leaving(
    settings: Settings, policies: dict[str, Compiled], office: OfficeClient, uploads: Uploads, pushed: Spool
) -> Leaving:
    """Return who examines what is sent: pushes first, for all else is an upload."""
    pushes = PushExaminer(office.push, settings.forges, settings.push_max_bytes, pushed, uploads)
    most = max(_EXAMINED_BYTES, settings.push_max_bytes)
    return Leaving(policies, [pushes, uploads], Bodies(settings.gateway_dir, most, _SPOOLED_BYTES))


async def serve(settings: Settings, limits: Limits) -> None:
    """Serve until a signal comes: SIGTERM and SIGINT end the gateway gently."""
    names = ("records", "model-calls", "packages", "pushes")
    spool, calls, fetched, pushed = (Spool(settings.gateway_dir / f"{one}.jsonl") for one in names)
    office = OfficeClient(settings.office_socket, settings.secret("gateway-token"))
    policies: dict[str, Compiled] = {}
    clock, extra = SystemClock(), extra_roots(settings)
    metering = Metering(calls, clock)
    office.listeners.append(metering.take)
    rules = OwnRules()
    office.listeners.append(rules.hear)
    scanner = JailedScanner(rules)
    uploads = Uploads(scanner)
    leaving = _leaving(settings, policies, office, uploads, pushed)
    with readable_roots(extra):
        packages = Packages(policies, facts_from(office), fetched, upstream_context(extra), clock)
        treatments = [packages, metering, WholePacks(policies, settings.forges)]
        keys = Keys(Leases(office.value, clock), clock, extra, treatments, leaving)
    office.listeners.append(uploads.hear)
    resolver, connections = SystemResolver(), Connections()
    switchboard = Switchboard(connections, keys.leases, extra)
    gateway = Gateway(policies, resolver, spool, limits=limits, keys=keys, switchboard=switchboard)
    office.listeners.append(gateway.volumes.hear)
    sessions = Sessions(Layout(settings.data_dir), gateway, policies, keys, connections, clock)
    uploads.changed = gateway.recheck_all

    async def report(session_id: str, dataset_id: str) -> None:
        sessions.put(*await office.data_read(session_id, dataset_id))

    datasets = Datasets(keys.leases, upstream_context(extra), clock, report, gateway.recheck)
    gateway.local = datasets
    office.listeners.append(datasets.hear)
    probe = await asyncio.start_unix_server(_tell_alive, settings.gateway_socket)
    told_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_end.set)
    loops = [
        asyncio.create_task(one)
        for one in (
            keep_policies(office, sessions.take),
            rules.follow(office.own_rules),
            keep_recording(office.record, spool),
            keep_recording(office.record_calls, calls),
            metering.follow_addresses(resolver),
            keep_recording(office.record_packages, fetched),
            keep_recording(office.record_pushes, pushed),
            sessions.keep_open(),
            gateway.sweep(),
            datasets.follow_clock(),
            told_to_end.wait(),
        )
    ]
    try:
        done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()  # a gateway without one of its loops is none: it ends, and is started again
    finally:
        for one in loops:
            one.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        probe.close()
        await gateway.end()
        scanner.close()
        with contextlib.suppress(NbkeepError, TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await flush(office.record, spool)
                await flush(office.record_calls, calls)
                await flush(office.record_packages, fetched)
        await office.close()


async def _tell_alive(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer whoever looks whether this process works: nothing is asked, and nothing else is told."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    with contextlib.suppress(ConnectionError):
        await writer.drain()
        writer.close()
        await writer.wait_closed()


if __name__ == "__main__":
    sys.exit(main())
