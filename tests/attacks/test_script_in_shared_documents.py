"""Attack: script in a document that was released all the same, in its words, and in its name; in a real browser.

Documents are cleaned before they are released. Here they are not: the page that shows them must hold by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from browser_parts import chromium, open_portal
from nbkeep.model.actor import Role
from nbkeep.shares.end import revoke_share
from nbkeep.shares.link import anyone_address
from nbkeep.shares.records import list_views
from nbkeep.store.share_tables import ShareRow
from portal_parts import HOSTILE
from share_parts import share, with_anyone

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page, Request

    from browser_parts import OpenPortal

__all__ = ["chromium", "open_portal"]
pytestmark = [pytest.mark.attack, pytest.mark.e2e]

# Each writes the word OWNED into a title, the portal, an alert or a request, if it may do anything at all.
EVIL = """<!doctype html><html><head><title>quiet</title>
<meta http-equiv="refresh" content="0; url=/portal/account?OWNED">
<base href="https://evil.example/OWNED/">
<link rel="stylesheet" href="{portal}/portal/account?OWNED-css">
<style>@import url("{portal}/portal/account?OWNED-import"); #x {{ background: url("{portal}/portal/account?OWNED-url") }}</style>
<script>document.title = "OWNED"; alert("OWNED"); fetch("/portal/account?OWNED");</script>
<script src="{portal}/portal/static/portal.js?OWNED"></script></head>
<body onload="document.title='OWNED'" id="x"><h1 id="there">There</h1>
<img src=x onerror="alert('OWNED')"><img src="{portal}/portal/account?OWNED-img">
<svg onload="alert('OWNED')"><script>alert('OWNED')</script><foreignObject><iframe src="javascript:alert('OWNED')"></iframe>
</foreignObject><use href="data:image/svg+xml,<svg onload=alert(1)>"/></svg>
<iframe src="/portal/account?OWNED-frame"></iframe><object data="/portal/account?OWNED-object"></object>
<embed src="/portal/account?OWNED-embed"><math><mtext><script>alert('OWNED')</script></mtext></math>
<form id="f" action="/portal/sign-out?OWNED" method="post"><button id="go">Go</button></form>
<a id="up" href="{portal}/portal/account?OWNED-top" target="_top">up</a>
<a id="out" href="https://evil.example/OWNED">out</a>
<a id="js" href="javascript:alert('OWNED')">js</a></body></html>"""


class Watched:
    """A page of a browser, with all that it asked for and said."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.said: list[str] = []
        # What a policy blocks is a request that gets no answer; everything else has one here.
        page.context.route("**://evil.example/**", lambda route: route.fulfill(body="OWNED"))
        page.on("response", lambda one: self.asked.append(one.url))
        page.on("dialog", self._heard)

    def _heard(self, dialog: Dialog) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def check(self) -> None:
        """Assert that nothing of the document did anything."""
        self.page.wait_for_timeout(400)
        assert not self.said
        assert not [one for one in self.asked if "OWNED" in one or "evil" in one], self.asked
        assert "OWNED" not in self.page.title()


def test_a_hostile_document_does_nothing_in_the_frame_nor_by_itself(open_portal: OpenPortal) -> None:
    office = open_portal.office
    jane, bob = office.user("jane"), office.user("bob")
    evil = EVIL.format(portal=open_portal.url).encode()
    made = share(office, jane, "user:bob", data=evil)
    watched = Watched(open_portal.page(bob, path="/gallery"))
    page = watched.page
    page.goto(f"{open_portal.url}/portal/shared/{made.id}")
    inside = page.frame_locator("#document")
    expect(inside.locator("#there")).to_be_visible()
    watched.check()
    for name in ("#go", "#up", "#js", "#out"):
        inside.locator(name).click(no_wait_after=True)
        page.wait_for_timeout(100)
        assert page.url == f"{open_portal.url}/portal/shared/{made.id}", name
        page.reload()
        expect(inside.locator("#there")).to_be_visible()
    watched.check()

    alone = Watched(open_portal.page(bob, path="/gallery"))
    alone.page.goto(f"{open_portal.url}/portal/shared/{made.id}/document")
    expect(alone.page.locator("#there")).to_be_visible()
    alone.check()
    assert alone.page.evaluate("self.origin") == "null", "an origin of its own: no cookie, no storage"
    assert (
        alone.page.evaluate("(() => { try { return document.cookie } catch (e) { return e.name } })()")
        == "SecurityError"
    )


