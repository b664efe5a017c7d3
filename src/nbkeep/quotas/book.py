"""Reads how limits stand for some people: in a few questions, however many people they are.

What is used is the sum of the meter's days and of what runs; what is reserved follows from the sessions that
have been admitted. A project has used what the people who are in it now have used. What no limit needs is not
asked: see `questions.py`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.meter.rules import held, pieces, price_at
from nbkeep.meter.values import SPACE, Held, PriceFrom
from nbkeep.model.days import day_of, month_of
from nbkeep.model.session import SessionState
from nbkeep.store.quota_tables import QuotaRow

from . import questions
from .values import (
    AT_ONCE,
    COST,
    DAY,
    EVERYONE,
    GPUS,
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
    takes,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from nbkeep.model.days import Span
    from nbkeep.store.database import Tx

_AT_ONCE = 2000  # ids in one question
_COUNTED = frozenset({SessionState.READY, SessionState.STOPPING})
_HOUR_S = 3600
_UNSEEN = timedelta(seconds=60)
_EVER = datetime(1, 1, 2, tzinfo=UTC)
_Key = tuple[str, str]  # of a limit: resource and period


@dataclass
class _Used:
    """What was used of the limits of periods, by subject; and up to where what runs is counted."""

    amounts: defaultdict[tuple[str, _Key], int] = field(
        default_factory=lambda: defaultdict[tuple[str, _Key], int](int)
    )
    counted_to: dict[str, datetime] = field(default_factory=dict[str, datetime])


@dataclass
class _Terms:
    """What is set: the limits of subjects, their overrides, and who they are."""

    names: dict[str, str] = field(default_factory=dict[str, str])
    projects: defaultdict[str, list[str]] = field(  # the subjects, by person
        default_factory=lambda: defaultdict[str, list[str]](list)
    )
    limits: defaultdict[str, dict[_Key, Limit]] = field(
        default_factory=lambda: defaultdict[str, dict[_Key, Limit]](dict)
    )
    overrides: defaultdict[str, list[tuple[_Key, Override]]] = field(
        default_factory=lambda: defaultdict[str, list[tuple[_Key, Override]]](list)
    )

    def of(self, user_id: str) -> list[tuple[str, Limit, bool]]:
        """Return a person's own limits, everyone's where they have none of that kind, and their projects'.

        The operator of the host is nobody in the list of people: no quota holds for them.
        """
        mine = USER + user_id
        if mine not in self.names:
            return []
        own = self.limits.get(mine, {})
        found = {key: (mine, one, True) for key, one in self.limits.get(EVERYONE, {}).items()}
        found |= {key: (mine, one, False) for key, one in own.items()}
        projects = sorted(self.projects.get(user_id, ()), key=self.names.__getitem__)
        shared = [(one, self.limits[one]) for one in projects]
        return [found[key] for key in sorted(found)] + [
            (subject, limits[key], False) for subject, limits in shared for key in sorted(limits)
        ]


@dataclass
class Book:
    """How limits stand for people, as of one moment. Read it with `read`."""

    now: datetime
    _limits: dict[str, list[tuple[str, Limit, bool]]]  # by user: (subject, limit, whether it is everyone's)
    _terms: _Terms
    _used: _Used
    _holdings: dict[str, list[Holding]]  # by subject
    _prices: _Prices
    _made: dict[tuple[str, _Key], Standing] = field(default_factory=dict[tuple[str, _Key], Standing])

    def standings(self, user_id: str) -> list[Standing]:
        """Return how all limits of a person stand."""
        return [
            self._standing(subject, limit, is_default=is_default)
            for subject, limit, is_default in self._limits.get(user_id, ())
        ]

    def cost_of(self, things: tuple[Held, ...]) -> int:
        """Return what an hour of these costs now, in microcents; 0 where no limit is on cost."""
        return self._prices.hourly(things, self.now)

    def _standing(self, subject: str, limit: Limit, *, is_default: bool) -> Standing:
        # A project's is made once, and not for each of its people.
        key = subject, limit.key
        if key not in self._made:
            self._made[key] = self._make(subject, limit, is_default=is_default)
        return self._made[key]

    def _make(self, subject: str, limit: Limit, *, is_default: bool) -> Standing:
        holdings = self._holdings.get(subject, ())
        whose, override = self._terms.names[subject], self._override(subject, limit)
        if limit.period == AT_ONCE:
            taken = sum(number_of(limit.resource, one.held) for one in holdings)
            return Standing(subject, whose, limit, taken, override=override, is_default=is_default)
        span = span_of(limit.period, self.now)
        rates = [(one, rate_of(limit.resource, one.held, one.cost)) for one in holdings]
        return Standing(
            subject,
            whose,
            limit,
            used=self._used.amounts.get((subject, limit.key), 0),
            reserved=sum(int(rate * one.reserved_s) // _HOUR_S for one, rate in rates),
            rate=sum(rate for one, rate in rates if one.is_counted),
            counted_to=self._used.counted_to.get(subject),
            begin=span.begin,
            back_at=span.end,
            override=override,
            is_default=is_default,
        )

    def _override(self, subject: str, limit: Limit) -> Override | None:
        """Return the one that gives most, of those that hold now."""
        found = [one for key, one in self._terms.overrides.get(subject, ()) if not key[0] or key == limit.key]
        if not found:
            return None
        return max(found, key=lambda one: (one.amount is None, one.amount or 0, one.until))


def span_of(period: str, now: datetime) -> Span:
    """Return the days of the period that a moment lies in."""
    return day_of(now) if period == DAY else month_of(now)


def are_any(tx: Tx) -> bool:
    """Tell whether there is any quota at all."""
    return tx.scalar(select(QuotaRow.id).limit(1)) is not None


def read(tx: Tx, now: datetime, user_ids: Collection[str], *, has_rates: bool = True) -> Book:
    """Read how all limits of these people stand: in one question where there are none, else two to five.

    `has_rates`: whether it is asked how fast limits are used now, too. Whether a session may begin hangs on
    what is used and reserved: for that alone, not all that runs needs to be read.
    """
    tx.flush()
    users = sorted(set(user_ids))
    terms = _terms(tx, now, users)
    limits = {user: found for user in users if (found := terms.of(user))}
    by_subject: defaultdict[str, set[_Key]] = defaultdict(set)
    for found in limits.values():
        for subject, limit, _ in found:
            by_subject[subject].add(limit.key)
    keys = {key for found in by_subject.values() for key in found}
    prices = _prices(tx, now) if any(resource == COST for resource, _ in keys) else _Prices()
    return Book(
        now,
        limits,
        terms,
        _used(tx, now, by_subject, prices),
        _holdings(tx, now, by_subject, prices, has_rates=has_rates),
        prices,
    )


@dataclass(frozen=True)
class _Prices:
    """Prices by resource, where any limit is on cost; nothing costs anything else."""

    known: dict[str, list[PriceFrom]] | None = None

    def of(self, resource: str) -> list[PriceFrom]:
        return [] if self.known is None else self.known.get(resource, [])

    def hourly(self, things: tuple[Held, ...], now: datetime) -> int:
        if self.known is None:
            return 0
        return sum(one.amount * price_at(now, self.of(one.resource), one.list_price) for one in things)


def _prices(tx: Tx, now: datetime) -> _Prices:
    known: defaultdict[str, list[PriceFrom]] = defaultdict(list)
    for resource, valid_from, price in tx.execute(questions.PRICES, {"since": month_of(now).begin}):
        known[resource].append(PriceFrom(valid_from, price))
    return _Prices(known)


def _parts(ids: Iterable[str]) -> Iterator[list[str]]:
    whole = list(ids)
    for begin in range(0, len(whole), _AT_ONCE):
        yield whole[begin : begin + _AT_ONCE]


def _terms(tx: Tx, now: datetime, users: list[str]) -> _Terms:
    terms = _Terms()
    for part in _parts(users):
        own = [USER + one for one in part]  # an override is nobody's but a person's or a project's
        asked = {"users": part, "themselves": own, "subjects": [EVERYONE, *own], "now": now}
        rows = tx.execute(questions.LIMITS, asked).all()
        for kind, subject, user_id, name, resource, period, amount, until in rows:
            if kind == questions.LIMIT:
                terms.limits[subject][resource, period] = Limit(resource, period, amount)
            elif kind == questions.OVERRIDE:
                terms.overrides[subject].append(((resource, period), Override(amount, until)))
            elif kind == questions.NAME:
                terms.names[subject] = name
            else:
                terms.names[subject] = f"project {name}"
                terms.projects[user_id].append(subject)
    return terms


def _asked(subjects: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Give who is asked about, by what they are, and not too many at once."""
    for part in _parts(subjects):
        yield {
            "users": [one.removeprefix(USER) for one in part if one.startswith(USER)],
            "projects": [one.removeprefix(PROJECT) for one in part if one.startswith(PROJECT)],
        }


