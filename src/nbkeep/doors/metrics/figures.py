"""What the database says of the platform, as metrics: asked at most every few seconds, whoever scrapes.

Series per profile, GPU type and destination of the audit alone: their numbers are bounded, and beyond a
bound the smallest are summed up. People have no series.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from nbkeep import version
from nbkeep.forwarding.destinations import head_seq, statuses
from nbkeep.inference.values import TOTAL
from nbkeep.meter import report
from nbkeep.meter.values import GPU, KINDS
from nbkeep.meter.values import MARK as METER
from nbkeep.model.actor import SYSTEM
from nbkeep.model.days import month_span
from nbkeep.model.errors import Unavailable
from nbkeep.model.money import MICROCENTS
from nbkeep.model.session import SessionState
from nbkeep.sessions.overview import Counts, counts_by_profile
from nbkeep.store.audit_tables import CheckpointRow
from nbkeep.store.model_tables import ModelSpendingRow
from nbkeep.store.storage_tables import MeterHomeRow
from nbkeep.store.tables import FlavorRow, MarkRow, ProfileRow, SessionRow

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from prometheus_client import Metric

    from nbkeep.app import Office
    from nbkeep.store.database import Tx

FRESH_S = 5.0
# Sums of a month move slowly, and grow with what runs.
MONTH_FRESH_S = 60.0
MOST_SERIES = 100
OTHERS = "(others)"
_MODELS = "models"
_MB = 1000  # in a GB
_KINDS = [one.partition(":")[0] for one in KINDS]
_WATCHED = [one.value for one in SessionState if one.is_live or one is SessionState.SUSPENDED]
_log = logging.getLogger("nbkeep.metrics")


@dataclass
class Figures:
    """The figures of one office. Safe to share between threads: one asks, the others are given the same."""

    office: Office
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kept: list[Metric] = field(default_factory=list["Metric"])
    _kept_at_s: float | None = None
    _month: list[Metric] = field(default_factory=list["Metric"])
    _month_at: tuple[str, float] | None = None

    def collect(self) -> Generator[Metric]:
        """Give the figures, none older than `FRESH_S`; without the database only that it does not answer."""
        with self._lock:
            now_s = self.office.clock.monotonic_s()
            if self._kept_at_s is None or not 0 <= now_s - self._kept_at_s < FRESH_S:
                self._kept, self._kept_at_s = self._ask(), now_s
            found = list(self._kept)
        yield from found

    def _ask(self) -> list[Metric]:
        try:
            with self.office.store.read() as tx:
                found = [
                    *_sessions(tx, self.office),
                    *_homes(tx),
                    *_journal(tx, self.office),
                    *self._sums(tx),
                ]
        except (Unavailable, SQLAlchemyError) as error:
            _log.warning("The database does not tell its figures: %s", type(error).__name__)
            return [_release(), _one("nbkeep_database_answers", _ANSWERS, 0)]
        return [_release(), _one("nbkeep_database_answers", _ANSWERS, 1), *found]

    def _sums(self, tx: Tx) -> list[Metric]:
        clock = self.office.clock
        month, now_s = f"{clock.now():%Y-%m}", clock.monotonic_s()
        known = self._month_at
        if known is None or known[0] != month or not 0 <= now_s - known[1] < MONTH_FRESH_S:
            self._month, self._month_at = _month(tx, month, self.office), (month, now_s)
        return self._month


_ANSWERS = "1 while the office's database answers, 0 while it does not."


def _release() -> Metric:
    return _by("nbkeep_build_info", "Always 1; says which release this is.", "version", {version(): 1})


def _sessions(tx: Tx, office: Office) -> list[Metric]:
    now = office.clock.now()
    none = dict.fromkeys(tx.scalars(select(ProfileRow.name)), Counts())
    counts = none | counts_by_profile(tx, now)
    row = SessionRow
    states = dict.fromkeys(_WATCHED, 0)
    query = select(row.state, func.count()).where(row.state.in_(_WATCHED)).group_by(row.state)
    states.update((state, number) for state, number in tx.execute(query))
    words = {
        "active": "Sessions that are starting, running, frozen or stopping.",
        "idle": "Of the active ones those without work for a quarter of an hour, frozen ones included.",
        "frozen": "Of the active ones those that are frozen.",
        "suspended": "Sessions that can be resumed and hold storage only.",
    }
    by_kind = {
        "active": {name: one.live for name, one in counts.items()},
        "idle": {name: one.idle for name, one in counts.items()},
        "frozen": {name: one.frozen for name, one in counts.items()},
        "suspended": {name: one.suspended for name, one in counts.items()},
    }
    found = [
        _by(f"notebook_{kind}_sessions", words[kind], "profile", bounded(numbers))
        for kind, numbers in by_kind.items()
    ]
    return [*found, _by("nbkeep_sessions", "Sessions by state.", "state", states)]


def _journal(tx: Tx, office: Office) -> list[Metric]:
    now = office.clock.now()
    found = [_one("nbkeep_audit_records", "Records in the audit journal.", head_seq(tx))]
    last = tx.scalar(select(func.max(CheckpointRow.at)))
    if last is not None:
        age_s = (now - last).total_seconds()
        found.append(
            _one("nbkeep_audit_checkpoint_age_seconds", "Since the journal was signed last.", max(0, age_s))
        )
    beat = tx.get(MarkRow, METER)
    if beat is not None:
        age_s = (now - beat.at).total_seconds()
        found.append(_one("nbkeep_meter_beat_age_seconds", "Since the meter counted last.", max(0, age_s)))
    places = statuses(tx, SYSTEM)
    lags = {one.name: one.lag for one in places}
    failures = {one.name: one.failures for one in places}
    return [
        *found,
        _by(
            "nbkeep_forwarding_lag_records", "Records that a destination lacks.", "destination", bounded(lags)
        ),
        _by("nbkeep_forwarding_failures", "Failed tries in a row.", "destination", bounded(failures)),
    ]


def _homes(tx: Tx) -> list[Metric]:
    """Return sums alone: whose home is large is not for a dashboard; `nbkeep volume list` tells admins."""
    row = MeterHomeRow
    number, total, largest = tx.execute(
        select(func.count(), func.sum(row.amount), func.max(row.amount)).select_from(row)
    ).one()
    return [
        _one("notebook_workspaces", "Homes that hold something.", number),
        _one("notebook_workspace_size_gb", "GB in all homes, as measured last.", int(total or 0) / _MB),
        _one("notebook_largest_workspace_gb", "GB in the largest home.", int(largest or 0) / _MB),
    ]


def _month(tx: Tx, month: str, office: Office) -> list[Metric]:
    sums = report.totals(tx, month_span(month))
    known = select(FlavorRow.gpu_type).where(FlavorRow.gpu_count > 0).distinct()
    hours = dict.fromkeys(tx.scalars(known), 0.0)
    hours |= {name.removeprefix(GPU): one.quantity for name, one in sums.items() if name.startswith(GPU)}
    spent = dict.fromkeys(_KINDS, 0.0)
    for name, one in sums.items():
        kind = name.partition(":")[0]
        spent[kind] += one.cost / MICROCENTS
    models = tx.get(ModelSpendingRow, (TOTAL, month))
    spent[_MODELS] = (models.spent if models else 0) / MICROCENTS
    money = GaugeMetricFamily(
        "notebook_spend_mtd",
        "What this month (UTC) has cost so far, in units of the currency, by kind of resource.",
        labels=["kind", "currency"],
    )
    for kind, amount in sorted(spent.items()):
        money.add_metric([kind, office.settings.currency], amount)
    return [
        _by(
            "notebook_gpu_hours_mtd", "GPU-hours of this month (UTC) so far, by type.", "gpu", bounded(hours)
        ),
        money,
    ]


def bounded(numbers: Mapping[str, float], most: int = MOST_SERIES) -> dict[str, float]:
    """Return at most so many numbers by name: the largest, and the sum of all others as `OTHERS`.

    >>> bounded({"a": 1, "b": 5, "c": 2}, 2)
    {'b': 5, '(others)': 3}
    """
    if len(numbers) <= most:
        return dict(sorted(numbers.items()))
    ordered = sorted(numbers, key=lambda name: (-numbers[name], name))
    kept = {name: numbers[name] for name in sorted(ordered[: most - 1])}
    return kept | {OTHERS: sum(numbers[name] for name in ordered[most - 1 :])}


def _by(name: str, words: str, label: str, numbers: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    _fill(family, numbers.items())
    return family


def _fill(family: GaugeMetricFamily, numbers: Iterable[tuple[str, float]]) -> None:
    for value, number in numbers:
        family.add_metric([value], number)


def _one(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)