def test_words_of_a_share_stay_words_on_every_page(open_portal: OpenPortal) -> None:
    office = open_portal.office
    jane, bob, root = office.user("jane"), office.user("bob"), office.user("root", Role.ADMIN)
    made, shown = share(office, jane, "user:bob"), share(office, jane, "user:bob", gate="publish")
    for row_id in (made.id, shown.id):
        with office.store.write() as tx:
            row = tx.get_one(ShareRow, row_id)
            # What the rules refuse today, a row of another release might hold.
            row.title, row.description, row.tag_words = HOSTILE, HOSTILE, f" {HOSTILE.replace(' ', '')} "
            row.classification, row.media_type, row.form = HOSTILE[:16], "text/html", HOSTILE[:16]
    with office.store.write() as tx:
        revoke_share(tx, office.clock, root, made.id, HOSTILE[:60].replace("\n", " "))
    for actor, paths in (
        (bob, ("/gallery", f"/gallery?find={HOSTILE}&tag={HOSTILE}&owner={HOSTILE}", f"/shared/{shown.id}",
               "/shared?which=with-me", "/")),
        (jane, ("/shared", f"/shared/{made.id}/views", f"/shared/{shown.id}/views", "/")),
        (root, ("/shared?which=all", f"/shared/{shown.id}/views")),
    ):  # fmt: skip
        watched = Watched(open_portal.page(actor, path="/gallery"))
        for path in paths:
            answer = watched.page.goto(f"{open_portal.url}/portal{path}")
            assert answer is not None
            assert answer.status == 200, path
            assert watched.page.locator("img").count() == 0, path
            assert watched.page.evaluate("[...document.scripts].every((one) => one.src)"), path
        assert not watched.said


def test_a_link_for_anyone_is_opened_once_and_its_key_is_sent_to_nobody_else(open_portal: OpenPortal) -> None:
    office = open_portal.office
    with_anyone(office)
    jane = office.user("jane")
    made = share(office, jane, "anyone")
    link = anyone_address(office.settings, made.id)
    key = link.partition("#")[2]
    watched = Watched(open_portal.page(path="/nowhere"))
    page = watched.page
    referrers: list[str] = []

    def sent(one: Request) -> None:
        watched.asked.append(one.url)
        referrers.append(one.headers.get("referer", ""))

    page.on("request", sent)
    page.goto(link)
    expect(page.frame_locator("#document").locator("h1")).to_have_text("Churn in Q3")
    assert page.url == f"{open_portal.url}/portal/open/{made.id}"
    assert not [one for one in (*watched.asked, *referrers) if key in one.partition("#")[0]]
    page.go_back()
    assert key not in page.url, "the history has no key either"
    with office.store.read() as tx:
        assert [one.viewer for one in list_views(tx, jane, made.id).rows] == ["anonymous"]
    with_anyone(office, allowed=False)
    page.goto(f"{open_portal.url}/portal/open/{made.id}/document")
    expect(page.locator("#error")).to_have_attribute("data-code", "share-not-found")


def test_another_site_and_a_session_cannot_frame_a_document(open_portal: OpenPortal) -> None:
    office = open_portal.office
    jane = office.user("jane")
    made = share(office, jane, "everyone")
    page = open_portal.page(jane, path="/gallery")
    port = open_portal.url.rpartition(":")[2]
    for path in (
        f"/portal/shared/{made.id}",
        f"/portal/shared/{made.id}/document",
        f"/portal/shared/{made.id}/views",
    ):
        page.route(
            "**/attacker",
            lambda route, at=path: route.fulfill(
                content_type="text/html", body=f'<iframe src="http://localhost:{port}{at}"></iframe>'
            ),
        )
        page.goto(f"http://jane--one.localhost:{port}/attacker")
        page.wait_for_timeout(300)
        assert not page.frames[1].locator("h1").count(), path
        page.unroute("**/attacker")
