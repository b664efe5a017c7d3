"""The journal by webhook: everything, in order, at least once, whatever becomes of the receiver."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from egress_parts import Authority
from forward_parts import SECRET, Hook, Sending
from nbkeep.audit import journal
from nbkeep.audit.canonical import canonical
from nbkeep.forwarding import destinations, dialling
from nbkeep.model.actor import OPERATOR


def flat(hook: Hook) -> list[int]:
    return [seq for batch in hook.seqs for seq in batch]


def test_each_record_arrives_once_in_order_signed_and_with_its_hash(sending: Sending) -> None:
    with Hook(sending.authority).serving() as hook:
        sending.add(hook)
        last = sending.happen(1200)
        status = sending.round()
        assert (status.lag, status.state, status.last_error) == (0, "active", "")
        assert flat(hook) == list(range(last - 1200, last + 1))  # with the record of its own addition
        before = None
        for headers, body in hook.requests:
            at = int(headers["X-Nbkeep-Signature"].split(",")[0].removeprefix("t="))
            wanted = hmac.new(SECRET.encode(), b"%d.%b" % (at, body), hashlib.sha256).hexdigest()
            assert headers["X-Nbkeep-Signature"] == f"t={at},v1={wanted}"
            lines = [json.loads(line) for line in body.splitlines()]
            assert headers["X-Nbkeep-First-Seq"] == str(lines[0]["record"]["seq"])
            assert headers["X-Nbkeep-Last-Seq"] == str(lines[-1]["record"]["seq"])
            for line in lines:
                assert before is None or line["hash"] == journal.link(before, canonical(line["record"]))
                before = line["hash"]


def test_from_the_start_and_from_now_on(sending: Sending) -> None:
    last = sending.happen(3)
    with Hook(sending.authority).serving() as hook:
        sending.add(hook, from_start=True)
        sending.round()
        assert flat(hook) == list(range(1, last + 2))


def test_an_hour_away_loses_nothing_and_is_asked_ever_more_seldom(sending: Sending) -> None:
    hook = Hook(sending.authority)
    with hook.serving():
        sending.add(hook)
        sending.round()
    tries, begun, status = 0, sending.office.clock.now(), sending.status()
    for _ in range(360):
        sending.happen()
        failures = sending.status().failures
        status = sending.round()
        tries += status.failures - failures
        sending.office.clock.advance(10)
    assert (status.state, status.lag, status.failing_since) == ("failing", 360, begun)
    assert "refused the connection" in status.last_error
    assert 12 <= tries <= 40
    with hook.serving():
        sending.office.clock.advance(300)
        assert sending.round().lag == 0
    assert flat(hook) == sorted(set(flat(hook)))
    assert len(flat(hook)) == 361


@pytest.mark.parametrize("answer", [500, 503, 400, 413])
def test_a_refusal_is_told_and_tried_again(sending: Sending, answer: int) -> None:
    with Hook(sending.authority, answer=answer).serving() as hook:
        sending.add(hook)
        status = sending.round()
        assert f"answered {answer}" in status.last_error
        assert sending.round().failures == 1  # it is not time yet
        hook.answer = 204
        sending.office.clock.advance(1)
        assert sending.round().state == "active"
        assert len(flat(hook)) == 1


def test_a_redirect_is_not_followed(sending: Sending) -> None:
    with Hook(sending.authority).serving() as elsewhere:
        with Hook(sending.authority, answer=307, location=elsewhere.url).serving() as hook:
            sending.add(hook)
            assert "redirect" in sending.round().last_error
        assert elsewhere.requests == []


def test_one_that_breaks_off_or_hangs_does_not_count_as_taken(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbkeep.forwarding.webhook.WHOLE_S", 1.0)
    with Hook(sending.authority, breaks_off=True).serving() as hook:
        sending.add(hook)
        assert "closed the connection" in sending.round().last_error
        hook.breaks_off, hook.hangs = False, threading.Event()
        sending.office.clock.advance(5)
        status = sending.round()
        assert "in time" in status.last_error
        assert status.lag == 1


def test_one_that_hangs_holds_up_neither_the_office_nor_another(sending: Sending) -> None:
    hangs = threading.Event()
    with (
        Hook(sending.authority, hangs=hangs).serving() as stuck,
        Hook(sending.authority).serving() as fine,
    ):
        sending.add(stuck, "a-stuck")
        sending.add(fine, "b-fine")
        arrived = threading.Event()
        fine.on_batch = arrived.set
        sending.forwarder.round()
        assert arrived.wait(60)
        sending.happen()  # the journal is written meanwhile
        assert sending.status().failures == 0  # that one is still waited for, by nobody else
        assert not stuck.requests
        hangs.set()
        sending.forwarder.wait(60)


def test_a_certificate_of_somebody_else_is_refused(sending: Sending, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with Hook(Authority.make(tmp_path / "other")).serving() as hook:
        sending.add(hook)
        status = sending.round()
        assert "certificate is not trusted" in status.last_error
        assert hook.requests == []


def test_a_certificate_for_another_name_is_refused(sending: Sending) -> None:
    with Hook(sending.authority, ("127.0.0.2",)).serving() as hook:
        hook.names = ("127.0.0.1",)
        sending.add(hook)
        assert "certificate is not trusted" in sending.round().last_error
        assert hook.requests == []


def test_a_pause_keeps_the_place(sending: Sending) -> None:
    with Hook(sending.authority).serving() as hook:
        sending.add(hook)
        sending.round()
        with sending.office.store.write() as tx:
            destinations.pause(tx, sending.office.clock, OPERATOR, "siem")
        sending.happen(5)
        assert sending.round().state == "paused"
        assert len(flat(hook)) == 1
        with sending.office.store.write() as tx:
            destinations.resume(tx, sending.office.clock, OPERATOR, "siem")
        assert sending.round().lag == 0
        assert flat(hook) == sorted(set(flat(hook)))


def test_a_clock_put_back_does_not_stop_it(sending: Sending) -> None:
    with Hook(sending.authority, answer=500).serving() as hook:
        sending.add(hook)
        sending.round()
        hook.answer = 200
        sending.office.clock.set(sending.office.clock.now().replace(year=2025))
        assert sending.round().state == "active"


_DELIVER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from nbkeep.forwarding.deliver import deliver, due
from nbkeep.model.clock import SystemClock
from nbkeep.settings import Settings
from nbkeep.store.database import Store
settings = Settings(data_dir=Path(sys.argv[1]), forward_special_hosts=("127.0.0.1",))
parts = SimpleNamespace(settings=settings, store=Store(settings.store_url), clock=SystemClock())
for one in due(parts):
    deliver(parts, one)
"""


