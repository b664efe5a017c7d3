"""Looks at what runs every few seconds: warns at most of a quota used, and says when a session is cut.

The moment is written to the session's row, beside those of its other limits: the loop that keeps to those
ends it, in the same way. A session that is not counted any more, as a frozen one, is not cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.session import SessionState, fate_words
from nbkeep.outbox.notices import add_notice, dismiss_about
from nbkeep.store.quota_tables import QuotaToldRow
from nbkeep.store.tables import SessionRow, UserRow

from .book import are_any, holds, read
from .parse import limit_text
from .rules import back_words, is_to_be_told, next_cut, quota_words, used_words
from .values import KIND, Limit, Standing

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Store, Tx

    from .book import Book
    from .rules import Cut

# The meter counts in steps: a moment that moves by less is the same one.
_SAME = timedelta(seconds=3)
_MUCH_EARLIER = timedelta(minutes=1)
_TOGETHER = 2000  # people in one question
_LASTING = [SessionState.READY.value, SessionState.FROZEN.value]


@dataclass(frozen=True)
class _Found:
    """What is to be written: moments of cuts by session (None: none any more), and who is to be told."""

    cuts: dict[str, Cut | None]
    told: list[tuple[str, Standing]]

    @property
    def is_nothing(self) -> bool:
        return not self.cuts and not self.told


def watch(store: Store, clock: Clock, currency: str) -> None:
    """Look at all that runs, and write what has changed. Twice is safe, also at once: it is decided anew."""
    with store.read() as tx:
        if _look(tx, clock.now()).is_nothing:
            return
    with store.write() as tx:
        found = _look(tx, clock.now())
        for user_id, standing in found.told:
            _tell(tx, clock, user_id, standing, currency)
        for session_id, cut in found.cuts.items():
            _write(tx, clock, tx.get_one(SessionRow, session_id), cut, currency)


def _look(tx: Tx, now: datetime) -> _Found:
    row = SessionRow
    has_quotas = are_any(tx)
    # What is announced of those that rest, or that no quota holds for any more, is taken back.
    which = and_(row.quota_ends_at.is_not(None), row.state.in_(_LASTING))
    if has_quotas:
        which = or_(which, row.state == SessionState.READY.value)
    sessions = tx.scalars(select(row).where(which)).all()
    if not sessions:
        return _Found({}, [])
    running = {one.id: one for one in sessions if one.state == SessionState.READY and has_quotas}
    book = read(tx, now, {one.user_id for one in running.values()})
    cuts: dict[str, Cut | None] = {}
    standings = {one.user_id: book.standings(one.user_id) for one in running.values()}
    for session in sessions:
        found = standings.get(session.user_id, [])
        cut = _cut_of(book, found, session, now) if session.id in running else None
        if _is_news(session, cut):
            cuts[session.id] = cut
    return _Found(cuts, _untold(tx, standings))


def _cut_of(book: Book, standings: list[Standing], session: SessionRow, now: datetime) -> Cut | None:
    if session.ready_at is None:
        return None
    things = holds(session.profile)
    return next_cut(
        standings, things, book.cost_of(things), now=now, ready_at=session.ready_at,
        announced=session.quota_ends_at,
    )  # fmt: skip


def _is_news(session: SessionRow, cut: Cut | None) -> bool:
    before = session.quota_ends_at
    if cut is None or before is None:
        return (cut is None) != (before is None)
    return abs(cut.at - before) > _SAME


def _untold(tx: Tx, standings: dict[str, list[Standing]]) -> list[tuple[str, Standing]]:
    due = [(user_id, one) for user_id, found in standings.items() for one in found if is_to_be_told(one)]
    begins = {_key(user_id, one)[-1] for user_id, one in due}
    row, told = QuotaToldRow, set[tuple[str, ...]]()
    for place in range(0, len(due), _TOGETHER):
        users = {user_id for user_id, _ in due[place : place + _TOGETHER]}
        query = select(row.user_id, row.subject, row.resource, row.period, row.begin).where(
            row.user_id.in_(users), row.begin.in_(begins)
        )
        told |= {tuple(one) for one in tx.execute(query)}
    return [(user_id, one) for user_id, one in due if _key(user_id, one) not in told]


def _key(user_id: str, one: Standing) -> tuple[str, str, str, str, str]:
    resource, period = one.limit.key
    return user_id, one.subject, resource, period, f"{one.begin:%Y-%m-%d}" if one.begin else ""


def _tell(tx: Tx, clock: Clock, user_id: str, one: Standing, currency: str) -> None:
    names = ("user_id", "subject", "resource", "period", "begin")
    tx.add(QuotaToldRow(**dict(zip(names, _key(user_id, one), strict=True)), at=clock.now()))
    tx.flush()
    allowed = one.allowed or 1
    percent = one.used * 100 // allowed
    text = (
        f"{percent} % used: {used_words(one, currency)}. {back_words(one)} When all of it is used, sessions "
        "end; variables are kept where the profile keeps them."
    )
    add_notice(tx, clock, user_id, KIND, text)
    event = events.QuotaWarned(
        user=tx.get_one(UserRow, user_id).name,
        subject=one.whose,
        quota=limit_text(Limit(*one.limit.key, allowed)),
        percent=percent,
    )
    journal.append(tx, clock, SYSTEM, event)


def _write(tx: Tx, clock: Clock, session: SessionRow, cut: Cut | None, currency: str) -> None:
    before = session.quota_ends_at
    session.quota_ends_at = cut.at if cut else None
    session.quota_words = cut_words(cut.by, currency) if cut else None
    tx.flush()
    if cut is None:
        dismiss_about(tx, clock, session.id, KIND)
        return
    if before is not None:
        if before - cut.at <= _MUCH_EARLIER:
            return
        dismiss_about(tx, clock, session.id, KIND)  # what was said would come as a surprise
    moment = f"{cut.at:%H:%M} UTC"
    keeps = bool(session.profile.get("keep_state"))
    fate = fate_words(keeps_state=keeps, quarantine=session.quarantine)
    text = (
        f"Session {session.name} ends at {moment}, when a quota is used up: {session.quota_words} "
        f"{fate} To go on, ask for more on the portal's page Quotas."
    )
    add_notice(tx, clock, session.user_id, KIND, text, session_id=session.id)
    event = events.QuotaCutAnnounced(
        session_id=session.id,
        user=tx.get_one(UserRow, session.user_id).name,
        subject=cut.by.whose,
        quota=limit_text(Limit(*cut.by.limit.key, cut.by.allowed or cut.by.limit.amount)),
        at=cut.at.isoformat(),
    )
    journal.append(tx, clock, SYSTEM, event)


def cut_words(one: Standing, currency: str) -> str:
    """Return by which quota a session is cut, and when it is back: what its page says afterwards."""
    whole = quota_words(one, currency)
    return f"{whole[0].upper()}{whole[1:]}. {back_words(one)}"
