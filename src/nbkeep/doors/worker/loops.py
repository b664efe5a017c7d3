"""One round of the loops, and the round after that."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from nbkeep.audit.checkpoints import make_when_due
from nbkeep.audit.signing import keys_of
from nbkeep.grants.decide import lapse_requests
from nbkeep.grants.end import expire_grants
from nbkeep.incidents.steps import advance
from nbkeep.inspections.records import forget_ended
from nbkeep.meter.beat import Meter
from nbkeep.meter.daily import put_when_due
from nbkeep.meter.values import BEAT_S
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.quotas.watch import watch
from nbkeep.rendering.job import make
from nbkeep.rendering.warm import WarmPress
from nbkeep.sessions.state_key_records import record_keys
from nbkeep.sessions.state_keys import key_ids
from nbkeep.telemetry.instruments import NODE_ANSWERS, STEP_FAILURES, STEP_SECONDS
from nbkeep.vault.logins import settle

from . import clocks, freezer, reconcile, starts, stops, sweep, warm
from .classified import ClassWalker
from .clockguard import boot_id
from .evidence import EvidenceBuilder
from .forwarder import Forwarder
from .homes import HomeMeasurer
from .leftovers import take_leftovers
from .mailer import Mailer
from .pushes import look_after_pushes
from .releases import ReleaseExaminer
from .states import hold_to_limits, look_after_states
from .watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.sessions.interface import Parts

ROUND_S = 1.0
_BUILD_EVERY_S = 2.0
_LOOK_EVERY_S = 10.0
_FORGET_EVERY_S = 600.0
_SWEEP_EVERY_S = 3600.0
_HOLD_EVERY_S = 10.0
_SIGN_EVERY_S = 60.0
_QUOTAS_EVERY_S = 3.0
_log = logging.getLogger("nbkeep.worker")


@dataclass
class Worker:
    """Does the rounds. What must survive a restart is in the database; this only remembers suspicions.

    Two workers at once are harmless: every step is decided anew inside its own transaction.
    """

    parts: Parts
    boot_id: str = field(default_factory=boot_id)
    _missing: dict[str, int] = field(default_factory=dict[str, int])
    _swept_at_s: float | None = None
    _held_at_s: float | None = None
    _beat_at_s: float | None = None
    _meter: Meter = field(default_factory=Meter)
    _quotas_at_s: float | None = None
    _signed_at_s: float | None = None
    _wishes: warm.Wishes = field(default_factory=warm.Wishes)
    _recorded_keys: list[str] = field(default_factory=list[str])
    _unasked: list[str] | None = None

    def round(self) -> None:
        """Do each step once. A step that fails is logged and does not keep the others from happening."""
        # First of all: deadlines must be right before anybody is stopped by them.
        if not self.step("clocks", lambda: clocks.check(self.parts, self.boot_id)):
            return
        self.step("limits", lambda: stops.stop_what_is_due(self.parts))
        self.step("grants", lambda: expire_grants(self.parts.store, self.parts.clock))
        self.step("requests", lambda: lapse_requests(self.parts.store, self.parts.clock))
        self.step("frozen", lambda: freezer.suspend_frozen(self.parts))
        self.step("begun starts", self._go_on_with_starts)
        self.step("starts", lambda: stops.give_up_slow_starts(self.parts))
        self.step("disabled", lambda: stops.stop_disabled_users(self.parts))
        self.step("reconcile", lambda: reconcile.compare(self.parts, self.boot_id, self._missing))
        self.step("leftovers", lambda: take_leftovers(self.parts))
        self.step("stopping", lambda: stops.finish_stops(self.parts))
        if self._beat_at_s is None or self.parts.clock.monotonic_s() - self._beat_at_s >= BEAT_S:
            self.step("meter", self._beat)
        if self._quotas_at_s is None or self.parts.clock.monotonic_s() - self._quotas_at_s >= _QUOTAS_EVERY_S:
            self.step("quotas", self._watch_quotas)
        self.step("warm", lambda: self._wishes.tell(self.parts))
        now_s = self.parts.clock.monotonic_s()
        self.step("keys", self._record_keys)
        self.step("states", lambda: look_after_states(self.parts))
        if self._held_at_s is None or now_s - self._held_at_s >= _HOLD_EVERY_S:
            self.step("limits of states", lambda: hold_to_limits(self.parts))
            self._held_at_s = now_s
        if self._signed_at_s is None or now_s - self._signed_at_s >= _SIGN_EVERY_S:
            self.step("checkpoint", self._sign_journal)
            self._signed_at_s = now_s
        if self._swept_at_s is None or now_s - self._swept_at_s >= _SWEEP_EVERY_S:
            self.step("sweep", lambda: sweep.sweep(self.parts))
            self.step("old connections", lambda: sweep.forget_old_connections(self.parts))
            self.step("old packages", lambda: sweep.forget_old_packages(self.parts))
            self.step("old calls of models", lambda: sweep.forget_old_model_calls(self.parts))
            self.step("old samples", lambda: sweep.forget_old_samples(self.parts))
            self.step("old intervals", lambda: sweep.forget_old_intervals(self.parts))
            self._swept_at_s = now_s

    def _go_on_with_starts(self) -> None:
        """Ask for what the office before this one could not: its users would wait until they are given up."""
        if self._unasked is None:
            self._unasked = starts.admitted(self.parts)
        self._unasked = starts.ask_again(self.parts, self._unasked)

    def _beat(self) -> None:
        # When it fails, the next round counts what this one has not.
        try:
            alive = {one.session_id for one in self.parts.backend.sessions() if one.alive}
        except Unavailable:
            alive = None
        NODE_ANSWERS.set(alive is not None)
        if self._meter.beat(self.parts.store, self.parts.clock, alive):
            self._beat_at_s = self.parts.clock.monotonic_s()

    def _watch_quotas(self) -> None:
        watch(self.parts.store, self.parts.clock, self.parts.settings.currency)
        self._quotas_at_s = self.parts.clock.monotonic_s()

    def _sign_journal(self) -> None:
        parts = self.parts
        make_when_due(parts.store, parts.clock, keys_of(parts.settings))

    def _record_keys(self) -> None:
        if (ids := key_ids(self.parts.settings)) != self._recorded_keys:
            record_keys(self.parts, ids)
            self._recorded_keys = ids

    def step(self, name: str, act: Callable[[], object]) -> bool:
        """Do one thing; tell whether that went well."""
        began_s = time.perf_counter()
        try:
            act()
        except (Unavailable, Refused) as error:
            _log.warning("%s: %s", name, error)
        except Exception:  # noqa: BLE001 - logged with its trace; the loops must outlive every bug
            _log.exception("The step %s failed; the next round tries again", name)
        else:
            return True
        finally:
            STEP_SECONDS.labels(name).observe(time.perf_counter() - began_s)
        STEP_FAILURES.labels(name).inc()
        return False


async def run_loops(parts: Parts) -> None:
    """Do all loops until cancelled; in threads, for they wait for database, hub, warden and other servers.

    Invariant: when it has returned, no round goes on; only then the office gives its claim back.
    """
    worker, forwarder, mailer = Worker(parts), Forwarder(parts), Mailer(parts)
    homes, watcher, builder = HomeMeasurer(parts), Watcher(parts, worker.step), EvidenceBuilder(parts)
    press = WarmPress(parts.clock)
    walker, examiner = ClassWalker(parts), ReleaseExaminer(parts, partial(make, press=press))
    beside: tuple[tuple[str, float, Callable[[], object]], ...] = (
        ("forwarding", ROUND_S, forwarder.round),
        ("mail", ROUND_S, mailer.round),
        # Beside the others: evidence takes as long as it takes, and deadlines wait for nobody.
        ("incidents", ROUND_S, lambda: advance(parts)),
        # Beside the others, and each other: a Vault, or a database behind it, answers when it likes.
        *((name, ROUND_S, partial(act, parts)) for name, act in settle.ROUNDS),
        ("evidence", _BUILD_EVERY_S, builder.round),
        ("releases", ROUND_S, examiner.round),
        ("pushes", _LOOK_EVERY_S, lambda: look_after_pushes(parts)),
        ("press", ROUND_S, press.round),
        ("inspections", _FORGET_EVERY_S, lambda: forget_ended(parts)),
        ("homes", _LOOK_EVERY_S, homes.round),
        ("classified files", _LOOK_EVERY_S, walker.round),
        ("alarms", _LOOK_EVERY_S, watcher.round),
        ("daily report", _LOOK_EVERY_S, lambda: put_when_due(parts)),
    )
    # A thread for each: what takes minutes in one must not keep another waiting for a place.
    pool = ThreadPoolExecutor(1 + len(beside), "nbkeep-loop")
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_for_ever(pool, ROUND_S, worker.round))
            for name, every_s, act in beside:
                group.create_task(_for_ever(pool, every_s, partial(worker.step, name, act)))
    finally:
        homes.end()
        walker.end()
        await asyncio.to_thread(press.close)
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


async def _for_ever(pool: ThreadPoolExecutor, every_s: float, act: Callable[[], object]) -> None:
    while True:
        await asyncio.get_running_loop().run_in_executor(pool, act)
        await asyncio.sleep(every_s)
