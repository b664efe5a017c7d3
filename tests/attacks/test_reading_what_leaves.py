"""Reading documents of others, or denied ones of one's own, by way of the pages that show what would leave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.releases.records import find_release
from nbkeep.releases.take import comparison_of, preview_of, take_document, variant_of
from nbkeep.releases.view import release_view
from office_parts import any_office, office
from release_parts import LEAKY, approve, asked, documents, events_of, notebook, policy
from share_parts import project

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]


def look(office: OfficeForTests, actor: Actor, release_id: str) -> bytes:
    return preview_of(office.store, office.clock, documents(office), actor, release_id).data


def is_refused(office: OfficeForTests, actor: Actor, release_id: str) -> bool:
    """Tell whether somebody is shown nothing of it, while its row says the same; a 404 is none of these."""
    with office.store.read() as tx:
        one = release_view(tx, actor, office.clock.now(), *find_release(tx, actor, release_id))
    if one["may"]["preview"]:
        assert look(office, actor, release_id)
        return False
    with pytest.raises(Refused) as refused:
        look(office, actor, release_id)
    assert (refused.value.code, refused.value.status) == ("not-shown", 403)
    return True


def looks(office: OfficeForTests, release_id: str) -> list[str]:
    return [data["variant"] for kind, data in events_of(office, release_id) if kind == "release.looked"]


def test_an_admin_reads_no_document_that_needs_no_review(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    release_id = asked(office, jane)
    for actor in (root, OPERATOR):
        assert is_refused(office, actor, release_id)
        for variant in ("plain", "redacted"):
            with pytest.raises(Refused):
                variant_of(office.store, office.clock, documents(office), actor, release_id, variant)
        with pytest.raises(Refused):
            comparison_of(office.store, office.clock, documents(office), actor, release_id)
    assert not looks(office, release_id)


def test_a_scope_to_look_after_all_is_none_to_review(office: OfficeForTests) -> None:
    jane, warden = office.user("jane"), office.user("warden")
    release_id = asked(office, jane, LEAKY)
    assert is_refused(office, replace(warden, scopes=frozenset({"admin:releases"})), release_id)


def test_a_review_opens_no_earlier_document_that_needed_none(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    first = asked(office, jane, notebook("old = 1"), form="ipynb")
    take_document(office.store, office.clock, documents(office), jane, first)
    second = asked(office, jane, notebook("new = 2", LEAKY.decode()), form="ipynb")
    assert not is_refused(office, root, second)
    with pytest.raises(Refused) as refused:
        comparison_of(office.store, office.clock, documents(office), root, second)
    assert refused.value.code == "no-comparison"
    with office.store.read() as tx:
        one = release_view(tx, root, office.clock.now(), *find_release(tx, root, second))
    assert not one["may"]["compare"]


def test_a_look_is_on_record_once_in_ten_minutes(any_office: OfficeForTests) -> None:
    office = any_office
    jane, rita, otto = (
        office.user("jane"),
        office.user("rita", Role.REVIEWER),
        office.user("otto", Role.ADMIN),
    )
    release_id = asked(office, jane, LEAKY)
    for _ in range(3):
        look(office, rita, release_id)
    assert looks(office, release_id) == ["preview"]
    told = dict(events_of(office, release_id))["release.looked"]
    with office.store.read() as tx:
        row, _ = find_release(tx, rita, release_id)
    assert (told["user"], told["gate"], told["sha256"]) == ("jane", "export", row.preview_sha256)
    look(office, otto, release_id)
    variant_of(office.store, office.clock, documents(office), rita, release_id, "redacted")
    assert looks(office, release_id) == ["preview", "preview", "redacted"]
    office.clock.advance(601)
    look(office, rita, release_id)
    assert len(looks(office, release_id)) == 4


def test_what_is_denied_does_not_leave_as_its_preview(office: OfficeForTests) -> None:
    root, jane = office.user("root", Role.ADMIN), office.user("jane")
    policy(office, root, "export", nothing="deny")
    assert is_refused(office, jane, asked(office, jane))
    policy(office, root, "export", nothing="review")
    waiting = asked(office, jane, reason="another")
    assert is_refused(office, jane, waiting), "a reviewer decides first"
    approve(office, root, waiting)
    assert not is_refused(office, jane, waiting)
    assert looks(office, waiting) == ["preview"], "its author's look is on record, too"
    office.clock.advance(30 * 86400)
    assert is_refused(office, jane, waiting), "not taken in time"


def test_nobody_reads_what_a_project_that_is_not_theirs_reviews(office: OfficeForTests) -> None:
    root, jane, rita = (
        office.user("root", Role.ADMIN),
        office.user("jane"),
        office.user("rita", Role.REVIEWER),
    )
    project(office, root, "orion", jane)
    release_id = asked(office, jane, LEAKY)
    with pytest.raises(Refused) as refused:
        look(office, rita, release_id)
    assert refused.value.status == 404
    assert not is_refused(office, root, release_id), "an admin may decide about any"
