"""GET /metrics: who gets it, and whether its numbers are those of the platform."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import event

from gateway_parts import make_gateway
from meter_parts import beat, meter_of
from metrics_parts import busy, scrape
from nbkeep.doors.metrics import figures
from nbkeep.doors.metrics.figures import FRESH_S, MONTH_FRESH_S
from nbkeep.doors.worker.loops import Worker
from nbkeep.meter import prices
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.model.session import StopReason
from nbkeep.sessions.marks import mark_ended, mark_ready
from nbkeep.sessions.overview import IDLE_AFTER
from nbkeep.settings import Settings
from nbkeep.store.tables import SessionRow
from office_parts import OfficeForTests

PROFILE = "notebook-cpu-small"


def test_a_scrape_counts_sessions_by_profile_and_state(any_office: OfficeForTests) -> None:
    office, app = any_office, any_office.app()
    jane, bob = office.user(), office.user("bob")
    working = office.ready(jane)
    office.ready(bob)
    office.clock.advance(IDLE_AFTER.total_seconds() + 60)
    office.beat(working, busy=True)
    found = scrape(app)
    assert found.value("notebook_active_sessions", profile=PROFILE) == 2
    assert found.value("notebook_idle_sessions", profile=PROFILE) == 1
    assert found.value("notebook_active_sessions", profile="notebook-cpu-large") == 0
    assert found.value("nbkeep_sessions", state="ready") == 2
    assert found.value("nbkeep_database_answers") == 1
    assert found.value("nbkeep_audit_records") > 0


def test_gpu_hours_and_spend_are_those_of_the_reports(any_office: OfficeForTests) -> None:
    office, app = any_office, any_office.app()
    office.backend.has = type(office.backend.has)(8000, 64 << 30, {"t4": 1})
    with office.store.write() as tx:
        prices.set_price(tx, office.clock, OPERATOR, "gpu:t4", "2.00", None, "EUR")
    session_id = office.ready(office.user(role=Role.ADMIN), "notebook-gpu-t4")
    meter = meter_of()
    for _ in range(36):
        office.clock.advance(100)
        office.beat(session_id)
        beat(office, meter)
    found = scrape(app)
    assert found.value("notebook_gpu_hours_mtd", gpu="t4") == pytest.approx(1, abs=0.01)
    assert found.value("notebook_spend_mtd", kind="gpu", currency="EUR") == pytest.approx(2, abs=0.02)
    assert found.value("nbkeep_meter_beat_age_seconds") < 11


def test_what_is_asked_twice_within_seconds_asks_the_database_once(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, months = office.app(), 0
    whole = figures.report.totals

    def counted(*inputs: object) -> object:
        nonlocal months
        months += 1
        return whole(*inputs)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(figures.report, "totals", counted)
    before = scrape(app).value("notebook_active_sessions")
    office.ready(office.user())
    assert scrape(app).value("notebook_active_sessions") == before
    office.clock.advance(FRESH_S)
    assert scrape(app).value("notebook_active_sessions") == before + 1
    assert months == 1
    office.clock.advance(MONTH_FRESH_S)
    scrape(app)
    assert months == 2


def test_starts_are_counted_by_how_they_went(office: OfficeForTests) -> None:
    app = office.app()
    before = scrape(app)
    jane = office.user()
    warm, _ = office.launched(jane)
    failed, _ = office.launched(jane)
    office.clock.advance(4)
    with office.store.write() as tx:
        mark_ready(tx, office.clock, jane, tx.get_one(SessionRow, warm), warm=True)
        mark_ended(tx, office.clock, jane, tx.get_one(SessionRow, failed), StopReason.START_FAILED)
    with pytest.raises(ZeroDivisionError), office.store.write() as tx:
        again, _ = tx.get_one(SessionRow, warm), 0
        again.state = "starting"
        mark_ready(tx, office.clock, jane, again, warm=True)
        raise ZeroDivisionError  # not committed: it did not happen
    after = scrape(app)

    def grown(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    assert grown("nbkeep_start_seconds_count", way="warm", outcome="ready", kind="new") == 1
    assert grown("nbkeep_start_seconds_sum", way="warm", outcome="ready") == 4
    assert grown("nbkeep_start_seconds_count", outcome="failed") == 1


def test_what_gateways_report_is_counted_once(office: OfficeForTests) -> None:
    app, gateway = office.app(), make_gateway(office)
    session_id, before = office.ready(office.user()), scrape(app)
    record = gateway.record(session_id, bytes_out=70, bytes_in=700)
    gateway.report(record)
    gateway.report(record)
    after = scrape(app)
    out = after.value("nbkeep_gateway_bytes_total", direction="out")
    assert out - before.value("nbkeep_gateway_bytes_total", direction="out") == 70
    refused = "nbkeep_gateway_connections_total"
    assert after.value(refused) - before.value(refused) == 1


def test_a_step_that_fails_is_counted_and_a_node_that_is_away_is_seen(office: OfficeForTests) -> None:
    app, worker = office.app(), Worker(office)
    worker.round()
    assert scrape(app).value("nbkeep_node_answers") == 1
    before = scrape(app).value("nbkeep_worker_step_failures_total", step="reconcile")
    office.backend.is_away = True
    office.clock.advance(20)
    worker.round()
    assert not worker.step("reconcile", office.backend.capacity)
    assert worker.step("reconcile", lambda: None)
    assert scrape(app).value("nbkeep_node_answers") == 0
    assert scrape(app).value("nbkeep_worker_step_failures_total", step="reconcile") == before + 1


def test_without_its_database_the_office_still_tells_that(office: OfficeForTests) -> None:
    app = office.app()
    office.store.engine.dispose()
    database = office.settings.data_dir / "nbkeep.db"
    database.unlink()
    for rest in office.settings.data_dir.glob("nbkeep.db-*"):
        rest.unlink()
    found = scrape(app)
    assert found.value("nbkeep_database_answers") == 0
    assert "notebook_active_sessions" not in found.names


def test_beyond_a_bound_the_smallest_are_summed_up() -> None:
    numbers = {f"p{number}": float(number) for number in range(1, 301)}
    kept = figures.bounded(numbers)
    assert len(kept) == figures.MOST_SERIES
    assert sum(kept.values()) == sum(numbers.values())


def test_who_scrapes_often_makes_the_database_no_work(office: OfficeForTests) -> None:
    app = office.app()
    busy(office)
    asked: list[str] = []
    event.listen(office.store.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    scrape(app)
    first = len(asked)
    for _ in range(5):
        scrape(app)
    assert first > 0
    assert len(asked) == first, asked[first:]
    office.clock.advance(FRESH_S)
    scrape(app)
    assert len(asked) > first


def test_prometheus_itself_reads_a_scrape(office: OfficeForTests) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("Prometheus' own parser (promtool) is not on this machine")
    app = office.app()
    busy(office)
    text = scrape(app).text
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    told = [line for line in done.stderr.splitlines() if "error" in line.lower()]
    assert not told, told
    assert done.returncode in {0, 3}, done.stderr  # 3: advice about names


def test_a_place_of_the_token_in_the_data_directory_is_refused(short_dir: Path) -> None:
    with pytest.raises(Refused, match="beside what it is to protect"):
        Settings(data_dir=short_dir, metrics_token=f"file:{short_dir / 'token'}")
