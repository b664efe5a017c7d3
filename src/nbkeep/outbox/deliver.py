"""Sends what is due: claim, make, give to the server, note. Killed in between, the same is sent again.

A message is made anew at each try, with the same Message-ID, so that a receiver can tell that it has it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import NbkeepError
from nbkeep.store.outbox_tables import MailRow, MailServerRow
from nbkeep.store.tables import UserRow

from . import rules
from .compose import CannotBeSent, Content, Unneeded, message
from .manage import recipient, tell_undelivered
from .notices import tell_scope, withdraw
from .put import server_row
from .smtp import Connection, NotTaken, ServerAway

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sqlalchemy.orm import InstrumentedAttribute
    from sqlalchemy.sql.elements import ColumnElement

    from nbkeep.store.interface import Parts

    from .compose import Composers

_BATCH = 50
_log = logging.getLogger("nbkeep.outbox")


@dataclass(frozen=True)
class Outcome:
    """What became of a try. WAITING: it is tried again after a while, at once where it did not count."""

    state: str
    why: str = ""
    counts: bool = True


def note_settings(parts: Parts) -> None:
    """Write down whether mail is set up, for who puts messages in. Twice is safe."""
    is_set_up, wanted = parts.settings.mail is not None, parts.settings.mail_notices
    with parts.store.read() as tx:
        row = tx.get(MailServerRow, 1)
        if row is not None and (row.is_set_up, row.notices) == (is_set_up, wanted):
            return
    with parts.store.write() as tx:
        row = server_row(tx)
        row.is_set_up, row.notices = is_set_up, wanted


def due(parts: Parts) -> list[str]:
    """Return the ids of messages to try now, the oldest first; none while the server is left alone."""
    if parts.settings.mail is None:
        return []
    now = parts.clock.now()
    with parts.store.read() as tx:
        server = tx.get(MailServerRow, 1)
        longest = rules.wait_for_server(1 << 20)
        if server is not None and not rules.is_due(server.next_try_at, now, longest):
            return []
        query = select(MailRow.id).where(
            MailRow.state == rules.WAITING,
            _is_over(MailRow.next_try_at, now, rules.LONGEST_WAIT),
            or_(MailRow.claimed_until.is_(None), _is_over(MailRow.claimed_until, now, rules.CLAIMED)),
        )
        return list(tx.scalars(query.order_by(MailRow.next_try_at, MailRow.id).limit(_BATCH)))


def _is_over(
    at: InstrumentedAttribute[datetime | None] | InstrumentedAttribute[datetime],
    now: datetime,
    longest: timedelta,
) -> ColumnElement[bool]:
    """`rules.is_due` for a column."""
    return or_(at <= now, at > now + longest)


def deliver(parts: Parts, composers: Composers, office_id: str, unnoted: dict[str, Outcome]) -> bool:
    """Send what is due by one connection; tell whether there may be more. `office_id`: who claims.

    Invariant: a server counts as there once it has taken or refused a message. One that lets us sign in and
    then takes nothing is away: it is left alone ever longer, and admins are told.

    `unnoted` remembers what could not be written down (a full disk): that is noted first the next time, and
    not sent again.
    """
    for mail_id in list(unnoted):
        _note(parts, mail_id, unnoted[mail_id])
        del unnoted[mail_id]
    ids = due(parts)
    if not ids:
        return False
    try:
        with Connection(parts.settings) as server:
            is_noted = False
            for mail_id in ids:
                is_there = _one(parts, composers, office_id, unnoted, mail_id, server)
                if server.has_dealt and not is_noted:
                    _note_server(parts, "")
                    is_noted = True
                if not is_there:
                    break  # the connection is gone: the others are sent by the next one
    except ServerAway as error:
        _note_server(parts, str(error))
        return False
    return True


def _one(
    parts: Parts,
    composers: Composers,
    office_id: str,
    unnoted: dict[str, Outcome],
    mail_id: str,
    server: Connection,
) -> bool:
    """Try one message; tell whether the connection is still there. Raises `ServerAway`."""
    row = _claim(parts, mail_id, office_id)
    if row is None:
        return True
    away: ServerAway | None = None
    is_cut = False
    try:
        address, content = _made(parts, composers, row)
        whole = message(parts.settings, row.id, row.created_at, address, content)
        server.send(address, whole, is_secret=content.is_secret)
        outcome = Outcome(rules.SENT)
    except Unneeded as reason:
        outcome = Outcome(rules.UNNEEDED, f"Not sent: {reason}")
    except CannotBeSent as reason:
        outcome = Outcome(rules.GIVEN_UP, f"Not sent: {reason}")
    except NotTaken as reason:
        is_cut = reason.is_cut
        state = rules.GIVEN_UP if reason.for_good else rules.WAITING
        outcome = Outcome(state, str(reason), counts=not reason.is_untried)
    except ServerAway as error:
        away, outcome = error, Outcome(rules.WAITING, counts=False)
    except NbkeepError as error:
        outcome = Outcome(rules.WAITING, f"It cannot be made now: {error.message}")
    except Exception:  # noqa: BLE001 - logged with its trace; one bad message must not keep the others back
        _log.exception("Message %s cannot be made", row.id)
        outcome = Outcome(rules.WAITING, "It cannot be made: see the office's log")
    # Before it is written down: when that fails, it is remembered.
    unnoted[row.id] = outcome
    _note(parts, row.id, outcome)
    del unnoted[row.id]
    if away is not None:
        raise away
    return not is_cut


def _claim(parts: Parts, mail_id: str, office_id: str) -> MailRow | None:
    """Take a message for this office alone, for a while; None where it is another's, or not due any more."""
    now = parts.clock.now()
    with parts.store.write() as tx:
        row = tx.get(MailRow, mail_id)
        if row is None or row.state != rules.WAITING:
            return None
        if not rules.is_due(row.next_try_at, now, rules.LONGEST_WAIT):
            return None
        if not rules.is_due(row.claimed_until, now, rules.CLAIMED):
            return None
        row.claimed_by, row.claimed_until = office_id, now + rules.CLAIMED
        row.attempts += 1  # already now: what ends the office each time waits ever longer
        row.next_try_at = now + rules.wait(row.attempts)
        tx.flush()
        return row


