"""An admin invites Jane, helps her in her session with a reason that she reads, and ends her account.

The tests of this file are one story, in order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from lab_parts import Desk, wait_audit
from platform_parts import PASSWORD, Person, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from platform_parts import Platform, Session

ADMIN_PAGES = ("sessions", "users", "profiles", "flavors", "volumes", "audit", "host", "config")
REASON = "Ticket 4711: her notebook does not open"


@dataclass
class Cast:
    """Who plays, and what they share."""

    admin: Desk
    jane: Desk
    link: str

    def session(self) -> Session:
        """Jane's session, started at first use; her first visit's tour is skipped."""
        if not hasattr(self, "_session"):
            self._session = self.jane.start(name="report")
            self.jane.skip_tour()
        return self._session


@pytest.fixture(scope="module")
def cast(platform: Platform, chromium: Browser) -> Iterator[Cast]:
    """An admin, who has invited Jane by the page; Jane, who has joined by the link."""
    name = f"jane{uuid4().hex[:4]}"
    admin = Desk(chromium, platform.person(f"ada{uuid4().hex[:4]}", role="notebook.admin"))
    admin.sign_in()
    page = admin.visit("/")
    people = page.get_by_role("link", name="People")
    expect(people).to_be_hidden()
    page.get_by_text("Work", exact=True).and_(page.locator(".subnav summary")).click()
    people.click()
    expect(page.locator(".subnav details[open]")).to_have_count(0)
    page.get_by_text("Invite somebody").click()
    page.get_by_label("E-mail address").fill(f"{name}@acme.com")
    page.get_by_role("button", name="Invite and show the link").click()
    link = page.get_by_label("Link").input_value()
    admin.shoot("admin-invited")

    jane = Desk(chromium, Person(platform, name))
    jane.page.goto(link)
    jane.shoot("join")
    jane.page.get_by_label("Password", exact=True).fill(PASSWORD)
    jane.page.get_by_label("The same again").fill(PASSWORD)
    jane.page.get_by_role("button", name="Set password and sign in").click()
    expect(jane.page.get_by_label("Name or e-mail address")).to_have_value(name)
    jane.page.get_by_label("Password").fill(PASSWORD)
    jane.page.get_by_role("button", name="Sign in").click()
    expect(jane.page.get_by_role("heading", name="Your sessions")).to_be_visible()
    yield Cast(admin, jane, link)
    admin.close()
    jane.close()


def test_a_link_works_once_and_a_user_sees_no_admin_page(platform: Platform, cast: Cast) -> None:
    page = cast.jane.page
    expect(page.get_by_role("link", name="People")).to_have_count(0)
    for one in ADMIN_PAGES:
        answer = page.goto(f"{platform.url}/portal/admin/{one}")
        assert answer is not None
        assert answer.status in {403, 404}, one
        expect(page.locator("#error h1")).to_be_visible()
    cast.jane.shoot("not-for-jane")
    page.goto(cast.link)
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("link", re.IGNORECASE))
    cast.jane.shoot("link-used")


def test_an_admin_enters_with_a_reason_only_and_jane_reads_it(platform: Platform, cast: Cast) -> None:
    session, admin, jane = cast.session(), cast.admin, cast.jane
    answer = admin.page.goto(session.url + "lab")
    assert answer is not None
    assert answer.status == 404
    admin.shoot("admin-without-reason")
    portal = admin.visit("/admin/sessions")
    portal.get_by_role("link", name=f"Enter report of {jane.person.name}").click()
    why, go_on = portal.get_by_label("Why do you need to look?"), portal.get_by_role("button", name="Record the reason and continue")  # fmt: skip
    why.fill("x")
    go_on.click()
    expect(portal.locator("#entered")).to_have_count(0)
    why.fill(REASON)
    go_on.click()
    admin.shoot("admin-may-enter")
    with admin.context.expect_page() as opened:
        portal.locator("#open").click()
    admin.page = opened.value
    expect(admin.page.locator(".nbkeep-Item")).to_be_visible()
    admin.write("look.ipynb", "print('from', 'the admin')")
    admin.open("look.ipynb", wait=False)
    admin.run_cell(0)
    expect(admin.panel.locator(".jp-OutputArea-output", has_text="from the admin")).to_be_visible()
    admin.shoot("admin-in-session")
    admin.page.close()
    admin.page = portal

    bar = jane.page.get_by_role("status", name="Notice")
    expect(bar).to_contain_text(REASON)
    expect(bar).to_contain_text(admin.person.name)
    jane.shoot("jane-sees-visit")
    lab, jane.page = jane.page, jane.context.new_page()
    jane.visit("/")
    expect(jane.page.locator("#notices")).to_contain_text(REASON)
    jane.page.close()
    jane.page = lab
    record = wait_audit(platform, session, "session.access-granted")
    assert record["data"]["reason"] == REASON
    assert admin.person.name in str(record)


def test_admin_pages_show_what_is_there(cast: Cast) -> None:
    cast.session()
    for one in ADMIN_PAGES:
        page = cast.admin.visit(f"/admin/{one}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        if one in {"sessions", "users", "volumes", "audit"}:
            expect(page.locator("table")).to_contain_text(cast.jane.person.name)
        cast.admin.shoot(f"admin-{one}", full=True)


def test_a_disabled_person_s_session_ends_and_they_are_told(platform: Platform, cast: Cast) -> None:
    session, admin, jane = cast.session(), cast.admin, cast.jane
    admin.visit(f"/admin/users/{jane.person.name}")
    admin.page.get_by_label("Disable: why?").fill("She left the company")
    admin.page.once("dialog", lambda dialog: dialog.accept())
    admin.page.locator("#disable").click()
    expect(admin.page.get_by_text("Cannot sign in. Files are kept.")).to_be_visible()
    wait_for(lambda: session.state in {"suspended", "stopped"}, 60, "her session to end")
    assert session.view["stop"]["reason"] == "user-disabled"
    expect(jane.page.get_by_role("alertdialog")).to_contain_text("and so are files, open tabs and the layout")
    jane.shoot("jane-disabled-lab")
    jane.visit("/")
    expect(jane.page.locator("#error").or_(jane.page.get_by_label("Password"))).to_be_visible()
    jane.shoot("jane-disabled-portal")
