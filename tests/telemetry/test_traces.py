"""Traces of a start: what is sent to a collector, what never is, and what they cost where there is none."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from nbkeep.model.errors import Refused
from nbkeep.model.session import StopReason
from nbkeep.sessions.marks import mark_ended, mark_ready
from nbkeep.sessions.reports import take_reports
from nbkeep.sessions.start import start_session
from nbkeep.settings import Settings
from nbkeep.store.tables import SessionRow
from nbkeep.telemetry import traces
from office_parts import OfficeForTests
from otlp_parts import Collector
from platform_parts import free_port


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector, and this process sends to it."""
    with Collector().serving() as made:
        traces.switch_on(made.endpoint, "office")
        yield made
        traces.switch_off()


def kernel_started(office: OfficeForTests, session_id: str, event_id: str) -> None:
    report = {"id": event_id, "type": "kernel.started", "kernel_id": event_id, "kernel_name": "python3",
              "notebook": "s3cret-notebook.ipynb"}  # fmt: skip
    with office.store.write() as tx:
        take_reports(tx, office.clock, tx.get_one(SessionRow, session_id), [report])


def test_a_start_is_one_trace_from_the_request_to_the_first_kernel(
    office: OfficeForTests, collector: Collector
) -> None:
    jane = office.user()
    session_id, _ = office.launched(jane)
    office.clock.advance(3)
    with office.store.write() as tx:
        mark_ready(tx, office.clock, jane, tx.get_one(SessionRow, session_id), warm=True)
    office.clock.advance(2)
    kernel_started(office, session_id, "k1")
    kernel_started(office, session_id, "k2")
    traces.switch_off()
    root = collector.named("session.start")
    assert root.parent == ""
    assert {one.trace for one in collector.spans} == {root.trace}
    children = {one.name: one for one in collector.spans if one.name != "session.start"}
    assert set(children) - {"session.prepare"} == {
        "session.admission", "session.ask_hub", "session.ready", "session.first_kernel",
    }  # fmt: skip  # for what is prepared nobody waits; here it may end after all this
    assert {one.parent for one in children.values()} == {root.id}
    assert children["session.ready"].facts == {
        "nbkeep.session": session_id, "nbkeep.run": 1, "nbkeep.warm": True,
    }  # fmt: skip
    assert children["session.ready"].lasted_s == pytest.approx(3, abs=0.1)
    assert children["session.first_kernel"].lasted_s == pytest.approx(2, abs=0.1)
    assert [one.name for one in collector.spans].count("session.first_kernel") == 1
    assert b"s3cret" not in collector.raw
    assert b"jane" not in collector.raw


def test_a_refused_or_failed_start_tells_its_code_and_no_words(
    office: OfficeForTests, collector: Collector
) -> None:
    jane = office.user()
    with pytest.raises(Refused):
        start_session(office, jane, "s3cret-profile")
    failed, _ = office.launched(jane)
    with office.store.write() as tx:
        row = tx.get_one(SessionRow, failed)
        mark_ended(tx, office.clock, jane, row, StopReason.START_FAILED, "s3cret detail")
    traces.switch_off()
    refused = [one for one in collector.spans if one.is_error]
    assert {one.facts["nbkeep.error"] for one in refused} == {"profile-not-found"}
    assert collector.named("session.failed").facts["nbkeep.session"] == failed
    assert b"s3cret" not in collector.raw


def test_the_context_of_another_part_is_taken_on_and_a_forged_one_is_not(collector: Collector) -> None:
    with traces.span("one"):
        sent = traces.headers()["traceparent"]
    for forged in ("00-" + "0" * 32 + "-" + "1" * 16 + "-01", "x" * 10_000, "00-\n", sent.upper()):
        assert traces.checked(forged) == ""
        with traces.span("forged", forged):
            pass
    with traces.span("two", sent):
        pass
    traces.switch_off()
    assert collector.named("two").trace == collector.named("one").trace
    assert collector.named("two").parent == collector.named("one").id
    assert all(one.parent == "" for one in collector.spans if one.name == "forged")


def test_a_collector_that_is_away_holds_up_neither_starts_nor_the_end(office: OfficeForTests) -> None:
    traces.switch_on(f"http://127.0.0.1:{free_port()}/v1/traces", "office")
    began_s = time.monotonic()
    office.ready(office.user())
    assert time.monotonic() - began_s < 5
    began_s = time.monotonic()
    traces.switch_off()
    assert time.monotonic() - began_s < 10


def test_without_a_collector_nothing_of_opentelemetry_is_loaded() -> None:
    code = (
        "import sys, nbkeep.doors.office, nbkeep.backends.local.warden, nbkeep.doors.hub.spawner\n"
        "from nbkeep.telemetry import traces\n"
        "traces.switch_on('', 'office')\n"
        "with traces.span('x', 'y'): assert traces.headers() == {}\n"
        "traces.instant('x', '')\n"
        "traces.switch_off()\n"
        "print([one for one in sys.modules if one.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', 'opentelemetry.proto', 'google.protobuf'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "address", ["collector:4318", "ftp://c/", "http://user:s3cret@c/v1/traces", "http://c/?key=s3cret"]
)
def test_an_address_that_is_none_is_refused_and_not_repeated(address: str, tmp_path: object) -> None:
    from pathlib import Path

    with pytest.raises(Refused) as refused:
        Settings(data_dir=Path("/tmp/nbk"), traces_endpoint=address)
    assert "s3cret" not in str(refused.value)
