"""What an hour costs, and sums by day and month: exact, as of the time used, and only for those who may see."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from meter_parts import beat, meter_of
from nbkeep.audit.search import Wanted as Searched
from nbkeep.audit.search import search
from nbkeep.meter import prices, report
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.days import month_span
from nbkeep.model.errors import Refused
from nbkeep.model.money import MICROCENTS
from nbkeep.model.session import StopReason
from nbkeep.sessions.marks import mark_ended
from nbkeep.sessions.stop import wish_stop
from nbkeep.store.meter_tables import MeterDayRow
from nbkeep.store.tables import FlavorRow, SessionRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

FLAVOR = "flavor:notebook-cpu-small"
OWN_PRICE = MICROCENTS // 10  # of the flavor, as it is seeded


def set_price(office: OfficeForTests, resource: str, amount: str, valid_from: datetime | None = None) -> None:
    with office.store.write() as tx:
        prices.set_price(tx, office.clock, OPERATOR, resource, amount, valid_from, "EUR")


def cost(office: OfficeForTests, actor: Actor, month: str = "2026-01", user: str = "") -> int:
    with office.store.read() as tx:
        found = report.usage(tx, actor, month_span(month), user=user)
    return sum(one["cost_microcents"] for one in found)


def live(office: OfficeForTests, passed_s: float) -> None:
    office.clock.advance(passed_s)
    beat(office, meter_of())


def over(office: OfficeForTests, actor: Actor, session_id: str) -> None:
    with office.store.write() as tx:
        row = tx.get_one(SessionRow, session_id)
        wish_stop(tx, office.clock, actor, row, StopReason.USER)
        mark_ended(tx, office.clock, actor, row, StopReason.USER)


def test_time_keeps_the_price_that_it_had(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user()
    session_id = office.ready(jane)
    live(office, 3600)
    set_price(office, FLAVOR, "1")
    live(office, 1800)
    set_price(office, FLAVOR, "2", office.clock.now() + timedelta(hours=1))
    live(office, 7200)
    expected = OWN_PRICE + MICROCENTS // 2 + MICROCENTS + 2 * MICROCENTS
    assert cost(office, jane) == expected
    over(office, jane, session_id)
    set_price(office, FLAVOR, "50")
    assert cost(office, jane) == expected  # summed up for good, and the same


def test_a_month_is_that_of_utc_and_its_days_add_up_to_it(any_office: OfficeForTests) -> None:
    office = any_office
    office.clock.set(datetime(2028, 2, 27, 12, tzinfo=UTC))
    jane = office.user()
    office.ready(jane)
    live(office, 3 * 86400)  # to noon of the 1st of March
    with office.store.read() as tx:
        days = report.usage(tx, jane, month_span("2028-02"), daily=True)
        months = [report.usage(tx, jane, month_span(month))[0] for month in ("2028-02", "2028-03")]
    assert [(one["day"], one["quantity"]) for one in days] == [
        ("2028-02-27", 12), ("2028-02-28", 24), ("2028-02-29", 24),
    ]  # fmt: skip
    assert [one["quantity"] for one in months] == [60, 12]
    assert months[0]["cost_microcents"] == sum(one["cost_microcents"] for one in days) == 60 * OWN_PRICE


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A host, and what it says to its database, in a zone that is ahead of UTC and changes its clocks."""
    with monkeypatch.context() as patch:
        for name in ("TZ", "PGTZ"):
            patch.setenv(name, "Europe/Berlin")
        time.tzset()
        assert datetime(2026, 7, 1).astimezone().utcoffset() == timedelta(hours=2)
        yield
    time.tzset()


def quantities(office: OfficeForTests, actor: Actor, *months: str) -> dict[str, float]:
    """Return the hours of compute by day; each month must be the sum of its days."""
    found: dict[str, float] = {}
    for month in months:
        with office.store.read() as tx:
            days = report.usage(tx, actor, month_span(month), daily=True)
            whole = report.usage(tx, actor, month_span(month))
        found |= {one["day"]: one["quantity"] for one in days}
        assert sum(one["quantity"] for one in whole) == pytest.approx(sum(one["quantity"] for one in days))
        assert sum(one["cost_microcents"] for one in whole) == sum(one["cost_microcents"] for one in days)
    return found


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("begin", "hours", "expected"),
    [
        pytest.param(
            "2026-03-28T12:00", 48, {"03-28": 12, "03-29": 24, "03-30": 12}, id="an-hour-is-skipped"
        ),
        pytest.param("2026-10-24T12:00", 48, {"10-24": 12, "10-25": 24, "10-26": 12}, id="an-hour-is-twice"),
        pytest.param("2026-03-29T00:30", 1, {"03-29": 1}, id="across-the-skipped-hour"),
        pytest.param("2026-10-25T00:00", 2, {"10-25": 2}, id="across-the-hour-that-is-twice"),
        pytest.param("2026-12-31T23:15", 1.5, {"12-31": 0.75, "01-01": 0.75}, id="a-years-turn"),
        pytest.param("2026-12-31T22:00", 1, {"12-31": 1}, id="a-year-that-has-begun-in-berlin-alone"),
        pytest.param("2028-02-28T12:00", 48, {"02-28": 12, "02-29": 24, "03-01": 12}, id="a-leap-day"),
        pytest.param("2027-02-28T12:00", 24, {"02-28": 12, "03-01": 12}, id="no-leap-day"),
        pytest.param("2026-06-10T23:00", 3, {"06-10": 1, "06-11": 2}, id="across-midnight"),
    ],
)
def test_days_are_those_of_utc_wherever_the_host_is(
    any_office: OfficeForTests, begin: str, hours: float, expected: dict[str, float]
) -> None:
    office, at = any_office, datetime.fromisoformat(begin).replace(tzinfo=UTC)
    office.clock.set(at)
    jane = office.user()
    session_id = office.ready(jane)
    live(office, hours * 3600)
    months = sorted({f"{at:%Y-%m}", f"{office.clock.now():%Y-%m}"})
    while_it_runs = quantities(office, jane, *months)
    assert {day[5:]: quantity for day, quantity in while_it_runs.items()} == expected
    over(office, jane, session_id)
    assert quantities(office, jane, *months) == while_it_runs, "summed up for good, and the same"