def test_killed_between_sending_and_noting_it_sends_the_same_numbers_again(sending: Sending) -> None:
    with Hook(sending.authority).serving() as hook:
        sending.add(hook)
        last = sending.happen(20)
        program = subprocess.Popen([sys.executable, "-c", _DELIVER, str(sending.office.settings.data_dir)])
        killed = threading.Event()

        def kill() -> None:
            if not killed.is_set():  # the batch is here, and not answered yet
                os.kill(program.pid, signal.SIGKILL)
                program.wait(30)
                killed.set()

        hook.on_batch = kill
        assert program.wait(120) == -signal.SIGKILL
        assert killed.wait(30)
        hook.on_batch = None
        assert sending.round().lag == 0
        first, *again = hook.seqs
        assert first == again[0][: len(first)] == list(range(last - 20, last + 1))
        kept = {
            json.loads(line)["record"]["seq"]: line for _, body in hook.requests for line in body.splitlines()
        }
        assert sorted(kept) == list(range(last - 20, last + 1))  # the receiver drops repeats by their number


def test_waits_and_batches_are_bounded() -> None:
    from nbkeep.forwarding.rules import LONGEST_WAIT_S, batch_records, wait_s

    waits = [wait_s(count, 0) for count in range(1, 40)]
    assert waits == sorted(waits)
    assert max(wait_s(count, 1) for count in (1, 10, 10**9)) == LONGEST_WAIT_S
    assert [batch_records(count) for count in (0, 1, 9, 10**6)] == [500, 250, 1, 1]
    assert dialling.WHOLE_S < LONGEST_WAIT_S
