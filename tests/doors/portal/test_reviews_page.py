"""The queue of reviewers, and the page on which one decides about exactly what was looked at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nbkeep.model.actor import Role
from release_parts import CLEAN, LEAKY, PATH, asked, events_of, notebook, policy, row
from scan_parts import KEY
from share_parts import project

if TYPE_CHECKING:
    from portal_parts import Person, Portal


def hashes(page: str) -> dict[str, str]:
    """Return the hashes that the form of a review carries."""
    return dict(re.findall(r'name="(plain_sha256|redacted_sha256)" value="([0-9a-f]*)"', page))


def reviewer(portal: Portal, name: str = "ruth") -> Person:
    """Return the browser of a reviewer."""
    return portal.person(name, Role.REVIEWER)


def test_what_waits_is_told_everywhere_the_oldest_first(portal: Portal) -> None:
    office, ruth, jane = portal.office, reviewer(portal), portal.person()
    assert "Nobody waits for you" in ruth.get("/reviews")
    assert 'class="count"' not in ruth.get("/")
    for name in ("first.ipynb", "second.ipynb"):
        asked(office, jane.actor, LEAKY, path=name)
        office.clock.advance(60)
    page = ruth.get("/reviews")
    assert page.index("first.ipynb") < page.index("second.ipynb")
    assert page.count('<span class="count">2<span') >= 2, "in the menu, and beside the link"
    assert "Waits for your review (2)" in ruth.get("/")
    assert "Reviews" not in jane.get("/")
    assert jane.client.get("/portal/reviews").status_code == 403


def test_a_reviewer_approves_the_redacted_one_and_its_author_takes_that(portal: Portal) -> None:
    office, ruth, jane = portal.office, reviewer(portal), portal.person()
    release_id = asked(office, jane.actor, LEAKY)
    page = ruth.get(f"/reviews/{release_id}")
    assert KEY not in page
    assert f'src="/portal/releases/{release_id}/shown/preview"' in page
    shown = ruth.client.get(f"/portal/releases/{release_id}/shown/preview")
    assert 'id="cell-2"' in shown.text
    assert KEY not in shown.text
    redacted = ruth.client.get(f"/portal/releases/{release_id}/shown/redacted")
    assert (redacted.status_code, redacted.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert KEY not in redacted.text
    plain = ruth.client.get(f"/portal/releases/{release_id}/shown/plain")
    assert (plain.status_code, KEY in plain.text) == (404, False)
    answer = ruth.post(
        f"/reviews/{release_id}", decision="approve-redacted", reason="fine so", **hashes(page)
    )
    assert answer.headers["location"] == "/portal/reviews?done=release-approved"
    page = jane.get(f"/releases/{release_id}")
    assert "fine so" in page
    assert "is taken out of what leaves" in page
    assert KEY not in jane.post(f"/releases/{release_id}/take").text
    kinds = [kind.partition(".")[2] for kind, _ in events_of(office, release_id)]
    assert kinds == ["requested", "examined", "looked", "looked", "approved", "taken"]
    assert "Approved by ruth" in ruth.get(f"/releases/{release_id}")
    assert "by ruth" in ruth.get("/reviews?which=all")


def test_comments_per_cell_reach_the_author_when_it_is_sent_back(portal: Portal) -> None:
    office, ruth, jane = portal.office, reviewer(portal), portal.person()
    release_id = asked(office, jane.actor, LEAKY)
    said = {"comment-2": "this key <b>must</b> go", "cell-0": "1", "words-0": "why?", "words-1": "nice work"}
    for bad in ({"cell-0": "x"}, {"cell-0": "-3"}, {"comment-99999999": "x"}):
        answer = ruth.post(f"/reviews/{release_id}", decision="send-back", reason="", **(said | bad))
        assert answer.status_code == 400, bad
        assert "this key &lt;b&gt;must" in answer.text, "nothing typed is lost"
    for decision in ("approve", "deny", "approve-redacted", "burn", ""):
        answer = ruth.post(f"/reviews/{release_id}", decision=decision, reason="so", **said)
        assert answer.status_code == 400, decision
        assert "this key &lt;b&gt;must" in answer.text
    assert row(office, release_id).state == "waiting"
    assert ruth.post(f"/reviews/{release_id}", decision="send-back", reason="", **said).status_code == 303
    page = jane.get(f"/releases/{release_id}")
    for part in ("Sent back by ruth", "this key &lt;b&gt;must", "why?", "nice work"):
        assert part in page, part
    assert [one["cell"] for one in row(office, release_id).comments] == [0, 1, 2]


def test_a_denial_needs_a_reason_and_tells_it(portal: Portal) -> None:
    office, ruth, jane = portal.office, reviewer(portal), portal.person()
    release_id = asked(office, jane.actor, LEAKY)
    for decision in ("deny", "send-back"):
        answer = ruth.post(f"/reviews/{release_id}", decision=decision, reason=" ")
        assert (answer.status_code, "A reason has 1 to" in answer.text) == (400, True)
    assert ruth.post(f"/reviews/{release_id}", decision="deny", reason="personal data").status_code == 303
    assert "personal data" in jane.get(f"/releases/{release_id}")
    assert ruth.post(f"/reviews/{release_id}", decision="deny", reason="again").status_code == 409


def test_a_second_version_is_compared_with_what_left_before(portal: Portal) -> None:
    office, ruth, jane = portal.office, reviewer(portal), portal.person()
    policy(office, office.user("root", Role.ADMIN), "share", nothing="review")
    everyone = {"gate": "share", "form": "ipynb", "audience": ("everyone",)}
    first = asked(office, jane.actor, CLEAN, **everyone)
    page = ruth.get(f"/reviews/{first}")
    assert ruth.client.get(f"/portal/releases/{first}/shown/changes").status_code == 404
    assert ruth.post(f"/reviews/{first}", decision="approve", **hashes(page)).status_code == 303
    office.clock.advance(60)
    second = asked(office, jane.actor, notebook("1 + 1", "2 + 2"), **everyone)
    assert f"/portal/releases/{second}/shown/changes" in ruth.get(f"/reviews/{second}")
    changes = ruth.client.get(f"/portal/releases/{second}/shown/changes")
    assert (changes.status_code, "2 + 2" in changes.text) == (200, True)


def test_only_a_projects_reviewers_see_what_is_for_it(portal: Portal) -> None:
    office, ruth, rita, jane = portal.office, reviewer(portal), reviewer(portal, "rita"), portal.person()
    project(office, office.user("root", Role.ADMIN), "orion", jane.actor, rita.actor)
    release_id = asked(office, jane.actor, LEAKY)
    assert PATH.rpartition("/")[2] in rita.get("/reviews")
    assert "Nobody waits for you" in ruth.get("/reviews")
    answer = ruth.client.get(f"/portal/reviews/{release_id}")
    nobodys = ruth.client.get("/portal/reviews/rel_00000000000000000000")
    assert answer.status_code == nobodys.status_code == 404
    assert answer.text.replace(release_id, "") == nobodys.text.replace("rel_00000000000000000000", "")
    assert ruth.post(f"/reviews/{release_id}", decision="deny", reason="x").status_code == 404
