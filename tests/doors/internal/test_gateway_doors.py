"""What a gateway asks and reports: policies that wake it, records that are taken once and within bounds."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from gateway_parts import FakeGateway, make_gateway
from nbkeep.audit.search import Wanted, search
from nbkeep.doors.internal import gateway as doors
from nbkeep.egress import log
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from office_parts import OfficeForTests

# The door promises a second; a loaded machine gets more time, and far less than the door waits by itself.
_SOON_S = 8.0


def change(office: OfficeForTests, **fields: object) -> None:
    with office.store.write() as tx:
        profiles.change_profile(
            tx, office.clock, OPERATOR, "notebook-cpu-small", fields, known_to(office.settings)
        )


def woken_by(gateway: FakeGateway, act: object) -> float:
    """Return how long a waiting pull took from an act to its answer."""
    took: list[float] = []
    started = time.monotonic()

    def pull() -> None:
        gateway.pull()
        took.append(time.monotonic() - started)

    waiting = threading.Thread(target=pull)
    waiting.start()
    time.sleep(0.6)
    assert not took, "the pull did not wait"
    started = time.monotonic()
    assert callable(act)
    act()
    waiting.join(30)
    assert took, "the pull was not answered"
    return took[0]


def test_a_waiting_gateway_is_woken_by_a_profile_a_start_and_an_end(office: OfficeForTests) -> None:
    gateway, jane = make_gateway(office), office.user()
    gateway.pull()
    assert gateway.policies == {}
    session_id = ""

    def start() -> None:
        nonlocal session_id
        session_id = office.ready(jane)

    assert woken_by(gateway, start) < _SOON_S
    assert set(gateway.policies) == {session_id}
    assert not gateway.record(session_id)["allowed"]
    assert woken_by(gateway, lambda: change(office, egress_allowlist="pypi.org")) < _SOON_S
    assert gateway.record(session_id)["allowed"]
    assert woken_by(gateway, lambda: office.change(session_id, state="stopped")) < _SOON_S
    assert gateway.policies == {}


def test_a_pull_ends_by_itself_with_what_is_in_force(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "_LONGEST_WAIT_S", 0.5)
    gateway = make_gateway(office)
    session_id = office.ready(office.user())
    gateway.pull()
    tag = gateway.tag
    gateway.pull()
    assert (gateway.tag, set(gateway.policies)) == (tag, {session_id})


def test_records_are_taken_once_however_often_they_come(any_office: OfficeForTests) -> None:
    office, gateway = any_office, make_gateway(any_office)
    session_id = office.ready(office.user())
    record = gateway.record(session_id, bytes_out=7)
    for _ in range(2):
        answer = gateway.report(record, record)
        assert (answer.status_code, answer.json()) == (200, {"accepted": 2, "refused": []})
    gateway.report(record | {"bytes_out": 9})
    with office.store.read() as tx:
        items = log.search(tx, OPERATOR, log.Wanted()).items
    assert [(one["id"], one["bytes_out"]) for one in items] == [(record["id"], 7)]


WRONG: list[dict[str, object]] = [
    {"session_id": "ses_of_another_node"},
    {"session_id": None},
    {"session_id": ["x"]},
    {"session_id": "ses_\0\ud800"},
    {"id": ""},
    {"id": "x" * 65},
    {"id": "a b"},
    {"at": "yesterday"},
    {"at": "2026-11-01T00:00:00"},
    {"at": 5},
    {"host": None},
    {"port": "443"},
    {"port": -1},
    {"port": 1 << 40},
    {"port": True},
    {"protocol": "smtp"},
    {"protocol": ["connect"]},
    {"allowed": "yes"},
    {"would_block": None},
]


def test_a_wrong_record_is_refused_with_why_and_holds_up_no_other(office: OfficeForTests) -> None:
    gateway = make_gateway(office)
    session_id = office.ready(office.user())
    records = [gateway.record(session_id) | wrong for wrong in WRONG]
    answer = gateway.report(*records, gateway.record(session_id, host="good.example"))
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    assert [bool(one["why"]) for one in answer.json()["refused"]] == [True] * len(WRONG)
    with office.store.read() as tx:
        assert [one["host"] for one in log.search(tx, OPERATOR, log.Wanted()).items] == ["good.example"]


def test_odd_values_are_tamed_on_both_engines(any_office: OfficeForTests) -> None:
    office, gateway = any_office, make_gateway(any_office)
    session_id = office.ready(office.user())
    begun = office.row(session_id).requested_at
    odd = gateway.record(
        session_id,
        host="a\0b\x1b[31m" + "x" * 500,
        port=0,
        address="10.0.0.1; drop",
        method="GET / HTTP",
        reason="\ud800 y" * 900,
        rule_id="r" * 900,
        bytes_out=-5,
        bytes_in=10**400,
        duration_s="long",
        at="1970-01-01T00:00:00+00:00",
    )
    later = gateway.record(session_id, at=(office.clock.now() + timedelta(days=400)).isoformat())
    assert gateway.report(odd, later).json() == {"accepted": 2, "refused": []}
    with office.store.read() as tx:
        items = {one["id"]: one for one in log.search(tx, OPERATOR, log.Wanted()).items}
    kept = items[odd["id"]]
    assert kept["host"].isprintable()
    assert (kept["address"], kept["method"], kept["bytes_out"], kept["duration_s"]) == ("", "", 0, 0)
    assert kept["bytes_in"] == 2**53 - 1
    assert kept["at"] == begun.isoformat()
    assert items[later["id"]]["at"] == office.clock.now().isoformat()


def test_too_much_at_once_and_no_list_are_refused_whole(office: OfficeForTests) -> None:
    gateway = make_gateway(office)
    session_id = office.ready(office.user())
    many = [gateway.record(session_id) for _ in range(1001)]
    assert gateway.report(*many).status_code == 400
    assert gateway.report("x").status_code == 400
    assert gateway.client.post("/internal/v1/gateway/connections", json={}).status_code == 400
    with office.store.read() as tx:
        assert log.search(tx, OPERATOR, log.Wanted()).items == []


def test_the_journal_has_the_first_refusal_of_each_host_and_ends_at_a_hundred(office: OfficeForTests) -> None:
    gateway = make_gateway(office)
    session_id = office.ready(office.user())
    gateway.pull()
    gateway.report(*(gateway.record(session_id, "evil.example") for _ in range(5)))
    gateway.report(*(gateway.record(session_id, f"h{n}.example") for n in range(150)))
    with office.store.read() as tx:
        told = [one["data"] for one in search(tx, OPERATOR, Wanted(type="egress"), limit=500).records]
        assert len(log.search(tx, OPERATOR, log.Wanted(), limit=500).items) == 155
    assert len(told) == 100
    assert [one["is_last"] for one in told[:2]] == [True, False]
    assert (told[-1]["host"], told[-1]["user"]) == ("evil.example", "jane")


def test_a_gateway_is_told_what_sessions_with_a_limit_have_sent_today(any_office: OfficeForTests) -> None:
    office, gateway = any_office, make_gateway(any_office)
    session_id = office.ready(office.user())
    gateway.report(gateway.record(session_id, bytes_out=5 << 20))
    office.clock.advance(86400)
    gateway.report(*(gateway.record(session_id, bytes_out=1 << 20) for _ in range(3)))

    def told() -> dict[str, int]:
        return gateway.client.get("/internal/v1/gateway/policies").json()["sent_today"]

    assert told() == {}
    change(office, egress_volume="4MiB")
    assert told() == {session_id: 3 << 20}
    with pytest.raises(Refused, match="out of range"):
        change(office, egress_volume="1KB")
    change(office, egress_volume="none")
    assert told() == {}