def _made(parts: Parts, composers: Composers, row: MailRow) -> tuple[str, Content]:
    with parts.store.read() as tx:
        address = row.address
        if row.user_id is not None:
            user = tx.get_one(UserRow, row.user_id)
            if user.status == "disabled":
                raise Unneeded("the account is disabled")
            address = user.email
        return address, composers[row.kind](tx, parts, row)


def _note(parts: Parts, mail_id: str, outcome: Outcome) -> None:
    now = parts.clock.now()
    with parts.store.write() as tx:
        row = tx.get(MailRow, mail_id)
        if row is None or row.state != rules.WAITING:
            return  # discarded meanwhile, or sent by another office whose claim was over
        row.claimed_by, row.claimed_until, row.last_error = "", None, outcome.why[:400]
        state = outcome.state
        was_tried = now - row.created_at > rules.TRIED and row.attempts >= rules.FEWEST_TRIES
        if state == rules.WAITING and outcome.counts and was_tried:
            state = rules.GIVEN_UP
        if state == rules.WAITING and not outcome.counts:
            row.attempts, row.next_try_at = row.attempts - 1, now
        if state != rules.WAITING:
            row.state, row.ended_at = state, now
        tx.flush()
        if state == rules.GIVEN_UP:
            given_up = events.MailGivenUp(
                mail_id=row.id, kind=row.kind, to=recipient(tx, row), why=row.last_error
            )
            journal.append(tx, parts.clock, SYSTEM, given_up)
            tell_undelivered(tx, parts.clock)


def _note_server(parts: Parts, why: str) -> None:
    """Write down that the server deals with mail, or why not; tell admins of an hour without it, once."""
    now = parts.clock.now()
    with parts.store.write() as tx:
        row = server_row(tx)
        if not why:
            if row.told_at is not None:
                withdraw(tx, parts.clock, rules.AWAY)
            row.failures, row.last_error, row.failing_since = 0, "", None
            row.next_try_at, row.told_at, row.last_ok_at = None, None, now
            return
        since = row.failing_since or now
        row.failures += 1
        row.last_error, row.failing_since = why[:400], since
        row.next_try_at = now + rules.wait_for_server(row.failures)
        if row.told_at is None and now - since >= rules.AWAY_TOLD:
            row.told_at = now
            text = f"No mail could be sent for an hour: {row.last_error}. It waits; see the page Mail."
            tell_scope(tx, parts.clock, "admin:mail", rules.AWAY, text)


def forget_old(parts: Parts) -> None:
    """Delete what was sent or not needed a week ago, and what was given up long ago. Twice is safe."""
    now = parts.clock.now()
    gone = {
        rules.SENT: rules.SENT_KEPT,
        rules.UNNEEDED: rules.SENT_KEPT,
        rules.GIVEN_UP: rules.GIVEN_UP_KEPT,
    }
    with parts.store.write() as tx:
        for state, kept in gone.items():
            tx.execute(delete(MailRow).where(MailRow.state == state, MailRow.ended_at < now - kept))
