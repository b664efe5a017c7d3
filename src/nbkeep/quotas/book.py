"""Reads how limits stand for some people: in a few questions, however many people they are.

What is used is the sum of the meter's days and of what runs; what is reserved follows from the sessions that
have been admitted. A project has used what the people who are in it now have used.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select

from nbkeep.meter.follow import prices_of
from nbkeep.meter.rules import held, pieces, price_at
from nbkeep.meter.values import FLAVOR, GPU, HOME, SUSPENDED
from nbkeep.model.days import day_of, month_of
from nbkeep.model.session import LIVE, SessionState
from nbkeep.store.meter_tables import MeterDayRow, MeterIntervalRow
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.quota_tables import QuotaOverrideRow, QuotaRow
from nbkeep.store.storage_tables import MeterHomeRow
from nbkeep.store.tables import SessionRow, UserRow

from .values import (
    AT_ONCE,
    COST,
    DAY,
    EVERYONE,
    HOURS,
    MONTH,
    PROJECT,
    RESERVED_S,
    USER,
    Holding,
    Limit,
    Override,
    Standing,
    number_of,
    rate_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from nbkeep.meter.values import Held, Piece, PriceFrom
    from nbkeep.model.days import Span
    from nbkeep.store.database import Tx

_AT_ONCE = 2000  # ids in one question
_LIVE = [state.value for state in LIVE]
_COUNTED = frozenset({SessionState.READY, SessionState.STOPPING})
_HOUR_S = 3600
_UNSEEN = timedelta(seconds=60)


@dataclass
class _Used:
    """What one person has used in one period: by the meter's resources, and in all."""

    us: defaultdict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))
    cost: int = 0

    def of(self, resource: str) -> int:
        if resource == COST:
            return self.cost
        if resource in self.us or ":" in resource:
            return self.us[resource]
        prefix = FLAVOR if resource == HOURS else GPU
        return sum(us for name, us in self.us.items() if name.startswith(prefix))


