"""Reads what the dashboard shows: sums of days, never single intervals, however many there are."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.anomalies.acknowledge import Wanted, count_open, list_alarms
from nbkeep.anomalies.gpus import gpu_sessions
from nbkeep.inference import sums as models
from nbkeep.meter import sums as meter
from nbkeep.meter.prices import hourly_cost
from nbkeep.meter.values import FLAVOR, FROZEN, GPU
from nbkeep.model.days import month_span
from nbkeep.sessions.overview import counts_by_profile
from nbkeep.sessions.storage import kept_bytes
from nbkeep.store.alarm_tables import GpuUseRow, StorageDayRow
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.tables import UserRow

from .values import Dashboard, IdleGpu, Sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.model.days import Span
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

READ = "audit:read"
_ALARMS = 5
_IDLE_GPUS = 10
_MODELS = 5  # more lines than this cannot be told apart
_IDLE_FROM_S = 600  # a card rests between two cells: less is no news
_FRESH = timedelta(minutes=5)
_US = 1_000_000
NO_PROJECT = "(in no project)"
_SPENT_ON = ("Flavors", "GPUs", "Storage", "Models")


def gather(tx: Tx, clock: Clock, actor: Actor, month: str, currency: str) -> Dashboard:
    """Return everything for a month such as 2026-11; "" is this one. Needs `audit:read`.

    Raises `Refused` (400, 403).
    """
    actor.require(READ)
    now = clock.now()
    month = month or f"{now:%Y-%m}"
    span = month_span(month)
    still = meter.growing(tx, span.end)
    by_day = meter.sums(tx, span, ("day", "resource"), still)
    by_user = meter.sums(tx, span, ("user_id",), still)
    by_profile = meter.sums(tx, span, ("profile_name",), still)
    used = models.sums(tx, span, ("day", "model"))
    used_by = models.sums(tx, span, ("user_id",))
    days = _days(span, now)
    spent = _spent_by_user(by_user, used_by)
    names = {row.id: row.name for row in tx.execute(select(UserRow.id, UserRow.name))}
    counts = counts_by_profile(tx, now)
    storage = _storage(tx, span, now.date())
    spending = _spend_by_day(days, by_day, used)
    today = next((amounts for label, amounts in spending.rows if label == f"{now:%Y-%m-%d}"), ())
    return Dashboard(
        month=month,
        today=f"{now:%Y-%m-%d}",
        currency=currency,
        live=sum(one.live for one in counts.values()),
        idle=sum(one.idle for one in counts.values()),
        frozen=sum(one.frozen for one in counts.values()),
        suspended=sum(one.suspended for one in counts.values()),
        spent=sum(one.cost for one in by_day.values()) + sum(one.cost for one in used.values()),
        spent_today=sum(today),
        gpu_s=sum(one.gpu_us for one in by_day.values()) // _US,
        home_bytes=_newest_homes(tx, now),
        kept_bytes=kept_bytes(tx),
        tokens=sum(one.tokens for one in used.values()),
        open_alarms=count_open(tx, actor),
        alarms=list_alarms(tx, actor, Wanted(), currency, limit=_ALARMS).items,
        idle_gpus=_idle_gpus(tx, clock, names),
        sheets=[
            spending,
            _ranked("spend-by-user", "Spend by person", "Person",
                    {names[user]: amount for user, amount in spent.items()}),
            _ranked("spend-by-project", "Spend by project", "Project", _by_project(tx, spent),
                    note="All that the people spent who are in a project now. Somebody in two projects "
                         "counts in both, so that these sums may come to more than the whole."),
            _ranked("spend-by-profile", "Spend by profile", "Profile",
                    {profile: one.cost for (profile,), one in by_profile.items()},
                    note="Without models: their calls belong to no profile."),
            Sheet("sessions-by-profile", "Sessions by profile, now", "Profile",
                  ("Live", "Idle", "Paused", "Suspended"), "count", "bars",
                  [(name, (one.live, one.idle, one.frozen, one.suspended)) for name, one in counts.items()],
                  note="Idle and paused ones are among the live ones.", empty="Nobody has a session now."),
            _gpu_hours(days, by_day),
            storage,
            _tokens(days, used),
        ],
    )  # fmt: skip


def _days(span: Span, now: datetime) -> list[str]:
    """Return the days of a month, as far as they have come."""
    last = min(span.last, max(span.first, now.date()))
    return [f"{span.first + timedelta(days=one):%Y-%m-%d}" for one in range((last - span.first).days + 1)]


def _spend_by_day(
    days: list[str], by_day: Mapping[tuple[str, ...], meter.Sum], used: Mapping[tuple[str, ...], models.Sum]
) -> Sheet:
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (day, resource), one in by_day.items():
        place = 0 if resource.startswith((FLAVOR, FROZEN)) else 1 if resource.startswith(GPU) else 2
        found[day][place] += one.cost
    for (day, _), one in used.items():
        found[day][3] += one.cost
    return Sheet("spend-by-day", "Spend by day", "Day (UTC)", _SPENT_ON, "money", "stacked",
                 [(day, tuple(found[day])) for day in days])  # fmt: skip


def _gpu_hours(days: list[str], by_day: Mapping[tuple[str, ...], meter.Sum]) -> Sheet:
    kinds = sorted({resource.removeprefix(GPU) for _, resource in by_day if resource.startswith(GPU)})
    nothing = meter.Sum()
    rows = [
        (day, tuple(by_day.get((day, f"{GPU}{kind}"), nothing).gpu_us // _US for kind in kinds))
        for day in days
    ]
    return Sheet("gpu-hours", "GPU-hours by day", "Day (UTC)", tuple(kinds), "hours", "stacked", rows,
                 empty="No session held a GPU in this month.")  # fmt: skip


def _tokens(days: list[str], used: Mapping[tuple[str, ...], models.Sum]) -> Sheet:
    of_model: defaultdict[str, int] = defaultdict(int)
    for (_, model), one in used.items():
        of_model[model] += one.tokens
    largest = sorted((one for one in of_model if of_model[one]), key=lambda one: (-of_model[one], one))
    named = largest if len(largest) <= _MODELS + 1 else largest[:_MODELS]
    place = {model: number for number, model in enumerate(named)}
    has_rest = len(named) < len(largest)
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(named) + has_rest))
    for (day, model), one in used.items():
        if one.tokens:
            found[day][place.get(model, len(named))] += one.tokens
    columns = [model or "(not told)" for model in named] + ["Others"] * has_rest
    return Sheet("tokens-by-day", "Tokens of models by day", "Day (UTC)", tuple(columns), "tokens", "stacked",
                 [(day, tuple(found[day])) for day in days],
                 empty="No model was called in this month.")  # fmt: skip


def _spent_by_user(
    by_user: Mapping[tuple[str, ...], meter.Sum], used_by: Mapping[tuple[str, ...], models.Sum]
) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for (user,), one in by_user.items():
        found[user] += one.cost
    for (user,), one in used_by.items():
        found[user] += one.cost
    return dict(found)


def _by_project(tx: Tx, spent: Mapping[str, int]) -> dict[str, int]:
    query = (
        select(ProjectRow.name, ProjectMemberRow.user_id)
        .join(ProjectMemberRow, ProjectMemberRow.project_id == ProjectRow.id)
        .where(ProjectRow.archived_at.is_(None))
    )
    found: defaultdict[str, int] = defaultdict(int)
    members: set[str] = set()
    for project, user in tx.execute(query):
        found[project] += spent.get(user, 0)
        members.add(user)
    if outside := sum(amount for user, amount in spent.items() if user not in members):
        found[NO_PROJECT] = outside
    return dict(found)


def _ranked(name: str, title: str, label: str, amounts: Mapping[str, int], note: str = "") -> Sheet:
    rows = sorted(
        ((one, amount) for one, amount in amounts.items() if amount), key=lambda row: (-row[1], row[0])
    )
    found = [(one, (amount,)) for one, amount in rows]
    return Sheet(
        name, title, label, ("Spend",), "money", "ranking", found, note, "Nothing was spent in this month."
    )


def _storage(tx: Tx, span: Span, today: date) -> Sheet:
    row = StorageDayRow
    query = (
        select(row.day, func.count(), func.sum(row.home_bytes), func.sum(row.kept_bytes))
        .where(row.day >= f"{span.first:%Y-%m-%d}", row.day <= f"{span.last:%Y-%m-%d}")
        .group_by(row.day)
        .order_by(row.day)
    )
    noted = [(day, int(count), int(homes), int(kept)) for day, count, homes, kept in tx.execute(query)]
    # Homes are looked at one by one: until all were, today would look like a loss.
    if len(noted) > 1 and noted[-1][0] == f"{today:%Y-%m-%d}" and noted[-1][1] < noted[-2][1]:
        noted.pop()
    return Sheet("storage", "Storage by day", "Day (UTC)", ("Homes", "Saved sessions"), "bytes", "lines",
                 [(day, (homes, kept)) for day, _, homes, kept in noted],
                 note="Noted once a day for each person.", empty="Not noted yet in this month.")  # fmt: skip


def _newest_homes(tx: Tx, now: datetime) -> int | None:
    """Return what all homes have, each as it was last noted within two days."""
    row = StorageDayRow
    days = [f"{now - timedelta(days=one):%Y-%m-%d}" for one in (0, 1)]
    found: dict[str, int] = {}
    for day in reversed(days):
        found.update(
            (user, size)
            for user, size in tx.execute(select(row.user_id, row.home_bytes).where(row.day == day))
        )
    return sum(found.values()) if found else None


def _idle_gpus(tx: Tx, clock: Clock, names: Mapping[str, str]) -> list[IdleGpu]:
    now = clock.now()
    query = select(GpuUseRow).where(
        GpuUseRow.day == f"{now:%Y-%m-%d}",
        GpuUseRow.looked_at >= now - _FRESH,
        GpuUseRow.idle_in_a_row_s >= _IDLE_FROM_S,
    )
    uses = {row.session_id: row for row in tx.scalars(query)}
    held: Iterable[SessionRow] = gpu_sessions(tx) if uses else ()
    idle = sorted(
        (row for row in held if row.id in uses), key=lambda row: (-uses[row.id].idle_in_a_row_s, row.id)
    )
    return [
        IdleGpu(
            session_id=row.id,
            user=names[row.user_id],
            profile=row.profile_name,
            gpus=f"{row.profile['gpu_count']} x {row.profile['gpu_type']}",
            idle_s=uses[row.id].idle_in_a_row_s,
            percent=uses[row.id].percent,
            hourly_cost=hourly_cost(tx, clock, row),
        )
        for row in idle[:_IDLE_GPUS]
    ]
