"""The journal by syslog over TLS."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from egress_parts import Authority
from forward_parts import Collector, Sending
from nbkeep.audit import events, journal
from nbkeep.forwarding import destinations, rules
from nbkeep.forwarding.deliver import send_trial
from nbkeep.model.actor import OPERATOR, Actor
from nbkeep.model.errors import Refused

_MESSAGE = re.compile(rb'<(\d+)>1 (\S+) (\S+) nbkeep - (\S+) \[nbkeep@32473 ((?:[a-z]+="(?:[^"\\\]]|\\.)*" ?)+)\] (.*)',
                      re.DOTALL)  # fmt: skip


def test_each_record_is_a_message_with_its_number_and_hash(sending: Sending) -> None:
    with Collector(sending.authority).serving() as collector:
        sending.add(collector)
        hostile = 'x"] evil="1\\\n<13>1 forged'
        with sending.office.store.write() as tx:
            event = events.SignInFailed(user=hostile, reason="wrong-password")
            last = journal.append(tx, sending.office.clock, Actor("", hostile, frozenset()), event)
        sending.happen(700)
        assert sending.round().lag == 0
        assert collector.seqs == list(range(last - 1, last + 701))
        found = _MESSAGE.fullmatch(collector.messages[1])
        assert found, collector.messages[1]
        assert found[1] == b"109"  # log audit, notice
        assert found[4] == b"signin.failed"
        assert json.loads(found[6])["data"]["user"] == hostile
        assert len(re.findall(rb'(?<!\\)"', found[5])) == 8  # four parameters, and none of the attacker's


def test_one_that_is_away_gets_everything_later(sending: Sending) -> None:
    collector = Collector(sending.authority)
    with collector.serving():
        sending.add(collector)
    sending.happen(5)
    assert "refused the connection" in sending.round().last_error
    with collector.serving():
        sending.office.clock.advance(10)
        assert sending.round().lag == 0
    assert collector.seqs == list(range(1, 7))


@pytest.mark.parametrize("size", [10, 20_000])
def test_one_that_closes_in_the_middle_gets_it_again(sending: Sending, size: int) -> None:
    with Collector(sending.authority, closes_after=100).serving() as collector:
        sending.add(collector)
        sending.happen(20, size)
        assert "before everything was taken" in sending.round().last_error
        collector.closes_after = None
        sending.office.clock.advance(10)
        assert sending.round().lag == 0
        assert collector.seqs == list(range(1, 22))


def test_a_certificate_of_somebody_else_is_refused(sending: Sending, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with Collector(Authority.make(tmp_path / "other")).serving() as collector:
        sending.add(collector)
        assert "certificate is not trusted" in sending.round().last_error
        assert collector.messages == []


def test_without_tls_within_this_machine_alone(sending: Sending) -> None:
    with Collector(None).serving() as collector:
        sending.add(collector, ca_file="")
        assert sending.round().lag == 0
        assert collector.seqs == [1]
    for host in ("siem.acme.com", "10.0.0.5", "localhost"):
        with pytest.raises(Refused, match="Without TLS"):
            rules.syslog(host, tls=False)


def test_a_trial_is_no_record(sending: Sending) -> None:
    with Collector(sending.authority).serving() as collector:
        sending.add(collector)
        with sending.office.store.read() as tx:
            row = destinations.find(tx, OPERATOR, "siem")
        send_trial(sending.office, row)
        assert b'seq="0" id="test"' in collector.messages[0]
        assert sending.status().lag == 1