def _used(tx: Tx, now: datetime, keys: Mapping[str, set[_Key]], prices: _Prices) -> _Used:
    """Return what was used of limits that have a period. `keys`: of all limits, by subject."""
    timed = {
        subject: those
        for subject, found in keys.items()
        if (those := sorted(one for one in found if one[1] != AT_ONCE))
    }
    used = _Used()
    _add_ended(tx, now, timed, used)
    _add_open(tx, now, timed, used, prices)
    return used


def _add_ended(tx: Tx, now: datetime, timed: Mapping[str, list[_Key]], used: _Used) -> None:
    """Add what intervals that have ended come to: a column of the question for each kind of limit."""
    whole = sorted({key for found in timed.values() for key in found})
    for begin in range(0, len(whole), questions.MOST_KINDS):
        keys = whole[begin : begin + questions.MOST_KINDS]
        spans = [span_of(period, now) for period in {period for _, period in keys}]
        values: dict[str, Any] = {
            "first": f"{min(one.first for one in spans):%Y-%m-%d}",
            "last": f"{max(one.last for one in spans):%Y-%m-%d}",
            "today": f"{now:%Y-%m-%d}",
        }
        kinds: list[questions.Kind] = []
        for number, (resource, period) in enumerate(keys):
            is_kind = resource in {COST, HOURS, GPUS}
            kinds.append(questions.Kind(resource if is_kind else "", period == DAY))
            values[f"named_{number}"] = resource
        people, projects = (
            frozenset(
                keys.index(key)
                for subject, found in timed.items()
                if subject.startswith(prefix)
                for key in found
                if key in keys
            )
            for prefix in (USER, PROJECT)
        )
        question = questions.used(tuple(kinds), people, projects)
        for asked in _asked(sorted(timed)):
            for subject, *sums in tx.execute(question, asked | values).all():
                for key, amount in zip(keys, sums, strict=True):
                    used.amounts[subject, key] = int(amount or 0)


