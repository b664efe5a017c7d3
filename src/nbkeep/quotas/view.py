"""Quotas as the doors show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from nbkeep.model.errors import not_found
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.quota_tables import QuotaOverrideRow, QuotaRow
from nbkeep.store.tables import UserRow

from .book import read
from .change import override_text
from .parse import amount_words, key_text, limit_text, limit_words, of_words
from .rules import forecast, used_up_at
from .values import ADMIN, AT_ONCE, EVERYONE, PROJECT, READ, USE, USER, Limit, Standing

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.store.database import Tx
    from nbkeep.store.quota_tables import QuotaRequestRow

_NEAR, _FULL = 80, 100


def sees_all(actor: Actor) -> bool:
    """Tell whether somebody may see others' quotas."""
    return actor.may(ADMIN) or actor.may(READ)


def list_quotas(tx: Tx, actor: Actor, currency: str) -> list[dict[str, Any]]:
    """Return the quotas that are set: all for admins and auditors, else those that hold for who asks."""
    query = select(QuotaRow).order_by(QuotaRow.subject, QuotaRow.resource, QuotaRow.period)
    if not sees_all(actor):
        actor.require(USE)
        query = query.where(QuotaRow.subject.in_([EVERYONE, *_own(tx, actor)]))
    rows = list(tx.scalars(query))
    names = names_of(tx, [row.subject for row in rows])
    return sorted(
        (_quota(row, names[row.subject], currency) for row in rows),
        key=lambda one: (one["kind"] != EVERYONE, one["kind"] != "project", one["subject"], one["quota"]),
    )


def list_overrides(tx: Tx, now: datetime, actor: Actor) -> list[dict[str, Any]]:
    """Return the overrides that hold now, the first to end first: all, or one's own."""
    row = QuotaOverrideRow
    query = select(row).where(row.ended_at.is_(None), row.until > now).order_by(row.until, row.id)
    if not sees_all(actor):
        actor.require(USE)
        query = query.where(row.subject.in_(_own(tx, actor)))
    rows = list(tx.scalars(query))
    names = names_of(tx, [one.subject for one in rows])
    return [override_view(one, names[one.subject]) for one in rows]


def override_view(row: QuotaOverrideRow, subject: str) -> dict[str, Any]:
    """Return an override for the doors."""
    return {
        "id": row.id,
        "subject": subject,
        "quota": override_text(row),
        "until": row.until.isoformat(),
        "reason": row.reason,
        "set_at": row.set_at.isoformat(),
        "set_by": row.set_by,
    }


def request_view(row: QuotaRequestRow, names: dict[str, str]) -> dict[str, Any]:
    """Return a request for the doors; `names`: of its person and of whose quota it is."""
    return {
        "id": row.id,
        "user": names[USER + row.user_id],
        "subject": names[row.subject],
        "quota": key_text(row.resource, row.period),
        "of": of_words(row.resource, row.period),
        "reason": row.reason,
        "asked_at": row.asked_at.isoformat(),
        "decided_at": row.decided_at.isoformat() if row.decided_at else None,
        "decided_by": row.decided_by,
        "given": row.is_given,
        "answer": row.answer,
    }


def requests_view(tx: Tx, rows: list[QuotaRequestRow]) -> list[dict[str, Any]]:
    """Return requests for the doors."""
    names = names_of(tx, [*(row.subject for row in rows), *(USER + row.user_id for row in rows)])
    return [request_view(row, names) for row in rows]


def standings_of(
    tx: Tx, now: datetime, actor: Actor, currency: str, *, user: str = ""
) -> list[dict[str, Any]]:
    """Return how all limits of a person stand: one's own, or anybody's for admins and auditors.

    `user`: a name or an e-mail address. Others are like not there (404) for those who may not see them.
    """
    user = user.strip().lower()
    if not user or user == actor.name:
        actor.require(USE if not sees_all(actor) else "self")
        user_id = actor.id
    else:
        person = tx.scalar(select(UserRow).where((UserRow.email if "@" in user else UserRow.name) == user))
        if person is None or not (sees_all(actor) or person.id == actor.id):
            raise not_found("user", user[:60])
        user_id = person.id
    return [standing_view(one, now, currency) for one in read(tx, now, [user_id]).standings(user_id)]


