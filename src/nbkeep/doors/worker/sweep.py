"""Clean-up of what nobody needs any more. The journal is never touched."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select

from nbkeep.meter.beat import forget_ended
from nbkeep.people.signin import forget_old_limits
from nbkeep.sessions.records import LIVE_STATES
from nbkeep.store.alarm_tables import AlarmRow, GpuUseRow, StorageDayRow
from nbkeep.store.model_tables import ModelCallRow
from nbkeep.store.network_tables import ConnectionRow, DestinationRow
from nbkeep.store.package_tables import PackageInstallRow
from nbkeep.store.tables import AccessRow, ApiTokenRow, InvitationRow, NoticeRow, ReportedEventRow, SessionRow

if TYPE_CHECKING:
    from sqlalchemy import Select

    from nbkeep.sessions.interface import Parts

_LINKS_KEPT = timedelta(days=30)
_TOKENS_KEPT = timedelta(days=90)
_NOTICES_KEPT = timedelta(days=90)
# This month is compared with the same one a year ago.
_SAMPLES_KEPT = timedelta(days=400)
# A session's last deliveries may be repeated after its end, but not for long.
_EVENT_IDS_KEPT = timedelta(days=2)
_AT_ONCE = 2000
_STEPS = 25


def forget_old_connections(parts: Parts) -> int:
    """Delete records of connections that are older than the setting says; return how many. Twice is safe."""
    return _forget_old(parts, ConnectionRow)


def forget_old_packages(parts: Parts) -> int:
    """Delete records of packages that are as old; return how many. The journal keeps what was installed."""
    return _forget_old(parts, PackageInstallRow)


def forget_old_model_calls(parts: Parts) -> int:
    """Delete records of calls of models that are too old; return how many. The sums of months stay."""
    before = parts.clock.now() - timedelta(seconds=parts.settings.model_calls_retention_s)
    old = select(ModelCallRow.id).where(ModelCallRow.day < f"{before:%Y-%m-%d}").order_by(ModelCallRow.day)
    return _forget(parts, ModelCallRow, old)


def forget_old_samples(parts: Parts) -> None:
    """Delete what was noted of GPUs, storage and alarms more than a year ago. The journal keeps alarms."""
    before = f"{parts.clock.now() - _SAMPLES_KEPT:%Y-%m-%d}"
    with parts.store.write() as tx:
        for kind in (GpuUseRow, StorageDayRow, AlarmRow):
            tx.execute(delete(kind).where(kind.day < before))


def forget_old_intervals(parts: Parts) -> int:
    """Delete intervals of the meter that ended too long ago; return how many. The sums of days stay.

    In small steps, and only so many in a round: after years there may be millions, and other steps wait.
    """
    kept_s, deleted = parts.settings.intervals_retention_s, 0
    if not kept_s:
        return 0
    before = parts.clock.now() - timedelta(seconds=kept_s)
    for _ in range(_STEPS):
        found = forget_ended(parts.store, before)
        deleted += found
        if not found:
            break
    return deleted


def _forget_old(parts: Parts, kind: type[ConnectionRow | PackageInstallRow]) -> int:
    before = parts.clock.now() - timedelta(seconds=parts.settings.connections_retention_s)
    return _forget(parts, kind, select(kind.id).where(kind.at < before).order_by(kind.at))


def _forget(
    parts: Parts, kind: type[ConnectionRow | PackageInstallRow | ModelCallRow], old: Select[str]
) -> int:
    """Delete in small steps: the writer's turn must be free in between, for there can be millions."""
    deleted = 0
    while True:
        with parts.store.write() as tx:
            ids = list(tx.scalars(old.limit(_AT_ONCE)))
            tx.execute(delete(kind).where(kind.id.in_(ids)))
        deleted += len(ids)
        if len(ids) < _AT_ONCE:
            return deleted


def sweep(parts: Parts) -> None:
    """Delete links, tokens, notices, visits and delivery ids that ended long ago. Twice is safe."""
    now = parts.clock.now()
    still_reporting = select(SessionRow.id).where(SessionRow.state.in_(LIVE_STATES))
    long_ago = now - timedelta(seconds=parts.settings.connections_retention_s)
    with parts.store.write() as tx:
        forget_old_limits(tx, parts.clock)
        tx.execute(delete(DestinationRow).where(DestinationRow.last_at < long_ago))
        tx.execute(delete(InvitationRow).where(InvitationRow.expires_at < now - _LINKS_KEPT))
        tx.execute(
            delete(ApiTokenRow).where(
                or_(ApiTokenRow.expires_at < now - _TOKENS_KEPT, ApiTokenRow.revoked_at < now - _TOKENS_KEPT)
            )
        )
        tx.execute(delete(NoticeRow).where(NoticeRow.dismissed_at < now - _NOTICES_KEPT))
        tx.execute(delete(AccessRow).where(AccessRow.expires_at < now - _TOKENS_KEPT))
        tx.execute(
            delete(ReportedEventRow).where(
                ReportedEventRow.at < now - _EVENT_IDS_KEPT,
                ReportedEventRow.session_id.not_in(still_reporting),
            )
        )
