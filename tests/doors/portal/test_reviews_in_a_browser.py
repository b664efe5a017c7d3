"""A review in a real browser: the document beside its findings, keyboard, phones, and a page that follows itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import expect
from test_in_a_browser import CHECKS

from browser_parts import OpenPortal, chromium, open_portal
from nbkeep.model.actor import Role
from release_parts import CLEAN, ask, asked, notebook, row, run
from scan_parts import KEY

__all__ = ["chromium", "open_portal"]
pytestmark = pytest.mark.e2e
LONG = notebook(
    "1 + 1", *["\n".join(f"x{number} = {number}" for number in range(40))] * 4, f'token = "{KEY}"'
)


def test_findings_lead_to_their_cells_and_nothing_typed_is_lost(open_portal: OpenPortal) -> None:
    office = open_portal.office
    jane, ruth = office.user("jane"), office.user("ruth", Role.REVIEWER)
    release_id = asked(office, jane, LONG)
    page = open_portal.page(ruth, path="/")
    page.get_by_role("link", name="Review", exact=True).click()
    page.get_by_role("link", name="Review churn.ipynb of jane").click()
    frame = page.frame_locator("#shown")
    expect(frame.locator("#cell-1")).to_be_in_viewport()
    expect(frame.locator("#cell-6")).not_to_be_in_viewport()
    page.get_by_role("link", name="Cell 6").click()
    expect(frame.locator("#cell-6 mark")).to_be_in_viewport()
    comment = page.get_by_label("Comment on cell 6 for jane")
    comment.fill("rotate this key")
    comment.press("Enter")
    page.get_by_role("link", name="Redacted").click()
    expect(frame.locator("body")).to_contain_text("x39 = 39")
    expect(frame.locator("body")).not_to_contain_text(KEY)
    expect(page.locator(".tabs [aria-current]")).to_have_text("Redacted")
    assert row(office, release_id).state == "waiting", "Enter decides nothing"
    expect(comment).to_have_value("rotate this key")
    page.get_by_role("button", name="Send back").click()
    page.wait_for_url("**/portal/reviews*")
    expect(page.locator("#flash")).to_contain_text("Sent back.")
    assert row(office, release_id).comments == [{"cell": 6, "text": "rotate this key"}]


def test_the_authors_page_follows_it_by_itself_until_the_file_is_taken(open_portal: OpenPortal) -> None:
    office = open_portal.office
    release_id = ask(office, jane := office.user("jane"), CLEAN)
    page = open_portal.page(jane, path=f"/releases/{release_id}")
    expect(page.locator("#way .now")).to_have_text("Copy it out of the home")
    run(office)
    with page.expect_download() as download:
        page.get_by_role("button", name="Take the file").click()
    taken = Path(download.value.path()).read_bytes()
    assert (download.value.suggested_filename, taken) == ("churn.ipynb", CLEAN)
    expect(page.locator(".page-head .badge")).to_have_text("Taken")
    expect(page.get_by_role("button", name="Take the file")).to_have_count(0)
    assert hashlib.sha256(taken).hexdigest() == row(office, release_id).approved_sha256


def test_the_form_asks_only_for_what_the_way_out_needs(open_portal: OpenPortal) -> None:
    office = open_portal.office
    office.user("bob")
    page = open_portal.page(jane := office.user("jane"), path="/releases/new?path=work/churn.ipynb")
    office.backend.held[jane.name, "work/churn.ipynb"] = CLEAN
    people = page.locator("#f-people")
    expect(people).to_be_hidden()
    page.locator("[name=gate][value=share]").check()
    people.fill("bob")
    page.get_by_label("For how long").fill("next year")
    page.get_by_label("What for").fill("to compare")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#e-until")).to_be_visible()
    expect(people).to_have_value("bob")
    page.get_by_label("For how long").fill("2d")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_url("**/portal/releases/rel_*")
    run(office)
    expect(page.get_by_role("link", name="Open what is shared")).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (400, False)])
def test_pages_of_a_release_are_readable_for_all(open_portal: OpenPortal, width: int, *, dark: bool) -> None:
    office = open_portal.office
    jane, ruth = office.user("jane"), office.user("ruth", Role.REVIEWER)
    release_id = asked(office, jane, LONG, path="work/a-rather-long-name-of-a-notebook-in-a-folder.ipynb")
    for actor, path in (
        (ruth, f"/reviews/{release_id}"),
        (jane, f"/releases/{release_id}"),
        (ruth, "/reviews"),
    ):
        page = open_portal.page(actor, path=path, width=width, dark=dark)
        assert page.evaluate(CHECKS) == [], path
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) <= 0, path
        page.context.close()
