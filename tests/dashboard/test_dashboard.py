"""The numbers of the dashboard: those of the meter, by everything one may ask for, and nothing for others."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from meter_parts import beat, meter_of
from nbkeep.dashboard.gather import NO_PROJECT, gather
from nbkeep.dashboard.values import csv as csv_of
from nbkeep.meter import report
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.days import month_span
from nbkeep.model.errors import Refused
from nbkeep.model.money import MICROCENTS
from nbkeep.store.project_tables import ProjectMemberRow, ProjectRow
from usage_parts import NOON, busy_office, called, has_gpus, project, spent, stored

if TYPE_CHECKING:
    from nbkeep.dashboard.values import Dashboard
    from office_parts import OfficeForTests


def dashboard(office: OfficeForTests, month: str = "") -> Dashboard:
    with office.store.read() as tx:
        return gather(tx, office.clock, OPERATOR, month, "EUR")


def rows(found: Dashboard, name: str) -> dict[str, tuple[int, ...]]:
    sheet = found.sheet(name)
    assert sheet is not None
    return dict(sheet.rows)


def test_all_sums_are_those_of_the_report(any_office: OfficeForTests) -> None:
    office = any_office
    people = busy_office(office)
    meter = meter_of()
    beat(office, meter)
    office.clock.advance(1800)
    beat(office, meter)
    with office.store.read() as tx:
        expected = report.usage(tx, OPERATOR, month_span("2026-11"), daily=True)
    found = dashboard(office)
    total = sum(one["cost_microcents"] for one in expected)
    assert found.spent == total
    assert sum(sum(one) for one in rows(found, "spend-by-day").values()) == total
    assert sum(one[0] for one in rows(found, "spend-by-user").values()) == total
    jane = sum(one["cost_microcents"] for one in expected if one["user"] == "jane")
    assert rows(found, "spend-by-user")["jane"] == (jane,)
    gpu_hours = sum(one["quantity"] for one in expected if one["unit"] == "GPU-hours")
    assert found.gpu_s / 3600 == pytest.approx(gpu_hours, abs=0.01)
    assert found.tokens == sum(one["quantity"] for one in expected if one["unit"] == "tokens")
    assert (found.live, found.idle) == (5, 5)
    assert len(people) == len(rows(found, "spend-by-user"))


def test_who_is_in_two_projects_counts_in_both_and_who_is_in_none_is_not_lost(office: OfficeForTests) -> None:
    office.clock.set(NOON)
    jane, omar, tom = office.user(), office.user("omar"), office.user("tom")
    for who, units in ((jane, 5), (omar, 7), (tom, 11)):
        spent(office, who, 1, units)
    nlp, _ = project(office, "nlp", jane), project(office, "vision", jane, omar)
    found = rows(dashboard(office), "spend-by-project")
    assert found == {"nlp": (5 * MICROCENTS,), "vision": (12 * MICROCENTS,), NO_PROJECT: (11 * MICROCENTS,)}
    with office.store.write() as tx:  # as the room does that removes and renames
        tx.get_one(ProjectRow, nlp).name = "language"
    assert "language" in rows(dashboard(office), "spend-by-project")
    with office.store.write() as tx:
        tx.delete(tx.get_one(ProjectMemberRow, (nlp, jane.id)))
        tx.get_one(ProjectRow, nlp).archived_at = NOON
    assert rows(dashboard(office), "spend-by-project") == {
        "vision": (12 * MICROCENTS,),
        NO_PROJECT: (11 * MICROCENTS,),
    }


@pytest.mark.parametrize(
    ("now", "month", "days"),
    [(datetime(2027, 2, 28, 23, 59, 59, tzinfo=UTC), "", 28), (datetime(2028, 2, 29, tzinfo=UTC), "", 29),
     (datetime(2027, 1, 31, tzinfo=UTC), "", 31), (datetime(2027, 3, 1, tzinfo=UTC), "", 1),
     (datetime(2027, 3, 1, tzinfo=UTC), "2027-02", 28), (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "", 25)],
)  # fmt: skip
def test_a_month_has_its_days_whatever_its_length(
    office: OfficeForTests, now: datetime, month: str, days: int
) -> None:
    office.clock.set(now)
    assert len(rows(dashboard(office, month), "spend-by-day")) == days


def test_of_a_month_to_come_and_of_an_empty_office_there_is_nothing_and_no_error(
    any_office: OfficeForTests,
) -> None:
    for month in ("", "2999-12", "0001-01", "1970-01"):
        found = dashboard(any_office, month)
        assert (found.spent, found.home_bytes, found.open_alarms, found.idle_gpus) == (0, None, 0, [])
        assert all(one.is_empty for one in found.sheets)


def test_until_all_homes_were_looked_at_today_is_no_loss(office: OfficeForTests) -> None:
    office.clock.set(NOON)
    jane, omar = office.user(), office.user("omar")
    for who in (jane, omar):
        stored(office, who, 1, 10**9, 10**8)
    stored(office, jane, 0, 2 * 10**9)
    found = dashboard(office)
    assert rows(found, "storage") == {"2026-11-20": (2 * 10**9, 2 * 10**8)}
    assert found.home_bytes == 3 * 10**9  # the newest of each
    stored(office, omar, 0, 10**9)
    assert rows(dashboard(office), "storage")["2026-11-21"] == (3 * 10**9, 0)


def test_of_many_models_the_largest_have_names(office: OfficeForTests) -> None:
    office.clock.set(NOON)
    jane = office.user()
    session_id = office.ready(jane)
    for number in range(9):
        called(office, jane, session_id, 0, 1000 * (number + 1), f"model-{number}")
    sheet = dashboard(office).sheet("tokens-by-day")
    assert sheet is not None
    assert sheet.columns == ("model-8", "model-7", "model-6", "model-5", "model-4", "Others")
    assert sum(sheet.rows[-1][1]) == 45_000


def test_gpus_are_counted_each_while_they_run(office: OfficeForTests) -> None:
    has_gpus(office, "a100", 2)
    office.ready(office.user())
    meter = meter_of()
    beat(office, meter)
    for _ in range(60):
        office.clock.advance(60)
        beat(office, meter)
    found = dashboard(office)
    assert found.gpu_s == 7200
    assert rows(found, "gpu-hours")["2026-01-01"] == (7200,)


def test_no_cell_of_a_csv_is_a_formula(office: OfficeForTests) -> None:
    office.clock.set(NOON)
    jane = office.user("jane")
    spent(office, jane, 0, 5, profile="=HYPERLINK(1)")
    called(office, jane, office.ready(jane), 0, 10, "@SUM(A1)")
    found = dashboard(office)
    for name, cell in (("spend-by-profile", "'=HYPERLINK(1)"), ("tokens-by-day", "'@SUM(A1)")):
        sheet = found.sheet(name)
        assert sheet is not None
        text = "\r\n".join(csv_of(sheet, "EUR"))
        assert cell in [one for line in csv.reader(io.StringIO(text)) for one in line]


def test_users_see_none_of_it(office: OfficeForTests) -> None:
    jane, vera = office.user(), office.user("vera", Role.AUDITOR)
    with office.store.read() as tx:
        assert gather(tx, office.clock, vera, "", "EUR").live == 0
        with pytest.raises(Refused) as refused:
            gather(tx, office.clock, jane, "", "EUR")
    assert refused.value.status == 403


def test_a_jump_of_the_clock_into_another_year_is_another_month(office: OfficeForTests) -> None:
    office.clock.set(NOON)
    spent(office, office.user(), 0, 5)
    office.clock.set(NOON + timedelta(days=400))
    assert dashboard(office).spent == 0
    assert dashboard(office, "2026-11").spent == 5 * MICROCENTS
