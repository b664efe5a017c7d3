"""What tests of quotas ask of an office."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from meter_parts import beat, meter_of
from nbkeep.audit.search import Wanted, search
from nbkeep.backends.interface import Capacity
from nbkeep.doors.worker import stops
from nbkeep.model.actor import OPERATOR, SYSTEM
from nbkeep.model.session import StopReason
from nbkeep.quotas import change
from nbkeep.quotas.book import read
from nbkeep.quotas.watch import watch
from nbkeep.sessions.end import end_session
from nbkeep.store.tables import FlavorRow, NoticeRow, ProfileRow

if TYPE_CHECKING:
    from nbkeep.meter.beat import Meter
    from nbkeep.model.actor import Actor
    from nbkeep.quotas.values import Standing
    from office_parts import OfficeForTests

SMALL = "notebook-cpu-small"


def set_quota(office: OfficeForTests, *limits: str, **subject: object) -> None:
    """Set limits for a user, a project or everyone, as the operator."""
    with office.store.write() as tx:
        whom = change.find_subject(tx, **subject)  # pyright: ignore[reportArgumentType]
        change.set_quotas(tx, office.clock, OPERATOR, whom, limits)


def override(office: OfficeForTests, hours: float, *limits: str, **subject: object) -> str:
    """Raise limits, or lift all, for so many hours."""
    with office.store.write() as tx:
        whom = change.find_subject(tx, **subject)  # pyright: ignore[reportArgumentType]
        until = office.clock.now() + timedelta(hours=hours)
        rows = change.override(
            tx, office.clock, OPERATOR, whom, until=until, reason="a deadline", limits=limits
        )
        return rows[0].id


def standing(office: OfficeForTests, actor: Actor, number: int = 0) -> Standing:
    """Return how one of a person's limits stands."""
    with office.store.read() as tx:
        return read(tx, office.clock.now(), [actor.id]).standings(actor.id)[number]


def look(office: OfficeForTests) -> int:
    """Look at quotas and limits, as each round of the loops does; return how many sessions it stops."""
    stopped = stops.stop_what_is_due(office)
    watch(office.store, office.clock, office.settings.currency)
    return stopped


def live(office: OfficeForTests, seconds: int, *sessions: str, meter: Meter | None = None) -> int:
    """Let sessions work for a while under meter and loops; return how many were stopped.

    In steps that get shorter towards the end: what is asked about is there.
    """
    meter, stopped, left = meter or meter_of(), 0, seconds
    while left > 0:
        step = next((step for step in (300, 60, 20) if left >= 2 * step), min(10, left))
        left -= step
        office.clock.advance(step)
        beat(office, meter)
        for session_id in sessions:
            if office.row(session_id).state == "ready":
                office.beat(session_id, busy=True)
        stopped += look(office)
    return stopped


def ends(office: OfficeForTests, actor: Actor, session_id: str) -> None:
    """Let a session's processes end that was told to, with its variables saved."""
    office.backend.saves(actor.name, session_id, office.clock.now())
    office.backend.die(session_id, "user")
    end_session(office, SYSTEM, session_id, StopReason.USER)


def told(office: OfficeForTests, actor: Actor) -> list[str]:
    """Return what somebody has been told and has not put away, about quotas."""
    with office.store.read() as tx:
        query = select(NoticeRow.text).where(
            NoticeRow.user_id == actor.id,
            NoticeRow.kind.regexp_match("^quota|^quv_|^qur_"),
            NoticeRow.dismissed_at.is_(None),
        )
        return list(tx.scalars(query.order_by(NoticeRow.at, NoticeRow.id)))


def gpu_profile(office: OfficeForTests, gpus: int = 1, name: str = "gpu", of: str = "a100") -> str:
    """Make a profile with GPUs of a type, on a host that has enough of them."""
    office.backend.has = Capacity(64_000, 1 << 40, {"a100": 64, "h100": 64})
    with office.store.write() as tx:
        profile = tx.get_one(ProfileRow, SMALL)
        flavor = tx.get_one(FlavorRow, profile.flavor)
        for row, more in (
            (flavor, {"name": name, "gpu_type": of, "gpu_count": gpus}),
            (profile, {"name": name, "flavor": name}),
        ):
            values = {one.name: getattr(row, one.name) for one in type(row).__table__.columns}
            tx.add(type(row)(**values | more))
            tx.flush()
    return name


def events_of(office: OfficeForTests, kind: str) -> list[dict[str, object]]:
    """Return the data of the records of one kind."""
    with office.store.read() as tx:
        return [one["data"] for one in search(tx, OPERATOR, Wanted(type=kind)).records]
