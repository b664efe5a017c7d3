"""The secret of a webhook is looked for wherever something of a destination is kept, told or logged."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import text

from forward_parts import SECRET, Hook, Sending, sending
from nbkeep.forwarding import destinations, rules
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused

__all__ = ["sending"]
pytestmark = pytest.mark.attack


def test_it_is_in_no_database_no_log_no_event_and_no_error(
    sending: Sending, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):  # as the office has them: see doors/office.py
        caplog.set_level(logging.WARNING, name)
    for answer in (200, 500):
        with Hook(sending.authority, answer=answer).serving() as hook:
            sending.add(hook, f"hook-{answer}")
            sending.round()
    sending.office.clock.advance(400)
    told = str(sending.round())  # refused connections
    with sending.office.store.read() as tx:
        told += "".join(str(row) for row in tx.execute(text("SELECT * FROM audit_journal")))
        told += str([vars(one) for one in destinations.statuses(tx, OPERATOR)])
        rows = "".join(str(row) for row in tx.execute(text("SELECT * FROM audit_forwards")))
    told += caplog.text + "".join(capfd.readouterr())
    assert "hook-500" in told
    assert SECRET not in told + rows
    assert "path-s3cret" not in told  # some receivers have their secret in the path


@pytest.mark.parametrize("given", [SECRET, "", "file:relative", "env:no such", "file:"])
def test_a_secret_given_where_its_place_belongs_is_not_repeated(given: str, sending: Sending) -> None:
    with pytest.raises(Refused) as refused, sending.office.store.write() as tx:
        destinations.add(tx, sending.office.clock, sending.office.settings, OPERATOR, name="x",
                         place=rules.webhook("https://siem.acme.com/"), secret=given)  # fmt: skip
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("content", ["", "br1ef", "\x00\xff"])
def test_a_file_that_is_no_secret_is_not_quoted(content: str, sending: Sending) -> None:
    with Hook(sending.authority).serving() as hook:
        sending.add(hook)
        sending.secret_file.write_bytes(content.encode("latin-1"))
        status = sending.round()
        assert "secret of the webhook" in status.last_error
        assert not content or content not in status.last_error
        assert hook.requests == []


def test_a_file_that_others_may_read_is_not_used(sending: Sending) -> None:
    with Hook(sending.authority).serving() as hook:
        sending.add(hook)
        sending.secret_file.chmod(0o640)
        assert "0600" in sending.round().last_error
        assert hook.requests == []
