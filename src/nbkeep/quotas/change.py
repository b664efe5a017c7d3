"""Set, remove and override quotas. Each is one transaction with its audit records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from nbkeep.audit import events, journal
from nbkeep.meter.values import FLAVOR, GPU
from nbkeep.model.errors import invalid, not_found
from nbkeep.model.ids import new_id
from nbkeep.outbox.notices import add_notice, withdraw
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from nbkeep.store.quota_tables import QuotaOverrideRow, QuotaRow, QuotaToldRow
from nbkeep.store.tables import FlavorRow, NoticeRow, SessionRow, UserRow

from .parse import key_text, limit_text, parse_key, parse_limit
from .values import ADMIN, ANSWER, EVERYONE, KIND, PROJECT, USER, Limit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

MOST_OVERRIDE = timedelta(days=366)
_REASON_LENGTH = 500


@dataclass(frozen=True)
class Subject:
    """Whom a quota is for: how that is kept, and how people say it."""

    key: str
    words: str


def find_subject(
    tx: Tx, *, user: str | None = None, project: str | None = None, everyone: bool = False
) -> Subject:
    """Return the one that is named; ask only for who may know. `user`: a name or an e-mail address.

    Raises `Refused`: 400 unless exactly one is named, 404 where there is none of that name.
    """
    if (bool(user), bool(project), everyone).count(True) != 1:
        raise invalid("subject", "For whom is it?", "Give one user, one project, or everyone.")
    if everyone:
        return Subject(EVERYONE, EVERYONE)
    if project:
        row = tx.scalar(
            select(ProjectRow).where(ProjectRow.name == project, ProjectRow.archived_at.is_(None))
        )
        if row is None:
            raise not_found("project", project[:60])
        return Subject(PROJECT + row.id, f"project {row.name}")
    name = (user or "").strip().lower()
    person = tx.scalar(select(UserRow).where((UserRow.email if "@" in name else UserRow.name) == name))
    if person is None:
        raise not_found("user", name[:60])
    return Subject(USER + person.id, person.name)


def set_quotas(
    tx: Tx, clock: Clock, actor: Actor, subject: Subject, limits: Sequence[str]
) -> tuple[list[QuotaRow], list[str]]:
    """Set limits, in their short forms, and return the rows, and what an admin should know. Twice is safe.

    What runs is held to them within seconds, after notice. Needs `admin:quotas`. Raises `Refused` (400, 403).
    """
    actor.require(ADMIN)
    wanted = read_limits(limits)
    rows = [_set(tx, clock, actor, subject, one) for one in wanted]
    _look_anew(tx, subject)
    return rows, _doubts(tx, wanted)


def read_limits(limits: Sequence[str]) -> list[Limit]:
    """Return limits from their short forms; raise `Refused` (400) for none, or for two of one kind."""
    wanted = [parse_limit(one) for one in limits]
    if not wanted:
        raise invalid("quota", "How much?", "Give a limit, such as gpu-a100=40h/month.")
    if len({one.key for one in wanted}) < len(wanted):
        raise invalid("quota", "One limit is given twice.", "Give each once.")
    return wanted


def _set(tx: Tx, clock: Clock, actor: Actor, subject: Subject, limit: Limit) -> QuotaRow:
    row = _find(tx, subject.key, limit.resource, limit.period)
    before = "" if row is None else limit_text(Limit(*limit.key, row.amount))
    if row is None:
        row = QuotaRow(
            id=new_id("quo", clock.now()), subject=subject.key, resource=limit.resource, period=limit.period
        )
        tx.add(row)
    elif row.amount == limit.amount:
        return row
    row.amount, row.set_at, row.set_by = limit.amount, clock.now(), actor.name
    tx.flush()
    journal.append(
        tx, clock, actor, events.QuotaSet(subject=subject.words, quota=limit_text(limit), before=before)
    )
    return row


def remove_quotas(tx: Tx, clock: Clock, actor: Actor, subject: Subject, keys: Sequence[str]) -> None:
    """Take quotas away, such as `gpu-a100/month`; without keys, all of this subject. Needs `admin:quotas`.

    Raises `Refused` (404) where there is none of that kind.
    """
    actor.require(ADMIN)
    if not keys:
        found = list(tx.scalars(select(QuotaRow).where(QuotaRow.subject == subject.key)))
    else:
        found: list[QuotaRow] = []
        for key in keys:
            row = _find(tx, subject.key, *parse_key(key.partition("=")[0]))
            if row is None:
                raise not_found("quota", key[:60])
            found.append(row)
    for row in found:
        _remove(tx, clock, actor, row, subject.words)
    _look_anew(tx, subject)


def forget_project(tx: Tx, clock: Clock, actor: Actor, project_id: str, name: str) -> None:
    """Take a removed project's quotas and overrides away. Twice is safe."""
    subject = PROJECT + project_id
    for row in tx.scalars(select(QuotaRow).where(QuotaRow.subject == subject)).all():
        _remove(tx, clock, actor, row, f"project {name}")
    overrides = select(QuotaOverrideRow).where(
        QuotaOverrideRow.subject == subject, QuotaOverrideRow.ended_at.is_(None)
    )
    for override in tx.scalars(overrides):
        override.ended_at = clock.now()