@pytest.mark.usefixtures("in_berlin")
def test_a_month_that_ends_while_a_session_runs_loses_no_second_and_doubles_none(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    office.clock.set(datetime(2026, 3, 31, 23, 59, 13, 250_000, tzinfo=UTC))
    jane, meter = office.user(), meter_of()
    session_id = office.ready(jane)
    for _ in range(30):  # as the loops do: no beat falls on the month's end
        office.clock.advance(7.3)
        beat(office, meter)
        office.beat(session_id)
    over(office, jane, session_id)
    with office.store.read() as tx:
        lasted = {row.day: row.lasted_us for row in tx.scalars(select(MeterDayRow))}
    assert lasted == {"2026-03-31": 46_750_000, "2026-04-01": 172_250_000}
    assert sum(lasted.values()) == 30 * 7_300_000
    found = quantities(office, jane, "2026-03", "2026-04")
    assert found == {day: round(us / 3_600_000_000, 6) for day, us in lasted.items()}


def test_people_see_their_own_and_auditors_all(office: OfficeForTests) -> None:
    jane, omar = office.user(), office.user("omar")
    auditor = office.user("ada", Role.AUDITOR)
    office.ready(jane)
    live(office, 3600)
    assert cost(office, jane) == cost(office, auditor) == cost(office, auditor, user="jane") == OWN_PRICE
    assert cost(office, omar) == 0
    with pytest.raises(Refused) as theirs:
        cost(office, omar, user="jane")
    with pytest.raises(Refused) as nobodys:
        cost(office, omar, user="nobody")
    assert theirs.value.message.replace("jane", "X") == nobodys.value.message.replace("nobody", "X")
    with pytest.raises(Refused, match="admin:prices"), office.store.write() as tx:
        prices.set_price(tx, office.clock, auditor, FLAVOR, "1", None, "EUR")


def test_gpus_and_storage_cost_by_their_amount(office: OfficeForTests) -> None:
    with office.store.write() as tx:
        flavor = tx.get_one(FlavorRow, "notebook-cpu-small")
        flavor.gpu_type, flavor.gpu_count, flavor.price_per_hour_micros = "a100", 4, 0
    office.backend.has.gpus["a100"] = 8
    set_price(office, "gpu:a100", "2.50")
    set_price(office, "storage:suspended", "0.001")
    jane = office.user()
    session_id = office.ready(jane)
    with office.store.read() as tx:
        row = tx.get_one(SessionRow, session_id)
        assert prices.hourly_cost(tx, office.clock, row) == 10 * MICROCENTS
    live(office, 1800)
    assert cost(office, jane) == 5 * MICROCENTS
    office.change(session_id, kept={"bytes": 2 * 10**9, "kernels": [], "saved_at": ""})
    over(office, jane, session_id)
    live(office, 3600)
    assert cost(office, jane) == 5 * MICROCENTS + MICROCENTS * 2 // 1000


@pytest.mark.parametrize(
    ("resource", "amount"),
    [("flavor:", "1"), ("gpu", "1"), ("=cmd", "1"), (FLAVOR, "-1"), (FLAVOR, "NaN"), (FLAVOR, "1e9")],
)
def test_a_price_that_is_none_is_refused(office: OfficeForTests, resource: str, amount: str) -> None:
    with pytest.raises(Refused):
        set_price(office, resource, amount)


def test_the_past_cannot_be_priced_anew_and_each_price_is_on_record(office: OfficeForTests) -> None:
    with pytest.raises(Refused, match="past"):
        set_price(office, FLAVOR, "1", office.clock.now() - timedelta(seconds=1))
    set_price(office, FLAVOR, "1.25")
    with office.store.read() as tx:
        found = [one["data"] for one in search(tx, OPERATOR, Searched(type="price.set")).records]
    assert [(one["resource"], one["price"]) for one in found] == [(FLAVOR, "1.25")]


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "0000-01", "26-01", "2026-01-01", "9999-12", "'"])
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(Refused, match="not a month"):
        month_span(month)
