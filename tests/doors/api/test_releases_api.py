"""Releases over REST, in a session and on the way to a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.model.actor import Role
from nbkeep.people import tokens
from office_parts import client_for
from release_parts import CLEAN, LEAKY, PATH, row, run
from scan_parts import KEY

if TYPE_CHECKING:
    import httpx

    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

RELEASES = "/api/v1/releases"
WANTED: dict[str, Any] = {"path": PATH, "gate": "export", "reason": "for the board"}


def client(office: OfficeForTests, actor: Actor) -> httpx.Client:
    """Return a client of somebody with a token."""
    with office.store.write() as tx:
        _, token = tokens.create_token(tx, office.clock, actor, "test", sorted(actor.scopes), 86400)
    return client_for(office.app(), token)


def test_a_document_from_its_request_to_its_bytes(office: OfficeForTests) -> None:
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    hers, reviewers = client(office, jane), client(office, rita)
    office.backend.held["jane", PATH] = LEAKY
    made = hers.post(RELEASES, json=WANTED)
    assert (made.status_code, made.json()["state"]) == (202, "copying")
    one = f"{RELEASES}/{made.json()['id']}"
    assert hers.get(f"{one}/preview").status_code == 403
    run(office)
    listed = reviewers.get(RELEASES, params={"show": "to-review"}).json()["items"]
    assert [entry["id"] for entry in listed] == [made.json()["id"]]
    assert "findings" not in listed[0]
    seen = reviewers.get(one).json()
    assert seen["findings"][0]["kind"] == "secret"
    assert KEY not in reviewers.get(one).text
    wrong = {"sha256": seen["plain"]["sha256"], "redacted": True}
    assert reviewers.post(f"{one}/approve", json=wrong).json()["code"] == "other-content"
    assert reviewers.post(f"{one}/approve", json={"redacted": True}).status_code == 400
    right = {"sha256": seen["redacted"]["sha256"], "redacted": True}
    assert reviewers.post(f"{one}/approve", json=right).json()["state"] == "ready"
    assert reviewers.post(f"{one}/approve", json=right).status_code == 409
    taken = hers.get(f"{one}/document")
    assert taken.headers["x-nbkeep-sha256"] == right["sha256"]
    assert KEY not in taken.text
    assert hers.get(f"{one}/document").json()["code"] == "already-taken"


def test_what_is_shown_of_a_document_is_no_page_of_this_site(office: OfficeForTests) -> None:
    jane = office.user("jane")
    hers = client(office, jane)
    office.backend.held["jane", '<b>"x".ipynb'] = CLEAN
    made = hers.post(RELEASES, json=WANTED | {"path": '<b>"x".ipynb'}).json()
    run(office)
    one = f"{RELEASES}/{made['id']}"
    for what in ("preview", "document"):
        headers = hers.get(f"{one}/{what}").headers
        assert headers["content-security-policy"].startswith("sandbox; default-src 'none'"), what
        assert "script-src" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
    assert row(office, made["id"]).state == "released"


def test_the_file_that_is_taken_is_never_shown(office: OfficeForTests) -> None:
    jane = office.user("jane")
    hers = client(office, jane)
    office.backend.held["jane", "a;b\"c'é.ipynb"] = CLEAN
    made = hers.post(RELEASES, json=WANTED | {"path": "a;b\"c'é.ipynb"}).json()
    run(office)
    taken = hers.get(f"{RELEASES}/{made['id']}/document")
    assert taken.content == CLEAN
    assert taken.headers["content-type"] == "application/octet-stream"
    assert taken.headers["content-disposition"] == "attachment; filename*=UTF-8''a%3Bb%22c%27%C3%A9.ipynb"


def test_bad_requests_say_what_is_wrong_and_leave_nothing(office: OfficeForTests) -> None:
    jane = office.user("jane")
    hers = client(office, jane)
    changes: tuple[tuple[dict[str, Any], str], ...] = (
        ({"path": "../bob/x.csv"}, "invalid-path"),
        ({"path": "data.csv", "form": "html"}, "invalid-form"),
        ({"reason": ""}, "invalid-reason"),
        ({"to": ["user:bob"]}, "invalid-to"),
        ({"until": "7d"}, "invalid-until"),
        ({"title": "x"}, "invalid-title"),
        ({"gate": "share", "to": []}, "invalid-audience"),
        ({"gate": "share", "to": ["anyone"]}, "share-with-anyone"),
        ({"gate": "share", "to": ["user:nobody"]}, "user-not-found"),
        ({"gate": "share", "to": ["everyone"], "until": "300d"}, "invalid-expires-at"),
        ({"session": "ses_00000000000000000000"}, "session-not-found"),
        ({"project": "orion"}, "project-not-found"),
    )
    for change, code in changes:
        answer = hers.post(RELEASES, json=WANTED | change)
        assert answer.json()["code"] == code, answer.text
    assert hers.post(RELEASES, json=WANTED | {"gate": "save"}).status_code == 400
    assert hers.post(RELEASES, json=WANTED | {"keep": {"everything": True}}).status_code == 400
    assert hers.get(RELEASES).json()["items"] == []
    assert hers.get(RELEASES, params={"cursor": "x"}).status_code == 400
    assert hers.get(RELEASES, params={"state": "x"}).status_code == 400
