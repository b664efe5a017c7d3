"""Letting a document out by a trick on the review: one's own, a stale page, a forged form, script in the preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nbkeep.model.actor import Role
from nbkeep.store.release_tables import ReleaseRow
from portal_parts import HOSTILE, PUBLIC, SAME_ORIGIN, Portal, portal
from release_parts import CLEAN, LEAKY, asked, documents, notebook, row
from scan_parts import KEY

if TYPE_CHECKING:
    from portal_parts import Person

__all__ = ["portal"]
pytestmark = pytest.mark.attack


@pytest.fixture
def ruth(portal: Portal) -> Person:
    """A reviewer."""
    return portal.person("ruth", Role.REVIEWER)


def both(portal: Portal, release_id: str) -> dict[str, str]:
    """Return the hashes of what would leave now."""
    one = row(portal.office, release_id)
    return {"plain_sha256": one.plain_sha256, "redacted_sha256": one.redacted_sha256}


def test_nobody_reviews_their_own_not_even_an_admin(portal: Portal) -> None:
    for person in (portal.person("rita", Role.REVIEWER), portal.person("root", Role.ADMIN)):
        release_id = asked(portal.office, person.actor, LEAKY)
        page = person.client.get(f"/portal/reviews/{release_id}", follow_redirects=False)
        assert page.headers["location"] == f"/portal/releases/{release_id}"
        for decision in ("approve", "approve-redacted", "send-back", "deny"):
            answer = person.post(
                f"/reviews/{release_id}", decision=decision, reason="mine", **both(portal, release_id)
            )
            assert (answer.status_code, row(portal.office, release_id).state) == (403, "waiting"), decision
        for name in ("plain", "redacted"):
            assert person.client.get(f"/portal/releases/{release_id}/shown/{name}").status_code == 404


@pytest.mark.parametrize("decision", ["approve", "approve-redacted"])
def test_an_approval_counts_for_the_document_that_was_looked_at(
    portal: Portal, ruth: Person, decision: str
) -> None:
    office, jane = portal.office, portal.person()
    release_id = asked(office, jane.actor, LEAKY)
    seen = both(portal, release_id)
    with office.store.write() as tx:  # other content than on the reviewer's page
        changed = tx.get_one(ReleaseRow, release_id)
        changed.plain_sha256 = changed.redacted_sha256 = documents(office).put(b"other")
    answer = ruth.post(f"/reviews/{release_id}", decision=decision, reason="fine", **seen)
    assert answer.status_code == 409
    assert "not what would leave" in answer.text
    assert row(office, release_id).state == "waiting"
    crossed = {"plain_sha256": seen["redacted_sha256"], "redacted_sha256": seen["plain_sha256"]}
    for wrong in ({}, crossed, dict.fromkeys(seen, ""), dict.fromkeys(seen, "0" * 64)):
        assert ruth.post(f"/reviews/{release_id}", decision=decision, **wrong).status_code == 409
    assert row(office, release_id).state == "waiting"


def test_an_approval_of_one_document_opens_no_other(portal: Portal, ruth: Person) -> None:
    office, jane = portal.office, portal.person()
    first = asked(office, jane.actor, notebook(f'k = "{KEY}"'), path="a.ipynb")
    second = asked(office, jane.actor, notebook(f'k = "{KEY}"', "more"), path="b.ipynb")
    answer = ruth.post(f"/reviews/{second}", decision="approve", **both(portal, first))
    assert (answer.status_code, row(office, second).state) == (409, "waiting")


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
     {"Origin": "http://jane.localhost:8000", "Sec-Fetch-Site": "same-site"},
     {"Origin": "null", "Sec-Fetch-Site": "cross-site"}],
    ids=["another site", "a session's output", "the framed document"],
)  # fmt: skip
def test_a_forged_form_decides_nothing(portal: Portal, ruth: Person, headers: dict[str, str]) -> None:
    office, jane = portal.office, portal.person()
    release_id = asked(office, jane.actor, LEAKY)
    ready = asked(office, jane.actor, CLEAN, path="b.ipynb")
    form = {"csrf": ruth.csrf, "decision": "approve", **both(portal, release_id)}
    assert ruth.client.post(f"/portal/reviews/{release_id}", data=form, headers=headers).status_code == 403
    form["csrf"] = "guess"
    assert (
        ruth.client.post(f"/portal/reviews/{release_id}", data=form, headers=SAME_ORIGIN).status_code == 403
    )
    mine = {"csrf": jane.csrf, "path": "c.ipynb", "gate": "share", "everyone": "yes", "reason": "x"}
    for path in ("", f"/{ready}/take", f"/{release_id}/withdraw"):
        answer = jane.client.post(f"/portal/releases{path}", data=mine, headers=headers)
        assert answer.status_code == 403, path
    assert (row(office, release_id).state, row(office, ready).state) == ("waiting", "ready")
    ruth.client.get(f"/portal/reviews/{release_id}?decision=approve")
    jane.client.get(f"/portal/releases/{ready}/take")
    assert (row(office, release_id).state, row(office, ready).state) == ("waiting", "ready")


def test_what_is_framed_has_no_origin_and_runs_nothing(portal: Portal, ruth: Person) -> None:
    office, jane = portal.office, portal.person()
    release_id = asked(
        office, jane.actor, notebook(f'"{HOSTILE}"', f'token = "{KEY}"'), path="<svg onload=alert(1)>.ipynb"
    )
    for name in ("preview", "redacted", "nothing-like-that"):
        answer = ruth.client.get(f"/portal/releases/{release_id}/shown/{name}")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("sandbox; default-src 'none'"), name
        assert "allow-" not in policy
        assert f"frame-ancestors {PUBLIC}" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        if "html" in answer.headers["content-type"]:
            assert "<img" not in answer.text
            assert "<svg" not in answer.text
            assert "<script" not in answer.text
    page = ruth.client.get(f"/portal/reviews/{release_id}")
    framing = page.headers["content-security-policy"]
    assert f"frame-src {PUBLIC}/portal/releases/{release_id}/shown/" in framing
    assert "frame-ancestors 'none'" in framing, "the page with the buttons is framed by nobody"
    assert "sandbox referrerpolicy" in page.text


def test_a_page_that_leaves_as_html_runs_nothing_when_it_is_looked_at(portal: Portal, ruth: Person) -> None:
    """Whatever the maker of pages let through: the frame is the second wall."""
    office, jane = portal.office, portal.person()
    release_id = asked(office, jane.actor, notebook("jane.doe@acme-bank.com, +44 20 7946 0958"))
    with office.store.write() as tx:
        changed = tx.get_one(ReleaseRow, release_id)
        changed.state, changed.needs_review, changed.found = "waiting", True, ["personal"]
        changed.plain_sha256 = documents(office).put(
            b"<script>parent.hit = 1</script><form action=/portal/sign-out>"
        )
        changed.pages = {"plain": {"media_type": "text/html", "name": "a.html", "size_bytes": 1}}
    answer = ruth.client.get(f"/portal/releases/{release_id}/shown/plain")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    for kind in ("image/svg+xml", "application/xhtml+xml", "application/pdf", ""):
        with office.store.write() as tx:
            tx.get_one(ReleaseRow, release_id).pages = {"plain": {"media_type": kind, "name": "a"}}
        answer = ruth.client.get(f"/portal/releases/{release_id}/shown/plain")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8"), (
            kind
        )
        assert "<script>" not in answer.text


def test_a_file_is_given_under_a_name_that_is_only_a_name(portal: Portal) -> None:
    jane = portal.person()
    release_id = asked(portal.office, jane.actor, CLEAN, path='a";filename="run.exe\' ü.ipynb')
    answer = jane.post(f"/releases/{release_id}/take")
    assert answer.status_code == 200
    said = answer.headers["content-disposition"]
    assert said.startswith('attachment; filename="a__filename__run.exe___.ipynb"; filename*=utf-8')
    assert 'run.exe"' not in said.partition("filename*=")[2]
