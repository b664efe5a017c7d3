"""What tests of the meter ask of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.meter.beat import Meter
from nbkeep.store.meter_tables import MeterDayRow, MeterIntervalRow

if TYPE_CHECKING:
    from office_parts import OfficeForTests


def meter_of(machine: str = "here") -> Meter:
    """Return the meter of an office that has just been started on a machine."""
    return Meter(machine=machine)


def beat(office: OfficeForTests, meter: Meter, *, is_node_away: bool = False) -> bool:
    """Beat once, as the loops do."""
    alive = {one.session_id for one in office.backend.sessions() if one.alive}
    return meter.beat(office.store, office.clock, None if is_node_away else alive)


def seconds(office: OfficeForTests, prefix: str, session_id: str | None = None) -> float:
    """Return the seconds on record of resources that begin so."""
    query = select(func.sum(MeterIntervalRow.lasted_us)).where(MeterIntervalRow.resource.startswith(prefix))
    if session_id is not None:
        query = query.where(MeterIntervalRow.session_id == session_id)
    with office.store.read() as tx:
        return int(tx.scalar(query) or 0) / 1_000_000


def days(office: OfficeForTests) -> dict[str, float]:
    """Return the seconds of ended intervals per day."""
    query = select(MeterDayRow.day, func.sum(MeterDayRow.lasted_us)).group_by(MeterDayRow.day)
    with office.store.read() as tx:
        return {day: int(us) / 1_000_000 for day, us in tx.execute(query)}
