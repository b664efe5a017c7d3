"""Attack: open what is shared with others: by ids, old links, guesses, forwarded ones, and the API."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import pytest
from starlette.responses import Response

from nbkeep.audit.search import Wanted, search
from nbkeep.doors.portal import viewer
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.people import tokens
from nbkeep.shares.end import revoke_share
from nbkeep.shares.link import anyone_address
from nbkeep.shares.records import list_views
from office_parts import client_for
from portal_parts import SAME_ORIGIN, portal
from share_parts import PAGE, share, with_anyone

if TYPE_CHECKING:
    import httpx

    from portal_parts import Portal

__all__ = ["portal"]
pytestmark = pytest.mark.attack
ABSENT = "shr_00000000000000000000"
WAYS = ("", "/document", "/file", "/views")


def alike(answer: httpx.Response, *names: str) -> tuple[int, str]:
    """Return what an answer tells, without what was asked for and what differs each time."""
    told = answer.text
    for one in names:
        told = told.replace(one, "X")
    return answer.status_code, re.sub(r'(csrf" value|X-CSRF-Token": |server-time" content=)"[^"]*"', "", told)


def test_over_for_others_and_never_there_are_one_page(portal: Portal) -> None:
    office = portal.office
    jane, mallory = office.user("jane"), portal.person("mallory")
    theirs, mine = share(office, jane, "user:jane").id, share(office, jane, "user:mallory").id
    revoked, expired = share(office, jane, "everyone").id, share(office, jane, "everyone").id
    with office.store.write() as tx:
        revoke_share(tx, office.clock, jane, revoked, "")
    assert mallory.client.get(f"/portal/shared/{expired}").status_code == 200
    office.clock.advance(8 * 86400)
    mallory = portal.browser(mallory.actor)
    for way in WAYS:
        nobodys = alike(mallory.client.get(f"/portal/shared/{ABSENT}{way}"), ABSENT)
        assert nobodys[0] == 404
        for one in (theirs, mine, revoked, expired):
            assert alike(mallory.client.get(f"/portal/shared/{one}{way}"), one) == nobodys, way
    for act in ("revoke", "shorten"):
        answer = mallory.post(f"/shared/{theirs}/{act}", reason="mine now", expires_at="2026-01-02T00:00")
        assert answer.status_code == 404
    assert mallory.client.get("/portal/shared?which=all").status_code == 403


def test_ids_of_others_are_worth_nothing_in_the_api(portal: Portal) -> None:
    office = portal.office
    jane, mallory = office.user("jane"), office.user("mallory")
    theirs = share(office, jane, "user:jane").id
    with office.store.write() as tx:
        _, secret = tokens.create_token(tx, office.clock, mallory, "test", sorted(mallory.scopes), 3600)
    api = client_for(office.app(), secret)
    for method, path, body in (
        ("GET", "/shares/ID", None),
        ("GET", "/shares/ID/views", None),
        ("GET", "/shares/ID/file", None),
        ("POST", "/shares/ID/revoke", {"reason": "x"}),
        ("PATCH", "/shares/ID", {"expires_at": "2026-01-03T00:00:00Z"}),
    ):
        answers = [alike(api.request(method, f"/api/v1{path.replace('ID', one)}", json=body), one)
                   for one in (theirs, ABSENT, "%2e%2e", "x" * 300)]  # fmt: skip
        assert answers[0][0] == 404
        assert len(set(answers)) == 1, path
    assert api.get("/api/v1/shares?which=all").status_code == 403
    for path in ("/api/v1/shares", "/api/v1/shares?which=with-me", "/api/v1/gallery"):
        assert api.get(path).json()["items"] == []
    with office.store.read() as tx:
        assert not list_views(tx, jane, theirs).rows


def test_a_forwarded_link_is_nothing_to_who_is_not_named(portal: Portal) -> None:
    office = portal.office
    jane, bob = portal.person("jane"), portal.person("bob")
    eve, stranger = portal.person("eve"), portal.stranger()
    made = share(office, jane.actor, "user:bob").id
    assert bob.client.get(f"/portal/shared/{made}/document").content == PAGE
    assert eve.client.get(f"/portal/shared/{made}/document").status_code == 404
    for one in (made, ABSENT):
        answer = stranger.get(f"/portal/shared/{one}", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/portal/sign-in?next=/portal/shared/{one}",
        )


def test_links_for_anyone_are_not_guessed_and_end_with_the_setting(
    portal: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    office = portal.office
    caplog.set_level(logging.DEBUG)
    with_anyone(office)
    jane, stranger = portal.person("jane"), portal.stranger()
    made, named = share(office, jane.actor, "anyone").id, share(office, jane.actor, "user:jane").id
    key = anyone_address(office.settings, made).partition("#")[2]

    def tried(share_id: str, given: str, **headers: str) -> httpx.Response:
        return stranger.post(f"/portal/open/{share_id}", data={"key": given}, headers=SAME_ORIGIN | headers,
                             follow_redirects=False)  # fmt: skip

    asked = {alike(stranger.get(f"/portal/open/{one}"), one) for one in (made, named, ABSENT)}
    assert len(asked) == 1, "whether there is such a share is not told without the key"
    wrong = {alike(tried(one, given), one)
             for one in (made, named, ABSENT) for given in ("", key[:-1], key + "A", "A" * 43, "\x00")
             if given or one}  # fmt: skip
    wrong |= {alike(tried(one, key), one) for one in (named, ABSENT)}
    assert {status for status, _ in wrong} == {404}
    assert len(wrong) == 1
    assert (
        tried(made, key, **{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}).status_code
        == 403
    )
    opened = tried(made, key)
    assert (opened.status_code, opened.headers["location"]) == (303, f"/portal/open/{made}")
    cookie = opened.headers["set-cookie"]
    assert f"Path=/portal/open/{made}" in cookie
    assert "HttpOnly" in cookie
    assert stranger.get(f"/portal/open/{made}/document").content == PAGE
    assert stranger.get(f"/portal/open/{named}/document").status_code == 404
    assert stranger.get(f"/portal/shared/{made}", follow_redirects=False).status_code == 303
    with office.store.read() as tx:
        journal = str(search(tx, OPERATOR, Wanted()).records)
    assert "anonymous" in journal
    assert key not in journal + caplog.text
    with_anyone(office, allowed=False)
    for way in ("/document", "/file"):
        assert stranger.get(f"/portal/open/{made}{way}").status_code == 404
    assert tried(made, key).status_code == 404


def test_an_admin_sees_that_a_document_is_shared_and_not_the_document(portal: Portal) -> None:
    office = portal.office
    with_anyone(office)
    jane, root = portal.person("jane"), portal.person("root", Role.ADMIN)
    made = share(office, jane.actor, "anyone", "user:jane").id
    assert made in root.get("/shared?which=all")
    hers, admins = jane.get(f"/shared/{made}/views"), root.get(f"/shared/{made}/views")
    assert f"/portal/open/{made}#" in hers
    assert f"/portal/open/{made}" not in admins
    assert root.client.get(f"/portal/shared/{made}/document").status_code == 404


def test_every_answer_says_what_a_browser_must_not_do_with_it(portal: Portal) -> None:
    office = portal.office
    jane = portal.person("jane")
    html, book = (
        share(office, jane.actor, "everyone"),
        share(
            office,
            jane.actor,
            "everyone",
            form="ipynb",
            media_type="text/html",
            title='x"; filename=evil.html\u00e9',
        ),
    )
    picture = share(
        office, jane.actor, "everyone", form="original", media_type="image/svg+xml", data=b"<svg/>"
    )
    document = jane.client.get(f"/portal/shared/{html.id}/document").headers
    policy = document["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert "frame-ancestors http://localhost:8000" in policy
    assert "allow-" not in policy
    assert document["content-type"] == "text/html; charset=utf-8"
    for row, name in (
        (html, "churn-in-q3.html"),
        (book, "x-filename-evil-html.ipynb"),
        (picture, "churn-in-q3.bin"),
    ):
        given = jane.client.get(f"/portal/shared/{row.id}/file").headers
        assert given["content-disposition"] == f'attachment; filename="{name}"'
        assert given["content-type"] == "application/octet-stream"
        assert given["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert given["x-frame-options"] == "DENY"
        for headers in (given, document):
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cross-origin-resource-policy"] == "same-origin"
    assert jane.client.get(f"/portal/shared/{picture.id}/document").status_code == 404, "never shown inline"
    shown = jane.client.get(f"/portal/shared/{html.id}")
    assert re.search(r'<iframe[^>]* sandbox referrerpolicy="no-referrer"></iframe>', shown.text)
    assert shown.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]


def test_a_look_is_on_record_before_the_first_byte(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that breaks the connection off has been given it all the same."""
    office = portal.office
    jane, bob = portal.person("jane"), portal.person("bob")
    made = share(office, jane.actor, "user:bob").id

    class BrokenOff(Response):
        async def __call__(self, *_: object) -> None:
            raise ConnectionResetError

    monkeypatch.setattr(viewer, "Response", BrokenOff)
    assert bob.client.get(f"/portal/shared/{made}/document").status_code == 500
    with office.store.read() as tx:
        assert [(one.viewer, one.way) for one in list_views(tx, jane.actor, made).rows] == [("bob", "page")]
