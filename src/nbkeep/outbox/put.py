"""Putting messages in the outbox, in the transaction of what they tell of."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from nbkeep.model import mailing
from nbkeep.model.days import day_of
from nbkeep.model.ids import new_id
from nbkeep.store.outbox_tables import MailChoiceRow, MailRow, MailServerRow
from nbkeep.store.tables import UserRow

from . import rules

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import NoticeRow


def put(
    tx: Tx,
    clock: Clock,
    kind: str,
    about: dict[str, Any],
    *,
    user_id: str | None = None,
    address: str = "",
    after: datetime | None = None,
    once: str | None = None,
) -> MailRow:
    """Put one message in, to a user or to an address.

    `about` says of what it is made when it is sent, and has no secret. `once`: there is one message of it for
    ever, and a second call returns that one.
    """
    if once is not None and (there := tx.scalar(select(MailRow).where(MailRow.once == once))) is not None:
        return there
    now = clock.now()
    row = MailRow(
        id=new_id("mai", now), kind=kind, user_id=user_id, address=address, about=about, once=once,
        state=rules.WAITING, attempts=0, next_try_at=after or now, claimed_by="", last_error="",
        created_at=now,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    return row


def gather(tx: Tx, clock: Clock, notice: NoticeRow, *, routine: bool) -> None:
    """Put a notice into its user's next message, where mail is set up and they want it."""
    server = tx.get(MailServerRow, 1)
    if server is None or not server.is_set_up:
        return
    if not rules.is_wanted(_choice(tx, server, notice.user_id), notice.kind, routine=routine):
        return
    user = tx.get_one(UserRow, notice.user_id)
    if user.status != "active" or not mailing.can_be_sent_to(user.email):
        return
    row = _begun(tx, user) or _begin(tx, clock, user)
    ids: list[str] = row.about["notices"]
    more = int(row.about["more"])
    if len(ids) < rules.MOST_NOTICES:
        row.about = {"notices": [*ids, notice.id], "more": more}
    else:
        row.about = {"notices": ids, "more": more + 1}
    tx.flush()


def server_row(tx: Tx) -> MailServerRow:
    """Return the one row of the server, in a transaction that writes."""
    row = tx.get(MailServerRow, 1)
    if row is None:
        row = MailServerRow(id=1, is_set_up=False, notices=mailing.OFF, failures=0, last_error="")
        tx.add(row)
        tx.flush()
    return row


def choice_of(tx: Tx, user_id: str) -> str:
    """Return which notices a person has chosen to get by mail, or "" for what the settings say."""
    chosen = tx.get(MailChoiceRow, user_id)
    return chosen.notices if chosen is not None else ""


def _choice(tx: Tx, server: MailServerRow, user_id: str) -> str:
    return choice_of(tx, user_id) or server.notices


def _begun(tx: Tx, user: UserRow) -> MailRow | None:
    """Return the message that can still take more: nobody has tried to send it."""
    query = select(MailRow).where(
        MailRow.user_id == user.id,
        MailRow.kind == rules.NOTICES,
        MailRow.state == rules.WAITING,
        MailRow.attempts == 0,
        MailRow.claimed_until.is_(None),
    )
    return tx.scalars(query.order_by(MailRow.created_at.desc()).limit(1)).first()


def _begin(tx: Tx, clock: Clock, user: UserRow) -> MailRow:
    now = clock.now()
    today = day_of(now)
    begun = tx.scalar(
        select(func.count()).where(
            MailRow.user_id == user.id,
            MailRow.kind == rules.NOTICES,
            MailRow.created_at >= today.begin,
            MailRow.created_at < today.end + timedelta(seconds=1),
        )
    )
    after = rules.send_from(now, begun or 0)
    return put(tx, clock, rules.NOTICES, {"notices": [], "more": 0}, user_id=user.id, after=after)
