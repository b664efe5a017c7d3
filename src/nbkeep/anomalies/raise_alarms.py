"""Looks for what is unusual, and raises an alarm: once for each kind, subject and day (UTC)."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from nbkeep.audit import events, journal
from nbkeep.meter.prices import hourly_cost
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import NbkeepError
from nbkeep.model.ids import new_id
from nbkeep.outbox.notices import tell_scope
from nbkeep.store.alarm_tables import AlarmRow, GpuUseRow
from nbkeep.store.tables import UserRow

from .gpus import gpu_sessions
from .history import some_at_once, sources
from .rules import compare, judge, judge_idle
from .settings import rules
from .values import ADMIN, Finding

if TYPE_CHECKING:
    from datetime import date, datetime

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx

    from .history import Source
    from .values import Kind, Rule

LOOK_EVERY_S = 300.0
# A price with a point too few makes everybody's day unusual: the first say it, the rest would say it again.
MOST_A_DAY = 200
_MOST_NOTICES = 5
_FRESH = timedelta(minutes=5)
_log = logging.getLogger("nbkeep.anomalies")


@dataclass(frozen=True)
class _Found:
    """A finding about somebody, or about a session of theirs."""

    subject_id: str
    user_id: str
    session_id: str | None
    finding: Finding


@dataclass
class Watch:
    """Looks of one office. It only remembers everybody's usual days, which are read once a day."""

    currency: str
    _sources: dict[Kind, Source] = field(default_factory=sources)
    _everybody: dict[Kind, tuple[date, list[int]]] = field(
        default_factory=dict["Kind", "tuple[date, list[int]]"]
    )

    def look(self, store: Store, clock: Clock, kind: Kind) -> int:
        """Raise the alarms of one kind that there are now; return how many are new. Twice is safe.

        Invariant: an alarm is of the day that it was found on, also where midnight has come since: it would
        take the place of the next day's.
        """
        now = clock.now()
        with store.read() as tx:
            rule = rules(tx)[kind]
            if not rule.enabled:
                return 0
            found = (
                self._idle(tx, clock, rule, now)
                if kind == "gpu-idle"
                else self._unusual(tx, rule, now.date())
            )
        return _raise(store, clock, rule, found, f"{now:%Y-%m-%d}")

    def _unusual(self, tx: Tx, rule: Rule, day: date) -> list[_Found]:
        source = self._sources[rule.kind]
        # Few people reach what can be an alarm at all: only their days before are read.
        today = {
            user: amount for user, amount in source.today(tx, day).items() if amount >= max(1, rule.least)
        }
        found: list[_Found] = []
        for users in some_at_once(today):
            before = source.before(tx, day, users)
            for user in users:
                own = before.get(user, [])
                compared = compare(own, [], rule) or compare([], self._days_of_all(tx, rule.kind, day), rule)
                if finding := judge(rule, today[user], compared, self.currency):
                    found.append(_Found(user, user, None, finding))
        return found

    def _days_of_all(self, tx: Tx, kind: Kind, day: date) -> list[int]:
        known = self._everybody.get(kind)
        if known is None or known[0] != day:
            known = self._everybody[kind] = (day, self._sources[kind].everybody(tx, day))
        return known[1]

    def _idle(self, tx: Tx, clock: Clock, rule: Rule, now: datetime) -> list[_Found]:
        used = {
            row.session_id: row
            for row in tx.scalars(
                select(GpuUseRow).where(
                    GpuUseRow.day == f"{now:%Y-%m-%d}",
                    GpuUseRow.looked_at >= now - _FRESH,
                    GpuUseRow.idle_in_a_row_s >= rule.least,
                )
            )
        }
        found: list[_Found] = []
        for row in gpu_sessions(tx) if used else ():
            if (use := used.get(row.id)) is None:
                continue
            gpus = f"{row.profile['gpu_count']} x {row.profile['gpu_type']}"
            cost = hourly_cost(tx, clock, row)
            if finding := judge_idle(rule, use.idle_in_a_row_s, gpus, use.percent, cost, self.currency):
                found.append(_Found(row.id, row.user_id, row.id, finding))
        return found


def _raise(store: Store, clock: Clock, rule: Rule, found: list[_Found], day: str) -> int:
    of_day = select(AlarmRow.subject_id).where(AlarmRow.kind == rule.kind, AlarmRow.day == day)
    with store.read() as tx:
        known = set(tx.scalars(of_day))
        names = {row.id: row.name for row in tx.execute(select(UserRow.id, UserRow.name))} if found else {}
    raised = 0
    for one in sorted(found, key=lambda one: one.finding.measured, reverse=True):
        if one.subject_id not in known and len(known) + raised >= MOST_A_DAY:
            break
        try:
            with store.write() as tx:
                raised += _raise_one(tx, clock, rule, one, names.get(one.user_id, "?"), day, raised)
        except (NbkeepError, SQLAlchemyError):
            # One person whose alarm cannot be written must not hide everybody else's.
            _log.exception(
                "The %s alarm of %s was not raised; the next look tries again", rule.kind, one.subject_id
            )
    if raised > _MOST_NOTICES:
        with store.write() as tx:
            told = (
                f"{raised} new alarms of the kind {rule.kind}, the {_MOST_NOTICES} largest told one by one."
            )
            tell_scope(tx, clock, ADMIN, "alarms", f"{told} See the page Alarms.")
    return raised


def _raise_one(tx: Tx, clock: Clock, rule: Rule, one: _Found, user: str, day: str, before: int) -> int:
    now, finding = clock.now(), one.finding
    key = (AlarmRow.kind == rule.kind, AlarmRow.subject_id == one.subject_id, AlarmRow.day == day)
    row = tx.scalar(select(AlarmRow).where(*key))
    if row is not None:
        row.measured = max(row.measured, finding.measured)
        return 0
    row = AlarmRow(
        id=new_id("alm", now), kind=rule.kind, subject_id=one.subject_id, user_id=one.user_id, day=day,
        raised_at=now, measured=finding.measured, usual=finding.usual, threshold=finding.threshold,
        message=finding.message, acknowledged_by="", note="",
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    event = events.AlarmRaised(
        session_id=one.session_id, alarm_id=row.id, kind=rule.kind, user=user, measured=finding.measured,
        usual=finding.usual, threshold=finding.threshold, message=finding.message,
    )  # fmt: skip
    journal.append(tx, clock, SYSTEM, event)
    if before < _MOST_NOTICES:
        tell_scope(tx, clock, ADMIN, notice_kind(row.id), f"Alarm about {user}: {finding.message}")
    return 1


def notice_kind(alarm_id: str) -> str:
    """Return the kind of the notices about one alarm: put away once somebody has acknowledged it."""
    return f"alarm:{alarm_id[-18:]}"


def kind_of(row: AlarmRow) -> Kind:
    """Return a row's kind: nothing else is ever written there."""
    return cast("Kind", row.kind)
