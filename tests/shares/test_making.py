"""A released document becomes a share once, for people who are there, within what the settings let."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from nbkeep.audit.search import Wanted, search
from nbkeep.model.actor import OPERATOR, SYSTEM, Role
from nbkeep.model.errors import Refused
from nbkeep.outbox.notices import list_notices
from nbkeep.shares.make import make_share
from nbkeep.store.share_tables import ShareRow
from share_parts import project, released, share, with_anyone

if TYPE_CHECKING:
    from office_parts import OfficeForTests

ADMIN = Role.ADMIN


def test_a_release_is_shared_once_and_its_people_are_told(office: OfficeForTests) -> None:
    jane, bob = office.user("jane"), office.user("bob")
    given = released(office, jane, "user:bob")
    with office.store.write() as tx:
        first = make_share(tx, office.clock, SYSTEM, given)
    with office.store.write() as tx:
        assert make_share(tx, office.clock, SYSTEM, given).id == first.id
        assert tx.query(ShareRow).count() == 1
        told = [one.text for one in list_notices(tx, bob)]
        records = search(tx, OPERATOR, Wanted(type="share.made")).records
    assert len(told) == len(records) == 1
    assert told[0].startswith("jane shared “Churn in Q3” with you, until ")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"title": " "}, "invalid-title"),
        ({"title": "a\nb"}, "invalid-title"),
        ({"title": "report \u202efdp.exe"}, "invalid-title"),
        ({"title": "x" * 201}, "invalid-title"),
        ({"description": "x" * 2001}, "invalid-description"),
        ({"description": "a\x1b[31m"}, "invalid-description"),
        ({"tags": ("two words",)}, "invalid-tags"),
        ({"tags": tuple(f"t{n}" for n in range(11))}, "invalid-tags"),
        ({"audience": ()}, "invalid-audience"),
        ({"audience": ("bob",)}, "invalid-audience"),
        ({"audience": ("role:notebook.user",)}, "invalid-audience"),
        ({"audience": tuple(f"user:u{n}" for n in range(51))}, "invalid-audience"),
        ({"audience": ("user:nobody",)}, "user-not-found"),
        ({"audience": ("project:nowhere",)}, "project-not-found"),
        ({"audience": ("anyone",)}, "share-with-anyone"),
    ],
)  # fmt: skip
def test_what_cannot_be_shared_is_refused(office: OfficeForTests, changes: dict[str, Any], code: str) -> None:
    jane = office.user("jane")
    with pytest.raises(Refused) as refused:
        share(office, jane, "everyone", **changes)
    assert refused.value.code == code


def test_a_share_ends_within_the_time_of_the_settings_and_one_in_the_gallery_later(
    office: OfficeForTests,
) -> None:
    jane, now = office.user("jane"), office.clock.now()
    for gate, days, fits in (("share", 30, True), ("share", 31, False), ("publish", 365, True),
                             ("publish", 366, False), ("share", 0, False), ("share", -1, False)):  # fmt: skip

        def made(gate: str = gate, days: int = days) -> ShareRow:
            return share(office, jane, "everyone", gate=gate, expires_at=now + timedelta(days=days))

        if fits:
            assert made().expires_at == now + timedelta(days=days)
        else:
            with pytest.raises(Refused, match="end"):
                made()


def test_a_project_is_named_only_by_who_sees_it(office: OfficeForTests) -> None:
    root, jane, bob = office.user("root", ADMIN), office.user("jane"), office.user("bob")
    project(office, root, "orion", jane)
    assert share(office, jane, "project:orion")
    assert share(office, root, "project:orion")
    with pytest.raises(Refused) as of_another:
        share(office, bob, "project:orion")
    with pytest.raises(Refused) as of_none:
        share(office, bob, "project:vega")
    assert str(of_another.value).replace("orion", "vega") == str(of_none.value)


def test_without_a_word_of_the_settings_the_strictest_hold(office: OfficeForTests) -> None:
    """A caller that forgets the limits shares less, never more."""
    jane = office.user("jane")
    with_anyone(office)
    with office.store.write() as tx, pytest.raises(Refused, match="not signed in"):
        make_share(tx, office.clock, SYSTEM, released(office, jane, "anyone"))


def test_nothing_is_published_for_anyone(office: OfficeForTests) -> None:
    jane = office.user("jane")
    with_anyone(office)
    with pytest.raises(Refused, match="gallery"):
        share(office, jane, "anyone", gate="publish")
