"""Attack: have a grant reach further than was asked for, than the ask-list says, or longer than its time."""

from __future__ import annotations

import pytest

from grants_parts import approve, ask, change, decided
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused
from office_parts import OfficeForTests, office

__all__ = ["office"]
pytestmark = pytest.mark.attack
WIDER = (
    "*",
    "*:*",
    "*.org",
    "*.pypi.org:*",
    "pypi.org",
    "evilpypi.org",
    "pypi.org.evil.example",
    "files.pypi.org:22",
    "files.pypi.org:*",
    "files.pypi.org:80,443,22",
    "0.0.0.0/0",
    "[::]/0",
    "127.0.0.1",
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "files.pypi.org other.example",
    "files.pypi.org,other.example",
    "files.pypi.org\nother.example",
    "f\u0131les.pypi.org.evil.example",
)


def test_what_is_wider_than_the_ask_list_cannot_be_asked_for(office: OfficeForTests) -> None:
    change(office, egress_asklist="*.pypi.org")
    jane = office.user("jane")
    session = office.ready(jane)
    for wider in WIDER:
        with pytest.raises(Refused):
            ask(office, jane, session, wider)


def test_a_grant_opens_exactly_what_was_asked_for(office: OfficeForTests) -> None:
    change(office, egress_asklist="*.pypi.org:*")
    jane, ada = office.user("jane"), office.user("ada", Role.ADMIN)
    session = office.ready(jane)
    approve(office, ada, ask(office, jane, session, "files.pypi.org:443"))
    assert decided(office, session, "files.pypi.org", 443).allowed
    assert decided(office, session, "FILES.pypi.org.", 443).allowed  # the same host, written otherwise
    for host, port in (
        ("files.pypi.org", 22),
        ("other.pypi.org", 443),
        ("a.files.pypi.org", 443),
        ("pypi.org", 443),
        ("xfiles.pypi.org", 443),
    ):
        assert not decided(office, session, host, port).allowed, host
    # Its name leads to no private network and to no metadata: the admin wrote a wildcard.
    for address in ("10.0.0.5", "127.0.0.1", "169.254.169.254", "::1"):
        assert not decided(office, session, "files.pypi.org", 443, address).allowed, address
    assert decided(office, session, "files.pypi.org", 443, "151.101.0.223").allowed


def test_an_approver_cannot_make_it_longer_and_a_narrower_list_ends_it(office: OfficeForTests) -> None:
    change(office, egress_asklist="*.pypi.org")
    jane, ada = office.user("jane"), office.user("ada", Role.ADMIN)
    session = office.ready(jane)
    request = ask(office, jane, session, "files.pypi.org", "1h")
    for longer in ("61min", "8h", "1000d", "0", "-1h"):
        with pytest.raises(Refused):
            approve(office, ada, request, longer)
    approve(office, ada, request)
    change(office, egress_asklist="files.pypi.org:443")
    assert not decided(office, session, "files.pypi.org", 80).allowed
    assert not decided(office, session, "files.pypi.org", 443).allowed
