"""What the database is asked about limits: a few questions, however many people and projects they are about.

They are asked at each start, in the transaction that admits it. So each is built once, of tables and not of
rows: to build a question takes longer than to answer it. What was not flushed is not seen by them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqlalchemy import String, and_, bindparam, case, func, literal, null, or_, select, union_all

from nbkeep.meter.values import FLAVOR, GPU, HOME
from nbkeep.model.session import LIVE
from nbkeep.store.meter_tables import MeterDayRow, MeterIntervalRow, MeterPriceRow
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.quota_tables import QuotaOverrideRow, QuotaRow
from nbkeep.store.storage_tables import MeterHomeRow
from nbkeep.store.tables import SessionRow, UserRow, UtcDateTime

from .values import COST, GPUS, HOURS, PROJECT, USER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, CompoundSelect, Select, Table

    Question = CompoundSelect[*tuple[Any, ...]]

# What a row of `LIMITS` tells.
NAME, MEMBER, LIMIT, OVERRIDE = "name", "member", "limit", "override"
MOST_KINDS = 100  # columns of sums in one question
_PREFIXES = {HOURS: FLAVOR, GPUS: GPU}


class Kind(NamedTuple):
    """What a column of `used` sums up."""

    what: str  # cost, hours, GPUs; "" for the resource that `named_N` is, in column N
    is_today: bool


def _table(row: type[Any]) -> Table:
    return cast("Table", row.__table__)


_people, _projects, _members = _table(UserRow), _table(ProjectRow), _table(ProjectMemberRow)
_quotas, _overrides = _table(QuotaRow).c, _table(QuotaOverrideRow).c
_days, _intervals, _homes, _sessions, _prices = (
    _table(MeterDayRow), _table(MeterIntervalRow), _table(MeterHomeRow), _table(SessionRow),
    _table(MeterPriceRow),
)  # fmt: skip

_of_users = bindparam("users", type_=String(), expanding=True)
_of_projects = bindparam("projects", type_=String(), expanding=True)
_of_subjects = bindparam("subjects", type_=String(), expanding=True)
_of_themselves = bindparam("themselves", type_=String(), expanding=True)

_memberships = _members.join(_projects, _projects.c.id == _members.c.project_id)
_are_in = (_members.c.user_id.in_(_of_users), _projects.c.archived_at.is_(None))
_their_projects = select(literal(PROJECT) + _members.c.project_id).select_from(_memberships).where(*_are_in)
_has_limits = select(_quotas.id).where(_quotas.subject == literal(PROJECT) + _projects.c.id).exists()
_overrides_now = select(
    literal(OVERRIDE).label("kind"), _overrides.subject, null().label("user_id"), null().label("name"),
    _overrides.resource, _overrides.period, _overrides.amount, _overrides.until,
).where(_overrides.ended_at.is_(None), _overrides.until > bindparam("now", type_=UtcDateTime()))  # fmt: skip
_limits = select(
    literal(LIMIT), _quotas.subject, null(), null(), _quotas.resource, _quotas.period, _quotas.amount, null()
)
_nothing = (null(), null(), null(), null())

# Limits on people, on their projects and on everyone; overrides that hold now; names; who is in which project
# that has limits. Asked of `users`, who are `themselves`, and `subjects` with everyone, at `now`.
LIMITS: Question = union_all(
    _overrides_now.where(_overrides.subject.in_(_of_themselves)),
    _overrides_now.where(_overrides.subject.in_(_their_projects)),
    _limits.where(_quotas.subject.in_(_of_subjects)),
    _limits.where(_quotas.subject.in_(_their_projects)),
    select(
        literal(NAME), literal(USER) + _people.c.id, _people.c.id, _people.c.name, *_nothing
    ).where(_people.c.id.in_(_of_users)),
    select(
        literal(MEMBER), literal(PROJECT) + _projects.c.id, _members.c.user_id, _projects.c.name, *_nothing
    ).select_from(_memberships).where(*_are_in, _has_limits),
)  # fmt: skip


def _of_people(
    table: Table, columns: Sequence[ColumnElement[Any]], *where: ColumnElement[bool]
) -> Select[Any]:
    """Ask for rows of `users`; whoever has none gives one of nulls: skip it.

    An outer join: SQLite takes its tables in the order that they stand in then. It would else go through the
    open intervals of everybody to find those of a project.
    """
    return (
        select((literal(USER) + _people.c.id).label("subject"), *columns)
        .select_from(_people.outerjoin(table, and_(table.c.user_id == _people.c.id, *where)))
        .where(_people.c.id.in_(_of_users))
    )


def _of_members(
    table: Table, columns: Sequence[ColumnElement[Any]], *where: ColumnElement[bool]
) -> Select[Any]:
    """Ask for rows of all who are in `projects`, in the same way."""
    return (
        select((literal(PROJECT) + _members.c.project_id).label("subject"), *columns)
        .select_from(_members.outerjoin(table, and_(table.c.user_id == _members.c.user_id, *where)))
        .where(_members.c.project_id.in_(_of_projects))
    )


def _of_subject(
    table: Table, columns: Sequence[ColumnElement[Any]], *where: ColumnElement[bool]
) -> list[Select[Any]]:
    """Ask for both."""
    return [_of_people(table, columns, *where), _of_members(table, columns, *where)]


@lru_cache(maxsize=256)
def used(kinds: tuple[Kind, ...], people: frozenset[int], projects: frozenset[int]) -> Question:
    """Ask what ended intervals come to, by subject: a column for each kind, from the day `first` to `last`.

    `people`, `projects`: the numbers of the columns that any of them needs; the others are null. A question
    for sums by resource would have the database sort all rows first, which takes as long again.
    """
    first, last = _days.c.day >= bindparam("first"), _days.c.day <= bindparam("last")
    sums = [_sum(number, kind).label(f"sum_{number}") for number, kind in enumerate(kinds)]

    def columns(needed: frozenset[int]) -> list[ColumnElement[Any]]:
        return [one if number in needed else null() for number, one in enumerate(sums)]

    mine = _of_people(_days, columns(people), first, last)
    theirs = _of_members(_days, columns(projects), first, last)
    return union_all(mine.group_by(_people.c.id), theirs.group_by(_members.c.project_id))


def _sum(number: int, kind: Kind) -> ColumnElement[Any]:
    amount = _days.c.cost if kind.what == COST else _days.c.lasted_us * _days.c.amount
    where: list[ColumnElement[bool]] = []
    if kind.what in _PREFIXES:
        where.append(_days.c.resource.like(f"{_PREFIXES[kind.what]}%"))
    elif kind.what != COST:
        where.append(_days.c.resource == bindparam(f"named_{number}"))
    if kind.is_today:
        where.append(_days.c.day == bindparam("today"))
    return func.sum(case((and_(*where), amount), else_=0) if where else amount)


# What is in no sum of a day yet: of what runs, and of homes.
_open = _of_subject(
    _intervals,
    [_intervals.c[one] for one in ("resource", "amount", "began_at", "lasted_us", "list_price")],
    _intervals.c.ended_at.is_(None),
)
OPEN: Question = union_all(*_open)
OPEN_WITH_HOMES: Question = union_all(
    *_open,
    *_of_subject(
        _homes,
        [literal(HOME), *(_homes.c[one] for one in ("amount", "began_at", "lasted_us")), literal(0)],
    ),
)

_is_admitted = _sessions.c.state.in_([one.value for one in LIVE])
_admitted_columns = [_sessions.c[one] for one in ("id", "state", "ready_at", "profile")]


def _ready_since(name: str) -> ColumnElement[bool]:
    ready_at = _sessions.c.ready_at
    return or_(ready_at.is_(None), ready_at > bindparam(name, type_=UtcDateTime()))


# Sessions that have been admitted, and those alone that are not ready or got so since a moment.
ADMITTED: Question = union_all(
    _of_people(_sessions, _admitted_columns, _is_admitted, _ready_since("users_since")),
    _of_members(_sessions, _admitted_columns, _is_admitted, _ready_since("projects_since")),
)

_last = (
    select(_prices.c.resource, func.max(_prices.c.valid_from).label("valid_from"))
    .where(_prices.c.valid_from <= bindparam("since", type_=UtcDateTime()))
    .group_by(_prices.c.resource)
    .subquery("last")
)
# The prices that have counted since a moment, in order of time: as meter/follow.py has them.
PRICES = (
    select(_prices.c.resource, _prices.c.valid_from, _prices.c.price)
    .select_from(_prices.outerjoin(_last, _last.c.resource == _prices.c.resource))
    .where(or_(_last.c.valid_from.is_(None), _prices.c.valid_from >= _last.c.valid_from))
    .order_by(_prices.c.valid_from, _prices.c.set_at, _prices.c.id)
)
