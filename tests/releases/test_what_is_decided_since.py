"""What is ready is judged once more when it is taken; and classes of folders, and projects, are asked for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from guard_parts import change_profile
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.model.gates import Decision, Found, Gate
from nbkeep.releases.records import list_releases
from nbkeep.releases.rules import still_leaves
from nbkeep.releases.take import take_document
from nbkeep.store.class_tables import ClassifiedFileRow
from release_parts import CLEAN, LEAKY, approve, ask, asked, documents, events_of, policy, row
from share_parts import project

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests


def take(office: OfficeForTests, actor: Actor, release_id: str) -> bytes:
    return take_document(office.store, office.clock, documents(office), actor, release_id).data


def refused(office: OfficeForTests, actor: Actor, release_id: str) -> Refused:
    with pytest.raises(Refused) as told:
        take(office, actor, release_id)
    assert (told.value.status, told.value.code) == (409, "not-allowed-any-more")
    assert row(office, release_id).state == "ready"
    assert events_of(office, release_id)[-1][0] != "release.taken"
    return told.value


def test_what_is_denied_or_to_be_reviewed_by_now_is_not_taken(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user("jane")
    release_id = asked(office, jane, CLEAN)
    policy(office, OPERATOR, "export", nothing="review")
    told = refused(office, jane, release_id)
    assert "Export of the original needs a review" in told.message
    assert "rule for everything" in told.message
    policy(office, OPERATOR, "export", nothing="deny")
    assert "is denied" in refused(office, jane, release_id).message
    policy(office, OPERATOR, "export", nothing="allow")
    assert take(office, jane, release_id) == CLEAN


def test_the_session_from_which_it_came_may_have_become_stricter(office: OfficeForTests) -> None:
    jane = office.user("jane")
    office.ready(jane)
    release_id = asked(office, jane, CLEAN, gate="download", reason="")
    change_profile(office, downloads="deny")
    assert "downloads of the profile" in refused(office, jane, release_id).message


def test_what_was_reviewed_needs_no_other_review_but_a_denial_counts(office: OfficeForTests) -> None:
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    release_id = asked(office, jane, LEAKY)
    approve(office, rita, release_id)
    policy(office, OPERATOR, "export", secret="deny")
    refused(office, jane, release_id)
    policy(office, OPERATOR, "export", secret="review")
    assert take(office, jane, release_id) == LEAKY


@pytest.mark.parametrize(
    ("decision", "variant", "found", "was_reviewed", "leaves"),
    [
        (Decision.ALLOW, "plain", Found.SECRET, False, True),
        (Decision.ALLOW, "redacted", Found.SECRET, False, True),
        (Decision.REDACT, "plain", Found.SECRET, False, False),
        (Decision.REDACT, "redacted", Found.SECRET, False, True),
        (Decision.REVIEW, "redacted", Found.SECRET, False, False),
        (Decision.REVIEW, "plain", Found.UNREAD, True, True),
        (Decision.REDACT, "plain", Found.SECRET, True, True),
        (Decision.DENY, "redacted", Found.SECRET, True, False),
    ],
)
def test_what_may_still_be_taken(
    decision: Decision, variant: str, found: Found, *, was_reviewed: bool, leaves: bool
) -> None:
    told = still_leaves(decision, Gate.EXPORT, [found], variant=variant, was_reviewed=was_reviewed)
    assert told is leaves


@pytest.mark.parametrize("folder", [b"", b"work", b"work/deep"])
def test_a_folder_that_could_not_be_looked_into_gives_its_class_to_what_is_in_it(
    office: OfficeForTests, folder: bytes
) -> None:
    jane = office.user("jane")
    policy(office, OPERATOR, "export", "class:pii", nothing="review")
    session = office.ready(jane)
    with office.store.write() as tx:
        for key, closed in ((folder, True), (b"other", False)):
            tx.add(ClassifiedFileRow(
                user_id=jane.id, key=hashlib.sha256(key).hexdigest(), path=key.decode(), classification="pii",
                session_id=session, changed_at=None if closed else office.clock.now(), bytes=0, note="",
                seen_at=office.clock.now(),
            ))  # fmt: skip
    told = row(office, asked(office, jane, CLEAN, path="work/deep/a.ipynb"))
    assert (told.state, told.classification) == ("waiting", "pii")
    beside = row(office, asked(office, jane, CLEAN, path="other/a.ipynb"))
    assert beside.classification == ("pii" if not folder else ""), "only what could not be looked into counts"


@pytest.mark.parametrize("gate", ["download", "export"])
def test_with_several_projects_one_is_named_at_every_gate(office: OfficeForTests, gate: str) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    inside, outside = office.user("rita", Role.REVIEWER), office.user("otto", Role.REVIEWER)
    project(office, root, "orion", jane, inside)
    project(office, root, "vega", jane)
    policy(office, OPERATOR, "download", secret="review")
    with pytest.raises(Refused) as told:
        ask(office, jane, LEAKY, gate=gate)
    assert (told.value.status, told.value.code) == (400, "invalid-project")
    assert "orion, vega" in told.value.message
    release_id = asked(office, jane, LEAKY, gate=gate, project="orion")
    for reviewer, seen in ((inside, [release_id]), (outside, [])):
        with office.store.read() as tx:
            listed = list_releases(tx, reviewer, show="to-review").items
        assert [one.id for one, _ in listed] == seen
