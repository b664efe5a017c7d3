"""Looks at the connections that a gateway has just reported, and puts alarms into the audit journal."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.model.actor import SYSTEM
from nbkeep.model.days import midnight
from nbkeep.store.network_tables import ConnectionRow, DestinationRow
from nbkeep.store.tables import ReportedEventRow, SessionRow, UserRow

from . import alarms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from nbkeep.model.clock import Clock
    from nbkeep.store.database import Tx

    from .alarms import Alarm, Thresholds

_MARK = "alarm:"
_MOST_A_SESSION = 100
_ALWAYS = frozenset({"volume"})  # once a day
_MOST_NAMES = 2000
# Before this a profile's sessions have reached nothing yet that they usually reach: everything would be new.
_USUAL_AFTER = timedelta(days=7)
_DAY = timedelta(days=1)


def watch(tx: Tx, clock: Clock, fresh: Iterable[ConnectionRow], thresholds: Thresholds) -> None:
    """Record the alarms of new connections: one a day for each session, kind and host, within a bound."""
    by_session: dict[str, list[ConnectionRow]] = {}
    for row in fresh:
        by_session.setdefault(row.session_id, []).append(row)
    for session_id, rows in by_session.items():
        query = select(SessionRow, UserRow.name).join(UserRow, SessionRow.user_id == UserRow.id)
        session, user = tx.execute(query.where(SessionRow.id == session_id)).one()
        for alarm in _alarms(tx, clock.now(), session, rows, thresholds):
            _record(tx, clock, session, user, alarm)


def sent_today(tx: Tx, session_id: str, now: datetime) -> dict[str, int]:
    """Return how many bytes a session has sent since midnight (UTC) to which host, as far as is on record."""
    query = select(ConnectionRow.host, func.sum(ConnectionRow.bytes_out)).where(
        ConnectionRow.session_id == session_id,
        ConnectionRow.at >= midnight(now.date()),
        ConnectionRow.bytes_out > 0,
    )
    return {host: int(count) for host, count in tx.execute(query.group_by(ConnectionRow.host))}


def sent_by_all(tx: Tx, session_ids: Iterable[str], now: datetime) -> dict[str, int]:
    """Return how many bytes each of these sessions has sent since midnight (UTC)."""
    query = select(ConnectionRow.session_id, func.sum(ConnectionRow.bytes_out)).where(
        ConnectionRow.session_id.in_(session_ids), ConnectionRow.at >= midnight(now.date())
    )
    return {row[0]: int(row[1] or 0) for row in tx.execute(query.group_by(ConnectionRow.session_id))}


def _alarms(
    tx: Tx, now: datetime, session: SessionRow, rows: list[ConnectionRow], thresholds: Thresholds
) -> Iterator[Alarm]:
    # Also of what was refused in the end: a connection is cut where it has sent too much.
    sent_now = [alarms.Sent(row.host, row.bytes_out) for row in rows if row.bytes_out]
    for one in sent_now:
        if alarm := alarms.of_connection(one, thresholds):
            yield alarm
    if sent_now:
        sent = sent_today(tx, session.id, now)
        if sent and (alarm := alarms.of_day(sum(sent.values()), max(sent, key=sent.__getitem__), thresholds)):
            yield alarm
        yield from alarms.of_small_ones(_small_ones(tx, now, session.id))
    if any(alarms.is_odd(row.host) for row in rows):
        asked = select(ConnectionRow.host).where(
            ConnectionRow.session_id == session.id,
            ConnectionRow.at >= now - timedelta(seconds=alarms.ODD_S),
        )
        yield from alarms.of_names(tx.scalars(asked.distinct().limit(_MOST_NAMES)))
    yield from _new_hosts(tx, now, session, {row.host for row in rows if row.allowed})


def _small_ones(tx: Tx, now: datetime, session_id: str) -> dict[str, int]:
    query = select(ConnectionRow.host, func.count()).where(
        ConnectionRow.session_id == session_id,
        ConnectionRow.at >= now - timedelta(seconds=alarms.MANY_S),
        ConnectionRow.allowed,
        ConnectionRow.bytes_out.between(1, alarms.SMALL_BYTES),
    )
    query = query.group_by(ConnectionRow.host).having(func.count() >= alarms.MANY)
    return {row[0]: row[1] for row in tx.execute(query)}


def _new_hosts(tx: Tx, now: datetime, session: SessionRow, hosts: set[str]) -> Iterator[Alarm]:
    """Note where sessions of the profile go, and tell of what is new once its habits are known."""
    of_profile = DestinationRow.profile_name == session.profile_name
    known = {
        row.host: row
        for row in tx.scalars(select(DestinationRow).where(of_profile, DestinationRow.host.in_(hosts)))
    }
    for row in known.values():
        if now - row.last_at > _DAY:
            row.last_at = now
    new = sorted(hosts - set(known))
    if not new:
        return
    oldest = select(DestinationRow.first_at).where(of_profile).order_by(DestinationRow.first_at).limit(1)
    first_at = tx.scalar(oldest)
    for host in new:
        tx.add(DestinationRow(profile_name=session.profile_name, host=host, first_at=now, last_at=now))
    tx.flush()
    if first_at is not None and now - first_at > _USUAL_AFTER:
        for host in new:
            yield alarms.of_new_host(host, session.profile_name)


def _record(tx: Tx, clock: Clock, session: SessionRow, user: str, alarm: Alarm) -> None:
    day = clock.now().date().isoformat()
    place = "" if alarm.kind in _ALWAYS else alarm.host
    name = hashlib.sha256(f"{alarm.kind} {place} {day}".encode()).hexdigest()[:40]
    if tx.get(ReportedEventRow, (session.id, _MARK + name)) is not None:
        return
    mine = select(func.count()).where(
        ReportedEventRow.session_id == session.id, ReportedEventRow.event_id.startswith(_MARK)
    )
    # Much that was sent is told whatever else there was: cheap alarms must not hide it.
    if alarm.kind not in _ALWAYS and (tx.scalar(mine) or 0) >= _MOST_A_SESSION:
        return
    event = events.EgressAlarm(
        session_id=session.id,
        user=user,
        profile=session.profile_name,
        kind=alarm.kind,
        host=alarm.host,
        measured=alarm.measured,
        threshold=alarm.threshold,
        message=alarm.message,
    )
    journal.append_once(tx, clock, SYSTEM, event, session_id=session.id, event_id=_MARK + name)