@dataclass
class Book:
    """How limits stand for people, as of one moment. Read it with `read`."""

    now: datetime
    limits: dict[str, list[tuple[str, Limit, bool]]]  # by user: (subject, limit, whether it is everyone's)
    whose: dict[str, str]  # names of subjects
    holdings: dict[str, list[Holding]]  # by user
    _members: dict[str, list[str]]  # of projects that have limits
    _used: dict[tuple[str, str], _Used]  # by user and period
    _overrides: dict[str, list[QuotaOverrideRow]]
    _counted_to: dict[str, datetime]  # by user
    _prices: _Prices

    def standings(self, user_id: str, *, without: str | None = None) -> list[Standing]:
        """Return how all limits of a person stand; `without`: a session that is not looked at."""
        return [
            self._standing(subject, limit, is_default=is_default, without=without)
            for subject, limit, is_default in self.limits.get(user_id, ())
        ]

    def cost_of(self, things: tuple[Held, ...]) -> int:
        """Return what an hour of these costs now, in microcents."""
        return self._prices.hourly(things, self.now)

    def _standing(self, subject: str, limit: Limit, *, is_default: bool, without: str | None) -> Standing:
        people = [subject.removeprefix(USER)] if subject.startswith(USER) else self._members.get(subject, [])
        holdings = [
            one for user in people for one in self.holdings.get(user, ()) if one.session_id != without
        ]
        override = self._override(subject, limit)
        if limit.period == AT_ONCE:
            taken = sum(number_of(limit.resource, one.held) for one in holdings)
            return Standing(
                subject, self.whose[subject], limit, taken, override=override, is_default=is_default
            )
        span = span_of(limit.period, self.now)
        rates = [(one, rate_of(limit.resource, one.held, one.cost)) for one in holdings]
        return Standing(
            subject,
            self.whose[subject],
            limit,
            used=sum(
                self._used[user, limit.period].of(limit.resource)
                for user in people
                if (user, limit.period) in self._used
            ),
            reserved=sum(int(rate * one.reserved_s) // _HOUR_S for one, rate in rates),
            rate=sum(rate for one, rate in rates if one.is_counted),
            counted_to=min(
                (self._counted_to[user] for user in people if user in self._counted_to), default=None
            ),
            begin=span.begin,
            back_at=span.end,
            override=override,
            is_default=is_default,
        )

    def _override(self, subject: str, limit: Limit) -> Override | None:
        """Return the one that gives most, of those that hold now."""
        found = [
            Override(one.amount, one.until)
            for one in self._overrides.get(subject, ())
            if not one.resource or (one.resource, one.period) == limit.key
        ]
        if not found:
            return None
        return max(found, key=lambda one: (one.amount is None, one.amount or 0, one.until))


def span_of(period: str, now: datetime) -> Span:
    """Return the days of the period that a moment lies in."""
    return day_of(now) if period == DAY else month_of(now)


def are_any(tx: Tx) -> bool:
    """Tell whether there is any quota at all."""
    return tx.scalar(select(QuotaRow.id).limit(1)) is not None


def read(tx: Tx, now: datetime, user_ids: Collection[str]) -> Book:
    """Read how all limits of these people stand."""
    prices = _Prices(tx)
    users = sorted(set(user_ids))
    projects = _projects_of(tx, users) if users else {}
    rows = _quotas(tx, users, {project for found in projects.values() for project in found})
    whose = _names(tx, rows, users)
    # The operator of the host is nobody in the list of people: no quota holds for them.
    known = [user for user in users if USER + user in whose]
    limits = {user: _limits_of(user, projects.get(user, ()), rows) for user in known}
    limited = {subject for found in limits.values() for subject, _, _ in found}
    members = _members_of(tx, [one.removeprefix(PROJECT) for one in limited if one.startswith(PROJECT)])
    asked = {one.removeprefix(USER) for one in limited if one.startswith(USER)}
    asked |= {user for found in members.values() for user in found}
    used, counted_to = _used(tx, now, sorted(asked), prices)
    return Book(
        now,
        limits,
        whose,
        _holdings(tx, now, sorted(asked), prices),
        members,
        used,
        _overrides(tx, now, limited),
        counted_to,
        prices,
    )


@dataclass
class _Prices:
    """Prices by resource, each read once."""

    tx: Tx
    known: dict[str, list[PriceFrom]] = field(default_factory=dict[str, "list[PriceFrom]"])

    def of(self, resource: str) -> list[PriceFrom]:
        if resource not in self.known:
            self.known[resource] = prices_of(self.tx, resource)
        return self.known[resource]

    def hourly(self, things: tuple[Held, ...], now: datetime) -> int:
        return sum(one.amount * price_at(now, self.of(one.resource), one.list_price) for one in things)


def _parts(ids: Collection[str]) -> Iterator[list[str]]:
    whole = list(ids)
    for begin in range(0, len(whole), _AT_ONCE):
        yield whole[begin : begin + _AT_ONCE]


def _projects_of(tx: Tx, users: list[str]) -> dict[str, list[str]]:
    """Return the ids of the projects that people are in, by person, as far as those have a quota."""
    with_quota = select(QuotaRow.subject).where(QuotaRow.subject.startswith(PROJECT))
    ids = sorted({one.removeprefix(PROJECT) for one in tx.scalars(with_quota)})
    if not ids:
        return {}
    found: defaultdict[str, list[str]] = defaultdict(list)
    for part in _parts(users):
        query = (
            select(ProjectMemberRow.user_id, ProjectMemberRow.project_id)
            .join(ProjectRow, ProjectRow.id == ProjectMemberRow.project_id)
            .where(
                ProjectMemberRow.user_id.in_(part),
                ProjectRow.id.in_(ids),
                ProjectRow.archived_at.is_(None),
            )
            .order_by(ProjectRow.name)
        )
        for user_id, project_id in tx.execute(query):
            found[user_id].append(project_id)
    return found


def _quotas(tx: Tx, users: list[str], projects: set[str]) -> dict[str, list[Limit]]:
    found: defaultdict[str, list[Limit]] = defaultdict(list)
    subjects = [*(USER + one for one in users), *(PROJECT + one for one in sorted(projects))]
    for part in _parts([EVERYONE, *subjects]):
        query = select(QuotaRow).where(QuotaRow.subject.in_(part))
        for row in tx.scalars(query.order_by(QuotaRow.subject, QuotaRow.resource, QuotaRow.period)):
            found[row.subject].append(Limit(row.resource, row.period, row.amount))
    return found


def _limits_of(
    user: str, projects: Collection[str], rows: Mapping[str, list[Limit]]
) -> list[tuple[str, Limit, bool]]:
    """Return a person's own limits, everyone's where they have none of that kind, and their projects'."""
    own = rows.get(USER + user, [])
    keys = {one.key for one in own}
    found = [(USER + user, one, False) for one in own]
    found += [(USER + user, one, True) for one in rows.get(EVERYONE, ()) if one.key not in keys]
    found.sort(key=lambda one: one[1].key)
    return found + [
        (PROJECT + project, one, False) for project in projects for one in rows.get(PROJECT + project, ())
    ]


def _names(tx: Tx, rows: Mapping[str, list[Limit]], users: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if not rows:
        return found
    for part in _parts(users):
        query = select(UserRow.id, UserRow.name).where(UserRow.id.in_(part))
        found |= {USER + user_id: name for user_id, name in tx.execute(query)}
    projects = [one.removeprefix(PROJECT) for one in rows if one.startswith(PROJECT)]
    for part in _parts(projects):
        named = select(ProjectRow.id, ProjectRow.name).where(ProjectRow.id.in_(part))
        found |= {PROJECT + project_id: f"project {name}" for project_id, name in tx.execute(named)}
    return found


def _members_of(tx: Tx, projects: Collection[str]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for part in _parts(projects):
        query = select(ProjectMemberRow.project_id, ProjectMemberRow.user_id)
        for project_id, user_id in tx.execute(query.where(ProjectMemberRow.project_id.in_(part))):
            found[PROJECT + project_id].append(user_id)
    return found


def _overrides(tx: Tx, now: datetime, subjects: Collection[str]) -> dict[str, list[QuotaOverrideRow]]:
    found: defaultdict[str, list[QuotaOverrideRow]] = defaultdict(list)
    for part in _parts(sorted(subjects)):
        query = select(QuotaOverrideRow).where(
            QuotaOverrideRow.subject.in_(part),
            QuotaOverrideRow.ended_at.is_(None),
            QuotaOverrideRow.until > now,
        )
        for row in tx.scalars(query):
            found[row.subject].append(row)
    return found


def _used(
    tx: Tx, now: datetime, users: list[str], prices: _Prices
) -> tuple[dict[tuple[str, str], _Used], dict[str, datetime]]:
    """Return what people have used, by person and period, and up to where what runs is counted."""
    found: defaultdict[tuple[str, str], _Used] = defaultdict(_Used)
    counted_to: dict[str, datetime] = {}
    spans, today = {period: span_of(period, now) for period in (MONTH, DAY)}, f"{now:%Y-%m-%d}"
    month = spans[MONTH]
    row, interval = MeterDayRow, MeterIntervalRow
    is_today = row.day == today
    for part in _parts(users):
        days = select(
            row.user_id, row.resource, row.amount, func.sum(row.lasted_us), func.sum(row.cost),
            func.sum(case((is_today, row.lasted_us), else_=0)), func.sum(case((is_today, row.cost), else_=0)),
        ).where(
            row.user_id.in_(part), row.day >= f"{month.first:%Y-%m-%d}", row.day <= f"{month.last:%Y-%m-%d}"
        ).group_by(row.user_id, row.resource, row.amount)  # fmt: skip
        for user_id, resource, amount, us, cost, us_today, cost_today in tx.execute(days):
            for period, lasted_us, microcents in ((MONTH, us, cost), (DAY, us_today, cost_today)):
                one = found[user_id, period]
                one.us[resource] += amount * int(lasted_us)
                one.cost += int(microcents)
        open_ones = select(
            interval.user_id, interval.resource, interval.amount, interval.began_at, interval.lasted_us,
            interval.list_price,
        ).where(interval.ended_at.is_(None), interval.user_id.in_(part))  # fmt: skip
        for user_id, resource, amount, began_at, lasted_us, list_price in tx.execute(open_ones):
            for piece in pieces(resource, amount, began_at, lasted_us, prices.of(resource), list_price):
                for period in _periods_of(piece, spans):
                    one = found[user_id, period]
                    one.us[resource] += amount * piece.lasted_us
                    one.cost += piece.cost
            if resource == SUSPENDED:
                continue
            # Who was not looked at for longer may be dead: the meter finds out, and counts what was.
            end = max(began_at + timedelta(microseconds=lasted_us), now - _UNSEEN)
            counted_to[user_id] = min(counted_to.get(user_id, end), end)
        for user_id, piece in _homes(tx, part, prices):
            for period in _periods_of(piece, spans):
                found[user_id, period].cost += piece.cost
    return found, counted_to


def _homes(tx: Tx, users: list[str], prices: _Prices) -> Iterator[tuple[str, Piece]]:
    """Give what homes came to that are in no sum of a day yet: they cost, too."""
    row = MeterHomeRow
    query = select(row.user_id, row.amount, row.began_at, row.lasted_us).where(row.user_id.in_(users))
    for user_id, amount, began_at, lasted_us in tx.execute(query):
        for piece in pieces(HOME, amount, began_at, lasted_us, prices.of(HOME), 0):
            yield user_id, piece


def _periods_of(piece: Piece, spans: Mapping[str, Span]) -> list[str]:
    """Return which of the periods that are counted now a day's part lies in."""
    return [period for period, span in spans.items() if span.first <= piece.day <= span.last]


def _holdings(tx: Tx, now: datetime, users: list[str], prices: _Prices) -> dict[str, list[Holding]]:
    found: defaultdict[str, list[Holding]] = defaultdict(list)
    row = SessionRow
    for part in _parts(users):
        query = select(row.id, row.user_id, row.state, row.ready_at, row.profile).where(
            row.user_id.in_(part), row.state.in_(_LIVE)
        )
        for session_id, user_id, state, ready_at, profile in tx.execute(query):
            things = holds(profile)
            found[user_id].append(
                Holding(
                    session_id,
                    user_id,
                    things,
                    prices.hourly(things, now),
                    _reserved_s(SessionState(state), ready_at, now),
                    is_counted=state in _COUNTED and ready_at is not None,
                )
            )
    return found


def holds(profile: Mapping[str, object]) -> tuple[Held, ...]:
    """Return what a session of a profile's snapshot holds while it runs."""
    return tuple(held(SessionState.READY, profile, was_ready=True, kept_bytes=None))


def _reserved_s(state: SessionState, ready_at: datetime | None, now: datetime) -> float:
    if state == SessionState.STOPPING:
        return 0.0
    if ready_at is None:
        return RESERVED_S
    return min(RESERVED_S, max(0.0, RESERVED_S - (now - ready_at).total_seconds()))


__all__ = ["Book", "are_any", "holds", "read", "span_of"]
