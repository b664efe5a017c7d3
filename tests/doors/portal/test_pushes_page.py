"""Pushes in the portal, over REST and on the command line: what waits is seen, decided, and nobody is fooled."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from guard_parts import say
from nbkeep.model.actor import Role
from nbkeep.people import tokens
from nbkeep.rendering.kept import Documents
from nbkeep.store.push_tables import PushRow
from office_parts import client_for
from push_parts import hold

if TYPE_CHECKING:
    import httpx

    from portal_parts import Person, Portal


def waiting(portal: Portal) -> tuple[Person, Person, str]:
    """Return a reviewer, an author, and the id of a push that waits."""
    say(portal.office, "everywhere", "push", secret="review")
    ruth, jane = portal.person("ruth", Role.REVIEWER), portal.person()
    return ruth, jane, hold(portal.office, portal.office.ready(jane.actor))


def test_a_reviewer_sees_what_would_be_sent_and_approves_exactly_that(portal: Portal) -> None:
    ruth, jane, push_id = waiting(portal)
    assert "1<span" in ruth.get("/")
    listed = ruth.get("/pushes")
    assert "https://forge.acme.local/risk.git" in listed
    assert "refs/heads/&lt;b&gt;main" in listed
    page = ruth.get(f"/pushes/{push_id}")
    assert "Pushing commits needs a review: secrets (rule for everything)." in page
    assert '<mark title="AWS access key ID">AKIA…PD</mark>' in page
    for hostile in ("<b>main", "<i>a</i>", "<script>alert"):
        assert hostile not in page
    fingerprint = re.findall(r'name="fingerprint" value="([0-9a-f]{64})"', page)[0]
    refused = ruth.post(f"/pushes/{push_id}", decision="approve", fingerprint="0" * 64)
    assert refused.status_code == 409
    assert "not what would be pushed" in refused.text
    answer = ruth.post(
        f"/pushes/{push_id}", decision="approve", fingerprint=fingerprint, reason="known, rotated"
    )
    assert answer.headers["location"] == "/portal/pushes?done=push-approved"
    own = jane.get(f"/pushes/{push_id}")
    assert "Push exactly the same again until" in own
    assert "known, rotated" in own
    assert 'name="decision"' not in own


def test_a_reviewer_sees_what_changed_since_it_was_pushed_before(portal: Portal) -> None:
    ruth, _, push_id = waiting(portal)
    assert "What changed since" not in ruth.get(f"/pushes/{push_id}")
    with portal.office.store.write() as tx:
        row = tx.get_one(PushRow, push_id)
        row.state, row.ended_at = "pushed", portal.office.clock.now()
        session_id = row.session_id
    portal.office.clock.advance(1)
    page = ruth.get(f"/pushes/{hold(portal.office, session_id)}")
    assert f'What changed since <a href="/portal/pushes/{push_id}">' in page
    assert '<span class="same">key = <mark title="AWS access key ID">AKIA…PD</mark></span>' in page
    assert "<i>a</i>" not in page


def test_an_author_withdraws_and_a_stranger_finds_nothing(portal: Portal) -> None:
    _, jane, push_id = waiting(portal)
    mallory = portal.person("mallory")
    assert mallory.client.get(f"/portal/pushes/{push_id}").status_code == 404
    assert push_id not in mallory.get("/pushes?which=all")
    assert mallory.post(f"/pushes/{push_id}/withdraw").status_code == 404
    assert mallory.post(f"/pushes/{push_id}", decision="deny", reason="no").status_code == 404
    assert jane.post(f"/pushes/{push_id}", decision="approve", fingerprint="x").status_code == 403
    assert jane.post(f"/pushes/{push_id}/withdraw").status_code == 303
    with portal.office.store.read() as tx:
        assert tx.get_one(PushRow, push_id).state == "withdrawn"


def test_the_same_over_rest(portal: Portal) -> None:
    ruth, jane, push_id = waiting(portal)
    office = portal.office
    clients: dict[str, httpx.Client] = {}
    for who in (ruth, jane):
        with office.store.write() as tx:
            _, token = tokens.create_token(
                tx, office.clock, who.actor, "test", sorted(who.actor.scopes), 86400
            )
        clients[who.actor.name] = client_for(office.app(), token)
    reviewers, hers, one = clients["ruth"], clients["jane"], f"/api/v1/pushes/{push_id}"
    assert [each["id"] for each in reviewers.get("/api/v1/pushes?show=to-review").json()["items"]] == [
        push_id
    ]
    assert hers.get("/api/v1/pushes?show=to-review").json()["items"] == []
    seen = reviewers.get(one).json()
    assert (seen["state"], seen["found"], seen["may"]["approve"]) == ("waiting", ["secret"], True)
    assert reviewers.get(f"{one}/contents").json()["files"][0]["path"] == "<i>a</i>.py"
    assert hers.post(f"{one}/approve", json={"fingerprint": seen["fingerprint"]}).status_code == 403
    assert reviewers.post(f"{one}/deny", json={"reason": " "}).status_code == 400
    assert reviewers.post(f"{one}/send-back", json={"reason": "Leave it out."}).json()["state"] == "sent-back"
    assert hers.get(one).json()["answer"] == "Leave it out."
    assert hers.post(f"{one}/withdraw").status_code == 409
    gateways = office.app()
    where = {"session_id": seen["session_id"], "repository": "https://forge.acme.local/risk.git"}
    assert client_for(gateways, None).post("/internal/v1/gateway/pushes", params=where).status_code == 401


def test_all_refs_and_names_are_shown_and_what_is_not_is_marked(portal: Portal) -> None:
    ruth, _, push_id = waiting(portal)
    documents = Documents(portal.office.settings.pushes_dir)
    with portal.office.store.write() as tx:
        row = tx.get_one(PushRow, push_id)
        row.commands = [{"ref": f"refs/heads/b{one}.", "old": "0" * 40, "new": "a" * 40} for one in range(60)]
        row.commit_count, row.file_count = 300, 300
        page = json.loads(documents.read(row.page_sha256))
        page["files"][0] |= {"places": ["other.py", "bin/run (executable)"], "more_places": 1234}
        row.page_sha256 = documents.put(json.dumps(page).encode())
    shown = ruth.get(f"/pushes/{push_id}")
    assert "refs/heads/b59." in shown
    assert "Also as other.py, bin/run (executable)" in shown
    assert "and 1,234 more" in shown
    assert shown.count("not all is shown") == 2
