"""Ask for more than a quota gives, and answer: with an override that ends by itself, or with no."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.model.errors import Refused, invalid, not_found
from nbkeep.model.ids import new_id
from nbkeep.outbox.notices import add_notice, tell_scope, withdraw
from nbkeep.store.quota_tables import QuotaRequestRow
from nbkeep.store.tables import UserRow

from .book import read
from .change import Subject, override, words_of
from .parse import key_text, limit_text, of_words, parse_key, parse_limit
from .values import ADMIN, READ, USE

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

    from .values import Limit

_MOST_WAITING = 10
_SHOWN = 100
_LENGTH = 500


def ask(
    tx: Tx, clock: Clock, actor: Actor, key: str, *, reason: str, project: str | None = None
) -> QuotaRequestRow:
    """Ask for more of one of one's own quotas, such as `gpu-a100/month`; `project`: of that project's.

    The same again while nobody has answered returns the open request, as it was. Raises `Refused`: 400 for
    malformed values, 404 where no such quota holds for who asks, 409 for too many that wait.
    """
    actor.require(USE)
    user = tx.get(UserRow, actor.id)
    if user is None:
        raise Refused("not-a-person", "Quotas are people's, and the operator is none.",
                      "Sign in as yourself: `nbkeep login`.")  # fmt: skip
    said = _text(reason, "reason", "Say what it is for; an admin reads it.")
    resource, period = parse_key(key.partition("=")[0])
    whose = f"project {project}" if project else user.name
    subject = next(
        (
            one.subject
            for one in read(tx, clock.now(), [user.id]).standings(user.id)
            if one.limit.key == (resource, period) and one.whose == whose
        ),
        None,
    )
    if subject is None:
        raise not_found("quota", key[:60])
    row = QuotaRequestRow
    is_open = (row.user_id == user.id, row.decided_at.is_(None))
    same = (row.subject == subject, row.resource == resource, row.period == period)
    there = tx.scalar(select(row).where(*is_open, *same))
    if there is not None:
        return there
    if (tx.scalar(select(func.count()).select_from(row).where(*is_open)) or 0) >= _MOST_WAITING:
        raise Refused("too-many-requests", f"{_MOST_WAITING} of your requests wait already.",
                      "Wait until one is answered.", status=409)  # fmt: skip
    made = QuotaRequestRow(
        id=new_id("qur", clock.now()), user_id=user.id, subject=subject, resource=resource, period=period,
        reason=said, asked_at=clock.now(), is_given=False, answer="",
    )  # fmt: skip
    tx.add(made)
    tx.flush()
    event = events.QuotaRequested(
        request_id=made.id, user=user.name, subject=whose, quota=key_text(resource, period), reason=said
    )
    journal.append(tx, clock, actor, event)
    text = (
        f"{user.name} asks for more {of_words(resource, period)} (the quota of {whose}): {said.rstrip('.')}. "
        "Answer on the portal's page Quotas."
    )
    tell_scope(tx, clock, ADMIN, made.id, text, but=user.id)
    return made


def give(
    tx: Tx, clock: Clock, actor: Actor, request_id: str, *, until: datetime, reason: str = "", limit: str = ""
) -> QuotaRequestRow:
    """Answer a request with an override until a moment: of `limit`, or without any. Needs `admin:quotas`.

    Raises `Refused`: 404, 409 where it is answered already, 400 for a limit of something else or no more.
    """
    row = _waiting(tx, actor, request_id)
    user = tx.get_one(UserRow, row.user_id)
    whose = words_of(tx, row.subject)
    if limit:
        _check_more(tx, clock, row, user.name, parse_limit(limit))
    why = reason.strip() or f"Asked for by {user.name}: {row.reason}"[:_LENGTH]
    override(
        tx, clock, actor, Subject(row.subject, whose), until=until, reason=why,
        limits=[limit] if limit else (), key=(row.resource, row.period),
    )  # fmt: skip
    _decide(tx, clock, actor, row, is_given=True, answer=reason.strip()[:_LENGTH])
    if whose != user.name:  # of a project: its override tells nobody in particular
        text = f"{whose} may use more {of_words(row.resource, row.period)}, as you asked."
        add_notice(tx, clock, user.id, row.id, text)
    return row


def deny(tx: Tx, clock: Clock, actor: Actor, request_id: str, *, reason: str) -> QuotaRequestRow:
    """Say no to a request; who asked is told why. Needs `admin:quotas`. Raises `Refused` (404, 409)."""
    row = _waiting(tx, actor, request_id)
    said = _text(reason, "reason", "Say why; they are told.")
    _decide(tx, clock, actor, row, is_given=False, answer=said)
    text = f"You asked for more {of_words(row.resource, row.period)}. The answer is no: {said}"
    add_notice(tx, clock, row.user_id, row.id, text)
    return row


def requests(tx: Tx, actor: Actor, *, is_open: bool = True, own: bool = False) -> list[QuotaRequestRow]:
    """Return requests: everybody's for admins and auditors, else one's own. At most 100.

    Those that wait, the oldest first, or those that were answered, the newest first.
    """
    row = QuotaRequestRow
    query = select(row)
    if own or not (actor.may(ADMIN) or actor.may(READ)):
        query = query.where(row.user_id == actor.id)
    if is_open:
        query = query.where(row.decided_at.is_(None)).order_by(row.asked_at, row.id)
    else:
        query = query.where(row.decided_at.is_not(None)).order_by(row.decided_at.desc(), row.id)
    return list(tx.scalars(query.limit(_SHOWN)))


def _waiting(tx: Tx, actor: Actor, request_id: str) -> QuotaRequestRow:
    actor.require(ADMIN)
    row = tx.get(QuotaRequestRow, request_id)
    if row is None:
        raise not_found("request", request_id[:60], "quota requests")
    if row.decided_at is not None:
        raise Refused("already-answered", f"{row.decided_by} has answered it already.",
                      "See `nbkeep quota requests --answered`.", status=409)  # fmt: skip
    return row


def _check_more(tx: Tx, clock: Clock, row: QuotaRequestRow, name: str, limit: Limit) -> None:
    """Refuse what is something else than was asked for, or no more of it: they would be told that it is."""
    if limit.key != (row.resource, row.period):
        raise invalid("quota", f"{name} asked for {key_text(row.resource, row.period)}.",
                      "Give an amount of that, or none to lift it.")  # fmt: skip
    for one in read(tx, clock.now(), [row.user_id]).standings(row.user_id):
        if (one.subject, one.limit.key) == (row.subject, limit.key) and one.limit.amount >= limit.amount:
            now = f"the quota of {one.whose} is {limit_text(one.limit)}"
            raise invalid("quota", f"{limit_text(limit)} is no more: {now}.",
                          "Give more than that, or none to lift it.")  # fmt: skip


def _decide(tx: Tx, clock: Clock, actor: Actor, row: QuotaRequestRow, *, is_given: bool, answer: str) -> None:
    row.decided_at, row.decided_by, row.is_given, row.answer = clock.now(), actor.name, is_given, answer
    tx.flush()
    withdraw(tx, clock, row.id)
    event = events.QuotaRequestDecided(
        request_id=row.id,
        user=tx.get_one(UserRow, row.user_id).name,
        subject=words_of(tx, row.subject),
        quota=key_text(row.resource, row.period),
        given=is_given,
        answer=answer,
    )
    journal.append(tx, clock, actor, event)


def _text(text: str, field: str, remedy: str) -> str:
    said = " ".join(text.split())
    if not 0 < len(said) <= _LENGTH:
        raise invalid(field, f"It needs a {field} of 1 to {_LENGTH} characters.", remedy)
    return said
