"""A link that is sent by mail is in nothing that lies about: no database, no log, no argument, no answer.

Who reads one of them could set somebody's first password.
"""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path

import pytest

from mail_parts import Mailing, mailing, text_of
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused
from nbkeep.people import invitations, link_mail, users
from nbkeep.store.tables import UserRow
from office_parts import client_for

__all__ = ["mailing"]
GOOD = "a good and long password 42"
LINK = re.compile(r"http://localhost:8000/portal/(join|reset)/([A-Za-z0-9_-]{43})")


def invite(mailing: Mailing, email: str = "kim@acme.com") -> dict[str, object]:
    """Invite somebody by the API, as the operator's command line does."""
    with client_for(mailing.office.app(), "operator-token-of-this-test") as client:
        answer = client.post("/api/v1/users", json={"email": email})
    assert answer.status_code == 201, answer.text
    return answer.json()


def everything_kept(mailing: Mailing) -> bytes:
    """Return all bytes of the data directory: the database with its log, secrets and log files."""
    return b"\0".join(file.read_bytes() for file in mailing.folder.rglob("*") if file.is_file())


def arguments() -> bytes:
    """Return the arguments of all processes that can be seen."""
    found: list[bytes] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes())
        except OSError:
            continue
    return b"\0".join(found)


def token_in(mailing: Mailing, at: int = -1) -> str:
    found = LINK.search(text_of(mailing.box.messages[at]))
    assert found
    return found[2]


def accept(mailing: Mailing, token: str) -> str:
    return invitations.accept(mailing.office.store, mailing.office.clock, token, GOOD)


def test_the_link_arrives_works_once_and_is_kept_nowhere(
    mailing: Mailing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = invite(mailing)
    assert answer["link"] is None
    assert answer["mailed_to"] == "kim@acme.com"
    before = everything_kept(mailing)
    with mailing.box.serving() as box:
        mailing.round()
        (message,) = box.messages
    token = token_in(mailing)
    assert message["To"] == "kim@acme.com"
    assert "Your name there is kim" in text_of(message)
    # All but the mail server's own log, which is the test's.
    logged = "\n".join(one.getMessage() for one in caplog.records if one.name != "mail.log")
    for kept in (before, everything_kept(mailing), arguments(), logged.encode(), str(answer).encode()):
        assert token.encode() not in kept
        assert token[:20].encode() not in kept
    # What lies there is its hash, as of every link: the search above looks in the right place.
    assert hashlib.sha256(token.encode()).hexdigest().encode() in before
    assert accept(mailing, token) == "kim"
    with pytest.raises(Refused, match="used already"):
        accept(mailing, token)


def test_who_has_the_database_alone_cannot_make_the_link(mailing: Mailing) -> None:
    """Without the key beside it nothing in the database leads to the token, also not for the office."""
    invite(mailing)
    (mailing.folder / "secrets/link-key").write_text("x" * 43 + "\n")
    with mailing.box.serving() as box:
        mailing.round()
        assert not box.taken
    found = mailing.row()
    assert found.state == "given-up"
    assert "the key that its link was made with is not there any more" in found.last_error


def test_a_server_that_quotes_the_message_gets_the_link_into_no_record(
    mailing: Mailing, caplog: pytest.LogCaptureFixture
) -> None:
    """Filters answer with the address that they dislike: `554 blocked: http://…/join/TOKEN`."""
    caplog.set_level(logging.DEBUG, "nbkeep")
    invite(mailing)
    with mailing.box.serving() as box:
        box.data_answer = "554 blocked for its links: {text}"
        mailing.round()
        assert (box.seen, box.taken) == (1, [])
    found = mailing.row()
    assert (found.state, found.last_error) == ("given-up", "The server does not take the message (554)")
    assert b"/portal/join/" not in everything_kept(mailing)
    own = " ".join(one.getMessage() for one in caplog.records if one.name.startswith("nbkeep"))
    assert "/portal/join/" not in own


def test_a_message_that_is_sent_twice_has_one_link(mailing: Mailing) -> None:
    """A mailbox keeps one of two messages with the same id: either must work."""
    invite(mailing)
    with mailing.box.serving():
        mailing.round()
        with mailing.office.store.write() as tx:
            row = tx.get_one(type(mailing.row()), mailing.row().id)
            row.state, row.ended_at = "waiting", None  # as after an office that was killed before it noted
        mailing.later(3600)
    assert len(mailing.box.taken) == 2
    assert token_in(mailing, 0) == token_in(mailing, 1)


def test_a_link_that_was_replaced_or_used_is_not_sent(mailing: Mailing) -> None:
    invite(mailing)
    mailing.office.clock.advance(1)
    token_of = link_mail.token_maker(mailing.office.settings)
    with mailing.office.store.write() as tx:
        link = invitations.make_reset_link(tx, mailing.office.clock, OPERATOR, "kim", 3600, token_of)
        user = tx.get_one(UserRow, tx.query(UserRow).filter_by(name="kim").one().id)
        link_mail.send(tx, mailing.office.clock, user, link)
        link_mail.send(tx, mailing.office.clock, user, link)  # twice is one message
    with mailing.box.serving() as box:
        mailing.round()
        assert len(box.taken) == 1
        assert accept(mailing, token_in(mailing)) == "kim"
    assert [one.state for one in mailing.rows()] == ["unneeded", "sent"]


def test_an_expired_link_is_not_sent_but_told(mailing: Mailing) -> None:
    invite(mailing)
    mailing.office.clock.advance(mailing.office.settings.invitation_valid_s + 1)
    with mailing.box.serving() as box:
        mailing.round()
        assert not box.taken
    assert "expired" in mailing.row().last_error
    with client_for(mailing.office.app(), "operator-token-of-this-test") as client:
        assert "expired" in client.get("/api/v1/mail?state=given-up").json()["items"][0]["why"]


def test_the_list_says_nothing_of_what_is_in_a_message(mailing: Mailing) -> None:
    invite(mailing)
    with client_for(mailing.office.app(), "operator-token-of-this-test") as client:
        answer = client.get("/api/v1/mail")
    assert answer.json()["items"][0]["to"] == "kim"
    assert "/join/" not in answer.text
    link_id = mailing.row().about["link"]
    assert link_id not in answer.text


def test_the_account_and_its_message_are_there_together_or_not_at_all(mailing: Mailing) -> None:
    token_of = link_mail.token_maker(mailing.office.settings)
    with pytest.raises(RuntimeError), mailing.office.store.write() as tx:
        user, link = users.invite(
            tx, mailing.office.clock, OPERATOR, "kim@acme.com", home_size_bytes=1 << 30, token_of=token_of
        )
        link_mail.send(tx, mailing.office.clock, user, link)
        raise RuntimeError
    assert not mailing.rows()
    with client_for(mailing.office.app(), "operator-token-of-this-test") as client:
        http = client
        # An address that accounts may have and mail cannot be sent to: no account without its link.
        answer = http.post("/api/v1/users", json={"email": "kim'\\x@acme.com"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-email")
        assert http.get("/api/v1/users").json()["items"] == []
        assert http.post("/api/v1/users", json={"email": "kim'\\x@acme.com", "by_mail": False}).json()["link"]