def _add_open(tx: Tx, now: datetime, timed: Mapping[str, list[_Key]], used: _Used, prices: _Prices) -> None:
    """Add what runs, and the homes; and say up to where what runs is counted."""
    question = questions.OPEN if prices.known is None else questions.OPEN_WITH_HOMES
    spans = {period: span_of(period, now) for period in (MONTH, DAY)}
    limited: dict[tuple[str, str], list[tuple[_Key, Span]]] = {}  # by whom and what: the limits of it
    amounts, ends = used.amounts, used.counted_to
    for asked in _asked(sorted(timed)):
        rows = tx.execute(question, asked).all()
        for subject, resource, amount, began_at, lasted_us, list_price in rows:
            if amount is None:
                continue
            those = limited.get((subject, resource))
            if those is None:
                those = limited[subject, resource] = [
                    (key, spans[key[1]])
                    for key in timed[subject]
                    if key[0] == COST or takes(key[0], resource)
                ]
            for piece in pieces(resource, amount, began_at, lasted_us, prices.of(resource), list_price):
                for key, span in those:
                    if span.first <= piece.day <= span.last:
                        us_or_cost = piece.cost if key[0] == COST else amount * piece.lasted_us
                        amounts[subject, key] += us_or_cost
            if resource not in SPACE:
                end = began_at + timedelta(microseconds=lasted_us)
                ends[subject] = min(ends.get(subject, end), end)
    for subject, end in ends.items():
        # Who was not looked at for longer may be dead: the meter finds out, and counts what was.
        ends[subject] = max(end, now - _UNSEEN)


def _holdings(
    tx: Tx, now: datetime, keys: Mapping[str, set[_Key]], prices: _Prices, *, has_rates: bool
) -> dict[str, list[Holding]]:
    found: defaultdict[str, list[Holding]] = defaultdict(list)
    made: dict[str, Holding] = {}
    # Of limits that have a period, sessions that are ready for longer reserve nothing.
    at_once = [subject for subject, those in keys.items() if any(period == AT_ONCE for _, period in those)]
    since = {
        name: _EVER
        if has_rates or any(one.startswith(prefix) for one in at_once)
        else now - timedelta(seconds=RESERVED_S)
        for name, prefix in (("users_since", USER), ("projects_since", PROJECT))
    }
    for asked in _asked(sorted(keys)):
        rows = tx.execute(questions.ADMITTED, asked | since).all()
        for subject, session_id, state, ready_at, profile in rows:
            if session_id is None:
                continue
            if session_id not in made:
                things = holds(profile)
                made[session_id] = Holding(
                    things,
                    prices.hourly(things, now),
                    _reserved_s(SessionState(state), ready_at, now),
                    is_counted=state in _COUNTED and ready_at is not None,
                )
            found[subject].append(made[session_id])
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
