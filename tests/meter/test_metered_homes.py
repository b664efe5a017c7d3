"""Homes cost storage by the GB-hour, of the size that was measured, whoever has a session or not."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from meter_parts import beat, meter_of
from metrics_parts import scrape
from nbkeep.backends.interface import Volume
from nbkeep.doors.worker.homes import EVERY_S, HomeMeasurer
from nbkeep.meter import prices, report
from nbkeep.meter.beat import Meter
from nbkeep.meter.homes import set_size
from nbkeep.meter.values import HOME
from nbkeep.model.actor import OPERATOR
from nbkeep.model.days import month_of
from nbkeep.model.errors import Unavailable
from nbkeep.model.money import MICROCENTS
from nbkeep.store.alarm_tables import StorageDayRow
from nbkeep.store.meter_tables import MeterDayRow
from nbkeep.store.storage_tables import MeterHomeRow
from office_parts import OfficeForTests

GB = 10**9


def holds(office: OfficeForTests, user: str, used_bytes: int) -> None:
    office.backend.volumes[user] = Volume("xfs", 10 * GB, used_bytes, 10 * GB - used_bytes)


def hours(office: OfficeForTests, meter: Meter, count: int) -> None:
    for _ in range(count):
        office.clock.advance(3600)
        beat(office, meter)


def used(office: OfficeForTests) -> dict[str, tuple[float, int]]:
    """Return GB-hours and microcents of homes, by person."""
    with office.store.read() as tx:
        lines = report.usage(tx, OPERATOR, month_of(office.clock.now()))
    return {
        one["user"]: (one["quantity"], one["cost_microcents"]) for one in lines if one["resource"] == HOME
    }


def test_a_home_is_metered_by_its_measured_size_without_any_session(any_office: OfficeForTests) -> None:
    office, meter = any_office, meter_of()
    office.user()
    office.user("bob")
    with office.store.write() as tx:
        prices.set_price(tx, office.clock, OPERATOR, HOME, "0.5", None, "EUR")
    beat(office, meter)
    measurer = HomeMeasurer(office)
    holds(office, "jane", 2 * GB)
    measurer.round()
    hours(office, meter, 3)
    assert used(office) == {"jane": (6.0, 3 * MICROCENTS)}
    holds(office, "jane", 4 * GB)
    measurer.round()
    hours(office, meter, 1)
    assert used(office) == {"jane": (10.0, 5 * MICROCENTS)}
    del office.backend.volumes["jane"]
    measurer.round()
    hours(office, meter, 5)
    assert used(office) == {"jane": (10.0, 5 * MICROCENTS)}
    with office.store.read() as tx:
        assert not list(tx.scalars(select(MeterHomeRow)))


def test_what_is_stored_is_noted_by_day_for_everybody_with_the_last_size_of_the_day(
    office: OfficeForTests,
) -> None:
    jane, bob = office.user(), office.user("bob")
    beat(office, meter_of())
    measurer = HomeMeasurer(office)
    for size in (2 * GB, 3 * GB):
        holds(office, "jane", size)
        measurer.round()
        office.clock.advance(EVERY_S)
    with office.store.read() as tx:
        noted = {one.user_id: one.home_bytes for one in tx.scalars(select(StorageDayRow))}
    assert noted == {jane.id: 3 * GB, bob.id: 0}


def test_a_size_that_changes_each_hour_makes_one_sum_a_day(office: OfficeForTests) -> None:
    meter, jane = meter_of(), office.user()
    beat(office, meter)
    for number in range(1, 24):
        with office.store.write() as tx:
            assert set_size(tx, office.clock, jane.id, number * GB)
        hours(office, meter, 1)
    with office.store.write() as tx:
        set_size(tx, office.clock, jane.id, 0)
    with office.store.read() as tx:
        days = [row for row in tx.scalars(select(MeterDayRow)) if row.resource == HOME]
    assert len(days) <= 2
    assert used(office)["jane"][0] == pytest.approx(sum(range(1, 24)))


def test_an_office_on_another_host_measures_nothing(office: OfficeForTests) -> None:
    jane = office.user()
    beat(office, meter_of())
    office.clock.reboot()  # as another machine sees it: its own boot
    with office.store.write() as tx:
        assert not set_size(tx, office.clock, jane.id, GB)
    with office.store.read() as tx:
        assert not list(tx.scalars(select(MeterHomeRow)))


def test_a_home_that_cannot_be_measured_keeps_its_size_and_holds_up_no_other(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = meter_of()
    office.user()
    office.user("bob")
    beat(office, meter)
    holds(office, "jane", GB)
    holds(office, "bob", GB)
    measurer, volume = HomeMeasurer(office), office.backend.volume
    measurer.round()

    def broken(user: str) -> Volume | None:
        if user == "jane":
            raise Unavailable("usage-failed", "The home could not be measured.", "")
        return volume(user)

    monkeypatch.setattr(office.backend, "volume", broken)
    holds(office, "bob", 3 * GB)
    hours(office, meter, int(EVERY_S // 3600))
    measurer.round()
    hours(office, meter, 1)
    assert used(office) == {"bob": (4.0, 0), "jane": (2.0, 0)}
    office.backend.is_away = True
    monkeypatch.undo()
    for _ in range(3):
        office.user(f"p{office.clock.monotonic_s():.0f}{_}")
    hours_before = used(office)["bob"][0]
    office.clock.advance(7200)
    with pytest.raises(Unavailable):
        measurer.round()
    meter.beat(office.store, office.clock, None)
    assert used(office)["bob"][0] == hours_before + 6  # it lies on the disk, whoever answers


def test_the_size_of_all_homes_is_a_metric_and_nobodys_name(office: OfficeForTests) -> None:
    jane, bob = office.user(), office.user("bob")
    beat(office, meter_of())
    with office.store.write() as tx:
        set_size(tx, office.clock, jane.id, 2 * GB)
        set_size(tx, office.clock, bob.id, 3 * GB)
    found = scrape(office.app())
    assert found.value("notebook_workspace_size_gb") == 5
    assert found.value("notebook_largest_workspace_gb") == 3
    assert found.value("notebook_workspaces") == 2


def test_an_unchanged_home_is_settled_each_day_and_counted_exactly(office: OfficeForTests) -> None:
    meter, jane = meter_of(), office.user()
    beat(office, meter)
    with office.store.write() as tx:
        assert set_size(tx, office.clock, jane.id, GB)
    hours(office, meter, 50)
    with office.store.read() as tx:
        row = tx.get_one(MeterHomeRow, jane.id)
        assert row.began_at.date() == office.clock.now().date()
        days = {one.day for one in tx.scalars(select(MeterDayRow)) if one.resource == HOME}
    assert len(days) == 2
    assert used(office) == {"jane": (50.0, 0)}