def override(
    tx: Tx,
    clock: Clock,
    actor: Actor,
    subject: Subject,
    *,
    until: datetime,
    reason: str,
    limits: Sequence[str] = (),
    key: tuple[str, str] | None = None,
) -> list[QuotaOverrideRow]:
    """Raise limits until a moment, or lift one (`key`) or all of a user or project. Needs `admin:quotas`.

    What is lower than the quota itself changes nothing. Raises `Refused`: 400 for everyone (set their quota),
    for a moment that has passed or is more than a year away, and without a reason.
    """
    actor.require(ADMIN)
    if subject.key == EVERYONE:
        raise invalid("subject", "Everyone's quota is not overridden.", "Set it anew: `nbkeep quota set`.")
    said = " ".join(reason.split())
    if not 0 < len(said) <= _REASON_LENGTH:
        raise invalid("reason", f"An override needs a reason of up to {_REASON_LENGTH} characters.",
                      "Say why; the audit keeps it.")  # fmt: skip
    now = clock.now()
    if not now < until <= now + MOST_OVERRIDE:
        raise invalid("until", "An override ends in the future, within a year.",
                      "Give a later moment, or set the quota itself.")  # fmt: skip
    one_or_all, other = key or ("", "")
    wanted: list[tuple[str, str, int | None]] = [(one_or_all, other, None)]
    if limits:
        wanted = [(one.resource, one.period, one.amount) for one in read_limits(limits)]
    rows: list[QuotaOverrideRow] = []
    for resource, period, amount in wanted:
        row = QuotaOverrideRow(
            id=new_id("quv", now), subject=subject.key, resource=resource, period=period, amount=amount,
            until=until, reason=said, set_at=now, set_by=actor.name,
        )  # fmt: skip
        tx.add(row)
        tx.flush()
        rows.append(row)
        event = events.QuotaOverridden(
            override_id=row.id, subject=subject.words, quota=override_text(row), until=until.isoformat(),
            reason=said,
        )  # fmt: skip
        journal.append(tx, clock, actor, event)
    _look_anew(tx, subject)
    _tell(tx, clock, subject, rows)
    return rows


def end_override(tx: Tx, clock: Clock, actor: Actor, override_id: str) -> None:
    """Take an override back before its time; what runs is cut after notice. Twice is safe."""
    actor.require(ADMIN)
    row = tx.get(QuotaOverrideRow, override_id)
    if row is None:
        raise not_found("override", override_id[:60], "quota list")
    if row.ended_at is not None or row.until <= clock.now():
        return
    row.ended_at = clock.now()
    tx.flush()
    withdraw(tx, clock, row.id)
    if row.subject.startswith(USER):
        text = f"What you were given beyond your quota was taken back: {override_text(row)}."
        add_notice(tx, clock, row.subject.removeprefix(USER), ANSWER, text)
    event = events.QuotaOverrideEnded(
        override_id=row.id, subject=words_of(tx, row.subject), quota=override_text(row)
    )
    journal.append(tx, clock, actor, event)


