"""The pages of shares: what I share and others share with me, who has looked, and the gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.actor import Role
from share_parts import PAGE, project, share

if TYPE_CHECKING:
    from portal_parts import Portal


def test_one_finds_what_is_shared_looks_at_it_and_the_owner_sees_that(portal: Portal) -> None:
    office = portal.office
    jane, bob = portal.person("jane"), portal.person("bob")
    made = share(office, jane.actor, "user:bob").id
    assert "jane shared “Churn in Q3” with you" in bob.get("/")
    assert f'data-share="{made}"' in bob.get("/shared?which=with-me")
    page = bob.get(f"/shared/{made}")
    for words in ("Churn in Q3", "By region", "internal", "jane", "shown without scripts"):
        assert words in page
    assert "Who looked" not in page
    assert bob.client.get(f"/portal/shared/{made}/document").content == PAGE
    assert bob.client.get(f"/portal/shared/{made}/file").content == PAGE
    views = jane.get(f"/shared/{made}/views")
    assert "bob" in views
    assert "as a file" in views
    assert 'data-state="live"' in jane.get("/shared")


def test_its_owner_brings_the_end_forward_and_ends_it(portal: Portal) -> None:
    office = portal.office
    jane, bob = portal.person("jane"), portal.person("bob")
    made = share(office, jane.actor, "user:bob")
    later = jane.post(f"/shared/{made.id}/shorten", expires_at="2099-01-01T00:00")
    assert (later.status_code, "not later" in later.text) == (400, True)
    assert jane.post(f"/shared/{made.id}/shorten", expires_at="<script>").status_code == 400
    earlier = f"{office.clock.now().date()}T23:59"
    assert jane.post(f"/shared/{made.id}/shorten", expires_at=earlier).status_code == 303
    assert jane.post(f"/shared/{made.id}/revoke", reason="wrong figures").status_code == 303
    ended = jane.get(f"/shared/{made.id}/views?done=share-revoked")
    assert "Nobody is given the document any more" in ended
    assert "wrong figures" in ended
    assert "End it now" not in ended
    assert bob.client.get(f"/portal/shared/{made.id}").status_code == 404


def test_an_admin_ends_anybody_s_share_with_a_reason(portal: Portal) -> None:
    office = portal.office
    jane, root = portal.person("jane"), portal.person("root", Role.ADMIN)
    made = share(office, jane.actor, "everyone").id
    assert f'data-share="{made}"' in root.get("/shared?which=all")
    without = root.post(f"/shared/{made}/revoke", reason="")
    assert (without.status_code, 'id="e-reason"' in without.text) == (400, True)
    assert root.post(f"/shared/{made}/revoke", reason="a customer's name").status_code == 303
    assert "root ended your share" in jane.get("/")


def test_what_is_not_a_page_is_only_taken_as_a_file(portal: Portal) -> None:
    jane = portal.person("jane")
    made = share(portal.office, jane.actor, "everyone", form="pdf", media_type="application/pdf").id
    page = jane.get(f"/shared/{made}")
    assert "<iframe" not in page
    assert "Download churn-in-q3.pdf" in page
    assert jane.client.get(f"/portal/shared/{made}/document").status_code == 404


def test_the_gallery_shows_what_is_published_for_one(portal: Portal) -> None:
    office = portal.office
    root, jane, bob = portal.person("root", Role.ADMIN), portal.person("jane"), portal.person("bob")
    project(office, root.actor, "orion", jane.actor)
    for number in range(26):
        office.clock.advance(1)
        share(office, jane.actor, "everyone", gate="publish", title=f"Report {number:02}", tags=("weekly",))
    share(office, jane.actor, "project:orion", gate="publish", title="Only orion")
    first = bob.get("/gallery")
    assert first.count("data-share=") == 24
    assert "Only orion" not in first
    assert 'rel="next"' in first
    assert bob.get("/gallery?find=report+07&tag=weekly").count("data-share=") == 1
    assert "Nothing fits" in bob.get("/gallery?tag=monthly")
    hers = jane.get("/gallery?project=orion")
    assert (hers.count("data-share="), "Only orion" in hers) == (1, True)
    assert "Nothing is published yet" not in jane.get("/gallery")


def test_who_shares_nothing_finds_what_is_shared_with_them_first(portal: Portal) -> None:
    jane, bob = portal.person("jane"), portal.person("bob")
    current = 'which=with-me" aria-current="page"'
    assert current in bob.get("/shared")
    made = share(portal.office, jane.actor, "user:bob").id
    assert f'data-share="{made}"' in bob.get("/shared")
    assert current not in jane.get("/shared")
    assert current not in bob.get("/shared?which=mine")


def test_auditors_look_at_what_is_shared_with_them(portal: Portal) -> None:
    jane, amy = portal.person("jane"), portal.person("amy", Role.AUDITOR)
    made = share(portal.office, jane.actor, "user:amy").id
    assert f'data-share="{made}"' in amy.get("/shared")
    assert amy.client.get(f"/portal/shared/{made}/document").content == PAGE
    assert amy.client.get("/portal/shared?which=mine").status_code == 403
