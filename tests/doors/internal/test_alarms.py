"""Alarms: what sessions send that is worth a second look, once a day for each host."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from gateway_parts import FakeGateway, make_gateway
from nbkeep.model.actor import OPERATOR
from nbkeep.profiles.known import known_to
from nbkeep.profiles.profiles import change_profile
from nbkeep.store.tables import JournalRow

if TYPE_CHECKING:
    from office_parts import OfficeForTests

MIB = 1 << 20


@pytest.fixture
def gateway(any_office: OfficeForTests) -> FakeGateway:
    with any_office.store.write() as tx:
        change_profile(tx, any_office.clock, OPERATOR, "notebook-cpu-small", {"egress_allowlist": "*"},
                       known_to(any_office.settings))  # fmt: skip
    return make_gateway(any_office)


def alarms(office: OfficeForTests) -> list[dict[str, Any]]:
    with office.store.read() as tx:
        query = select(JournalRow.record).where(JournalRow.type == "egress.alarm").order_by(JournalRow.seq)
        return [json.loads(one)["data"] for one in tx.scalars(query)]


def kinds(office: OfficeForTests) -> list[tuple[str, str]]:
    return [(one["kind"], one["host"]) for one in alarms(office)]


def session_of(office: OfficeForTests, gateway: FakeGateway, name: str = "jane") -> str:
    session_id = office.ready(office.user(name))
    gateway.pull()
    return session_id


def report(gateway: FakeGateway, session_id: str, count: int = 1, *, host: str, **fields: object) -> None:
    answer = gateway.report(*(gateway.record(session_id, host, 443, **fields) for _ in range(count)))
    assert answer.json() == {"accepted": count, "refused": []}


def test_a_large_upload_is_told_once_a_day(any_office: OfficeForTests, gateway: FakeGateway) -> None:
    office, session_id = any_office, session_of(any_office, gateway)
    report(gateway, session_id, host="files.example", bytes_out=100 * MIB - 1)
    assert alarms(office) == []
    for _ in range(2):
        report(gateway, session_id, host="files.example", bytes_out=120 * MIB)
    (alarm,) = alarms(office)
    assert (alarm["user"], alarm["profile"], alarm["kind"]) == ("jane", "notebook-cpu-small", "upload")
    assert (alarm["measured"], alarm["threshold"]) == (120 * MIB, 100 * MIB)
    assert alarm["message"] == (
        "120 MiB were sent to files.example in one connection (alarm from 100 MiB on)."
    )
    office.clock.advance(86400)
    report(gateway, session_id, host="files.example", bytes_out=120 * MIB)
    assert kinds(office) == [("upload", "files.example")] * 2


def test_much_in_small_parts_is_told_too(any_office: OfficeForTests, gateway: FakeGateway) -> None:
    office, session_id = any_office, session_of(any_office, gateway)
    for host in ("a.example", "b.example", "a.example"):
        report(gateway, session_id, 4, host=host, bytes_out=90 * MIB)
    assert kinds(office) == [("volume", "a.example")]
    assert alarms(office)[0]["measured"] == 12 * 90 * MIB

    # Another session's bytes are its own, and yesterday's are yesterday's.
    office.clock.advance(86400)
    other = session_of(office, gateway, "joe")
    report(gateway, other, 4, host="a.example", bytes_out=90 * MIB)
    report(gateway, session_id, 4, host="a.example", bytes_out=90 * MIB)
    assert kinds(office) == [("volume", "a.example")]


def test_what_was_cut_at_the_limit_of_the_day_is_told_too(
    any_office: OfficeForTests, gateway: FakeGateway
) -> None:
    office, session_id = any_office, session_of(any_office, gateway)
    report(gateway, session_id, host="a.example", bytes_out=2 << 30, allowed=False, reason="sent enough")
    assert kinds(office) == [("upload", "a.example"), ("volume", "a.example")]


def test_many_small_posts_to_one_host(any_office: OfficeForTests, gateway: FakeGateway) -> None:
    office, session_id = any_office, session_of(any_office, gateway)
    report(gateway, session_id, 299, host="drop.example", bytes_out=700)
    report(gateway, session_id, 299, host="big.example", bytes_out=9000)
    office.clock.advance(700)
    report(gateway, session_id, 299, host="drop.example", bytes_out=700)
    assert alarms(office) == []
    report(gateway, session_id, host="drop.example", bytes_out=700)
    assert kinds(office) == [("many-small", "drop.example")]


def test_names_that_carry_data_are_told_although_they_are_refused(
    any_office: OfficeForTests, gateway: FakeGateway
) -> None:
    office, session_id = any_office, session_of(any_office, gateway)
    words = ["files.pythonhosted.org", "my-long-winded-machine-name-in-frankfurt.compute.example.com",
             "bucket.s3.eu-central-1.amazonaws.com", "d111111abcdef8.cloudfront.net"]  # fmt: skip
    for host in words:
        report(gateway, session_id, host=host)
    for number in range(5):
        assert alarms(office) == []
        data = hashlib.sha256(str(number).encode()).hexdigest()[:40]
        report(gateway, session_id, host=f"{data}.t.evil.example", allowed=False, reason="no rule")
    assert kinds(office) == [("odd-names", "evil.example")]


def test_a_host_that_is_new_for_a_profile_once_its_habits_are_known(
    any_office: OfficeForTests, gateway: FakeGateway
) -> None:
    office, session_id = any_office, session_of(any_office, gateway)
    report(gateway, session_id, host="pypi.org")
    assert alarms(office) == []  # all is new at first
    office.clock.advance(8 * 86400)
    report(gateway, session_id, host="pypi.org")
    report(gateway, session_of(office, gateway, "joe"), 2, host="odd.example")
    assert kinds(office) == [("new-destination", "odd.example")]
    report(gateway, session_id, host="never.example", allowed=False)
    assert len(alarms(office)) == 1


def test_thresholds_are_settings_and_can_be_off(any_office: OfficeForTests) -> None:
    office = any_office
    office.settings = replace(office.settings, alarm_volume_bytes=0, alarm_upload_bytes=10)
    gateway = make_gateway(office)
    session_id = session_of(office, gateway)
    report(gateway, session_id, host="a.example", bytes_out=9, allowed=True)
    report(gateway, session_id, 20, host="b.example", bytes_out=200 * MIB, allowed=True)
    assert kinds(office) == [("upload", "b.example")]


def test_a_hostile_session_cannot_fill_the_journal(any_office: OfficeForTests, gateway: FakeGateway) -> None:
    office, session_id = any_office, session_of(any_office, gateway)
    for number in range(130):
        report(gateway, session_id, host=f"h{number}.example", bytes_out=101 * MIB)
    assert len(alarms(office)) == 100
    report(gateway, session_id, 40, host="z.example", bytes_out=90 * MIB)
    assert len(alarms(office)) == 100  # `volume` was told already: all of it is one day
    office.clock.advance(86400)
    report(gateway, session_id, 20, host="z.example", bytes_out=90 * MIB)
    assert kinds(office)[100:] == [("volume", "z.example")]
