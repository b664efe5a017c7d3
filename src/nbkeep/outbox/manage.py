"""What admins see and do of the outbox: list, try again, discard, try the server; and what people choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select

from nbkeep.audit import events, journal
from nbkeep.model import mailing
from nbkeep.model.cursors import make_cursor, read_cursor
from nbkeep.model.errors import Refused, Unavailable, invalid, not_found
from nbkeep.model.ids import new_id
from nbkeep.store.outbox_tables import MailChoiceRow, MailRow, MailServerRow
from nbkeep.store.tables import UserRow

from . import rules
from .compose import CannotBeSent, message, trial
from .notices import tell_scope, withdraw
from .put import choice_of
from .smtp import Connection, NotTaken, ServerAway

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.actor import Actor
    from nbkeep.model.clock import Clock
    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.store.interface import Parts


ADMIN = "admin:mail"
_WORDS = {
    rules.LINK: "a link to set a password",
    rules.NOTICES: "notices",
    rules.REPORT: "the report of a day",
}


@dataclass(frozen=True)
class Seen:
    """A message as admins see it: never its words."""

    id: str
    kind: str
    words: str
    to: str
    state: str
    attempts: int
    why: str
    created_at: datetime
    next_try_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Status:
    """How mail is doing. `state`: off, working, or failing since `failing_since`."""

    state: str
    server: str
    mail_from: str
    security: str
    waiting: int
    given_up: int
    sent: int
    last_error: str
    failing_since: datetime | None
    next_try_at: datetime | None
    last_ok_at: datetime | None
    report_to: tuple[str, ...]


def list_mail(
    tx: Tx, actor: Actor, *, state: str = "", limit: int = 100, cursor: str | None = None
) -> tuple[list[Seen], str | None]:
    """Return messages, newest first, and the cursor of the next page. Needs `admin:mail`."""
    actor.require(ADMIN)
    if state and state not in rules.STATES:
        raise invalid("state", f"There is no state {state[:40]!r}.", f"One of: {', '.join(rules.STATES)}.")
    query = select(MailRow).order_by(MailRow.created_at.desc(), MailRow.id.desc()).limit(limit + 1)
    if state:
        query = query.where(MailRow.state == state)
    if cursor:
        at, mail_id = read_cursor(cursor)
        same = and_(MailRow.created_at == at, MailRow.id < mail_id)
        query = query.where(or_(MailRow.created_at < at, same))
    rows = list(tx.scalars(query))
    following = make_cursor(rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
    server = tx.get(MailServerRow, 1)
    away = server.last_error if server is not None and server.failures else ""
    return [_seen(tx, row, away) for row in rows[:limit]], following


def status(tx: Tx, settings: Settings, actor: Actor) -> Status:
    """Return how mail is doing. Needs `admin:mail`."""
    actor.require(ADMIN)
    row, server = tx.get(MailServerRow, 1), settings.mail
    grouped = tx.execute(select(MailRow.state, func.count()).group_by(MailRow.state))
    counts = {state: int(count) for state, count in grouped}
    is_failing = row is not None and row.failures > 0
    return Status(
        state="off" if server is None else "failing" if is_failing else "working",
        server=str(server) if server else "",
        mail_from=settings.mail_from if server else "",
        security=settings.mail_security if server else "",
        waiting=counts.get(rules.WAITING, 0),
        given_up=counts.get(rules.GIVEN_UP, 0),
        sent=counts.get(rules.SENT, 0),
        last_error=row.last_error if row else "",
        failing_since=row.failing_since if row else None,
        next_try_at=row.next_try_at if row else None,
        last_ok_at=row.last_ok_at if row else None,
        report_to=settings.mail_report_to,
    )


def retry(tx: Tx, clock: Clock, actor: Actor, mail_id: str) -> Seen:
    """Try a message again at once, also one that was given up; refused (409) for one that was sent."""
    row = _to_change(tx, actor, mail_id)
    if row.state in {rules.SENT, rules.UNNEEDED}:
        raise Refused("mail-over", f"{mail_id} was sent, or is not needed any more.",
                      "Make a new one: `nbkeep user reset-link NAME --mail`.", status=409)  # fmt: skip
    now = clock.now()
    if row.state == rules.GIVEN_UP:
        row.created_at = now  # it has its days again
    row.state, row.ended_at, row.next_try_at = rules.WAITING, None, now
    server = tx.get(MailServerRow, 1)
    if server is not None:
        server.next_try_at = None
    journal.append(tx, clock, actor, events.MailRetried(mail_id=row.id, to=recipient(tx, row)))
    tell_undelivered(tx, clock)
    return _seen(tx, row, "")


def discard(tx: Tx, clock: Clock, actor: Actor, mail_id: str) -> None:
    """Forget a message, sent or not; its link, if it has one, still works for who has it."""
    row = _to_change(tx, actor, mail_id)
    discarded = events.MailDiscarded(mail_id=row.id, kind=row.kind, to=recipient(tx, row), state=row.state)
    tx.delete(row)
    tx.flush()
    journal.append(tx, clock, actor, discarded)
    tell_undelivered(tx, clock)


def send_trial(parts: Parts, actor: Actor, to: str) -> None:
    """Send a test to an address now; raise `Refused` or `Unavailable`, in words, where it is not taken."""
    actor.require(ADMIN)
    settings, now = parts.settings, parts.clock.now()
    if settings.mail is None:
        raise mailing.not_set_up()
    mailing.check_address("to", to)
    with parts.store.write() as tx:
        journal.append(tx, parts.clock, actor, events.MailTested(to=to))
    try:
        whole = message(settings, new_id("mai", now), now, to, trial(settings))
        with Connection(settings) as server:
            server.send(to, whole)
    except (ServerAway, NotTaken, CannotBeSent) as error:
        raise Unavailable(
            "mail-not-sent", f"Not sent. {error}.", "Correct the settings, or try again later."
        ) from error


def choose(tx: Tx, clock: Clock, actor: Actor, choice: str) -> None:
    """Choose which notices come by mail to oneself: off, important, all, or "" for what the settings say."""
    actor.require("self")
    if actor.kind != "user":
        raise Refused("no-account", f"{actor.name} is no person.", "Sign in as a person.", status=409)
    if choice:
        mailing.check_choice(choice)
    row = tx.get(MailChoiceRow, actor.id)
    if choice == (row.notices if row is not None else ""):
        return
    if not choice:
        tx.delete(row)
    elif row is None:
        tx.add(MailChoiceRow(user_id=actor.id, notices=choice))
    else:
        row.notices = choice
    tx.flush()
    journal.append(tx, clock, actor, events.MailNoticesChosen(notices=choice or "default"))


def chosen(tx: Tx, actor: Actor) -> str:
    """Return what somebody has chosen for themselves, "" for what the settings say."""
    return choice_of(tx, actor.id)


def tell_undelivered(tx: Tx, clock: Clock) -> None:
    """Tell admins how many messages were given up, in one notice, or put it away when none is left."""
    query = select(func.count()).where(MailRow.state == rules.GIVEN_UP)
    withdraw(tx, clock, rules.UNDELIVERED)
    if count := tx.scalar(query) or 0:
        what = "1 message" if count == 1 else f"{count} messages"
        text = f"{what} could not be delivered by mail. The page Mail says to whom and why."
        tell_scope(tx, clock, ADMIN, rules.UNDELIVERED, text)


def recipient(tx: Tx, row: MailRow) -> str:
    """Return to whom a message goes: a login name, or an address of the settings."""
    user = tx.get(UserRow, row.user_id) if row.user_id is not None else None
    return user.name if user is not None else row.address


def _seen(tx: Tx, row: MailRow, away: str) -> Seen:
    is_waiting = row.state == rules.WAITING
    return Seen(
        id=row.id,
        kind=row.kind,
        words=_WORDS[row.kind],
        to=recipient(tx, row),
        state=row.state,
        attempts=row.attempts,
        why=row.last_error or (away if is_waiting else ""),
        created_at=row.created_at,
        next_try_at=row.next_try_at if is_waiting else None,
        ended_at=row.ended_at,
    )


def _to_change(tx: Tx, actor: Actor, mail_id: str) -> MailRow:
    actor.require(ADMIN)
    row = tx.get(MailRow, mail_id)
    if row is None:
        raise not_found("mail", mail_id[:40])
    return row