def standing_view(one: Standing, now: datetime, currency: str) -> dict[str, Any]:
    """Return how a limit stands: amounts in its unit, and in words; `percent`: of it, used and reserved."""
    resource, period = one.limit.key
    allowed, expected = one.allowed, forecast(one, now)
    ends_at = used_up_at(one, now)

    def words(amount: int | None) -> str:
        return "no limit" if amount is None else amount_words(resource, period, amount, currency)

    def percent(amount: int) -> int:
        return 0 if allowed is None else _FULL if not allowed else min(_FULL, amount * _FULL // allowed)

    used = percent(one.used)
    return {
        "quota": key_text(resource, period),
        "limit": limit_text(one.limit),
        "of": of_words(resource, period),
        "subject": one.whose,
        "is_default": one.is_default,
        "unit": unit_of(resource, period),
        "allowed": allowed,
        "used": one.used,
        "reserved": one.reserved,
        "left": one.left,
        "forecast": expected if period != AT_ONCE else None,
        "allowed_words": words(allowed),
        "used_words": words(one.used),
        "reserved_words": words(one.reserved),
        "left_words": words(one.left),
        "forecast_words": words(expected) if period != AT_ONCE else "",
        "is_too_fast": allowed is not None and period != AT_ONCE and expected > allowed,
        "percent": used,
        "percent_reserved": min(_FULL, percent(one.used + one.reserved)) - used,
        "level": "bad" if used >= _FULL else "warn" if used >= _NEAR else "",
        "used_up_at": ends_at.isoformat() if ends_at else None,
        "back_at": one.back_at.isoformat() if one.back_at else None,
        "override_until": one.override.until.isoformat() if one.override else None,
    }


def unit_of(resource: str, period: str) -> str:
    """Return what amounts are counted in: `microseconds` of one, `microcents`, or `number`."""
    if period == AT_ONCE:
        return "number"
    return "microcents" if resource == "cost" else "microseconds"


def names_of(tx: Tx, subjects: list[str]) -> dict[str, str]:
    """Return how people say subjects."""
    found = {EVERYONE: EVERYONE}
    users = {one.removeprefix(USER) for one in subjects if one.startswith(USER)}
    projects = {one.removeprefix(PROJECT) for one in subjects if one.startswith(PROJECT)}
    named = tx.execute(select(UserRow.id, UserRow.name).where(UserRow.id.in_(users)))
    found |= {USER + user_id: name for user_id, name in named}
    there = tx.execute(select(ProjectRow.id, ProjectRow.name).where(ProjectRow.id.in_(projects)))
    return found | {PROJECT + project_id: f"project {name}" for project_id, name in there}


def _own(tx: Tx, actor: Actor) -> list[str]:
    projects = tx.scalars(
        select(ProjectMemberRow.project_id)
        .join(ProjectRow, ProjectRow.id == ProjectMemberRow.project_id)
        .where(ProjectMemberRow.user_id == actor.id, ProjectRow.archived_at.is_(None))
    )
    return [USER + actor.id, *(PROJECT + one for one in projects)]


def quota_view(tx: Tx, row: QuotaRow, currency: str) -> dict[str, Any]:
    """Return a quota for the doors."""
    return _quota(row, names_of(tx, [row.subject])[row.subject], currency)


def _quota(row: QuotaRow, subject: str, currency: str) -> dict[str, Any]:
    limit = Limit(row.resource, row.period, row.amount)
    return {
        "id": row.id,
        "subject": subject,
        "kind": row.subject.partition(":")[0],
        "quota": limit_text(limit),
        "key": key_text(*limit.key),
        "of": of_words(*limit.key),
        "amount": row.amount,
        "words": limit_words(*limit.key, row.amount, currency),
        "unit": unit_of(*limit.key),
        "set_at": row.set_at.isoformat(),
        "set_by": row.set_by,
    }