def override_text(row: QuotaOverrideRow) -> str:
    """Return what an override says: `gpu-a100=60h/month`, `gpu-a100/month=no limit`, `all=no limit`."""
    if row.amount is not None:
        return limit_text(Limit(row.resource, row.period, row.amount))
    return f"{key_text(row.resource, row.period) if row.resource else 'all'}=no limit"


def words_of(tx: Tx, subject: str) -> str:
    """Return how people say a subject that is kept."""
    if subject.startswith(USER):
        user = tx.get(UserRow, subject.removeprefix(USER))
        return user.name if user else subject
    if subject.startswith(PROJECT):
        project = tx.get(ProjectRow, subject.removeprefix(PROJECT))
        return f"project {project.name}" if project else subject
    return subject


def _find(tx: Tx, subject: str, resource: str, period: str) -> QuotaRow | None:
    return tx.scalar(
        select(QuotaRow).where(
            QuotaRow.subject == subject, QuotaRow.resource == resource, QuotaRow.period == period
        )
    )


def _remove(tx: Tx, clock: Clock, actor: Actor, row: QuotaRow, words: str) -> None:
    text = limit_text(Limit(row.resource, row.period, row.amount))
    tx.delete(row)
    tx.flush()
    journal.append(tx, clock, actor, events.QuotaRemoved(subject=words, quota=text))


def _people(tx: Tx, subject: Subject) -> list[str] | None:
    """Return the ids of whom a subject is; None: everybody."""
    if subject.key == EVERYONE:
        return None
    if subject.key.startswith(USER):
        return [subject.key.removeprefix(USER)]
    query = select(ProjectMemberRow.user_id).where(
        ProjectMemberRow.project_id == subject.key.removeprefix(PROJECT)
    )
    return list(tx.scalars(query))


def _look_anew(tx: Tx, subject: Subject) -> None:
    """Forget what was announced by limits as they were: the next look decides anew, with notice."""
    told = delete(QuotaToldRow)
    announced = update(SessionRow).where(SessionRow.quota_ends_at.is_not(None))
    notices = (
        update(NoticeRow)
        .where(NoticeRow.kind == KIND, NoticeRow.dismissed_at.is_(None))
        .values(dismissed_at=NoticeRow.at)
    )
    people = _people(tx, subject)
    if people is not None:
        told = told.where(QuotaToldRow.user_id.in_(people))
        announced = announced.where(SessionRow.user_id.in_(people))
        notices = notices.where(NoticeRow.user_id.in_(people))
    tx.execute(told.execution_options(synchronize_session=False))
    tx.execute(
        announced.values(quota_ends_at=None, quota_words=None).execution_options(synchronize_session="fetch")
    )
    tx.execute(notices.execution_options(synchronize_session=False))


def _tell(tx: Tx, clock: Clock, subject: Subject, rows: Sequence[QuotaOverrideRow]) -> None:
    if not subject.key.startswith(USER):
        return
    what = ", ".join(override_text(row) for row in rows)
    until = rows[0].until
    text = (
        f"You may use more until {until.day} {until:%B, %H:%M} UTC: {what}. "
        "What was suspended by a quota can be resumed."
    )
    # Of a kind of its own, as each answer: a later change takes back what limits announced, and not this.
    add_notice(tx, clock, subject.key.removeprefix(USER), rows[0].id, text)


def _doubts(tx: Tx, limits: Sequence[Limit]) -> list[str]:
    """Return what looks like a slip: nothing that is called so."""
    flavors = list(tx.scalars(select(FlavorRow)))
    known = {FLAVOR + one.name for one in flavors} | {GPU + one.gpu_type for one in flavors if one.gpu_count}
    return [
        f"No flavor has {one.resource.partition(':')[2]} yet: until one does, this limits nothing."
        for one in limits
        if ":" in one.resource and one.resource not in known
    ]
