"""Script in a document under review, opened in a real browser: framed beside the buttons, and by itself."""

from __future__ import annotations

import pytest
from playwright.sync_api import Dialog, expect

from browser_parts import OpenPortal, chromium, open_portal
from nbkeep.model.actor import Role
from nbkeep.store.release_tables import ReleaseRow
from portal_parts import HOSTILE
from release_parts import asked, documents, notebook, row
from scan_parts import KEY

__all__ = ["chromium", "open_portal"]
pytestmark = [pytest.mark.attack, pytest.mark.e2e]
PAGE = """<!doctype html><title>x</title><h1 id=here>here</h1>
<script>document.title = "ran"; parent.document.title = "ran"; alert(1); fetch("/portal/account")</script>
<img src=x onerror="alert(2)"><svg onload="alert(3)"></svg><iframe srcdoc="<script>alert(4)</script>"></iframe>
<form action="/portal/reviews/ID" method="post"><input name="decision" value="approve"><button id=go>go</button></form>
<a id=out href="/portal/sign-out" target="_top">out</a><meta http-equiv="refresh" content="0;url=/portal/account">"""


def test_it_runs_nothing_sends_nothing_and_leads_nowhere(open_portal: OpenPortal) -> None:
    office = open_portal.office
    jane, ruth = office.user("jane"), office.user("ruth", Role.REVIEWER)
    release_id = asked(
        office, jane, notebook(f'token = "{KEY}"', HOSTILE), path="<img src=x onerror=alert(9)>.ipynb"
    )
    data = PAGE.replace("ID", release_id).encode()
    with office.store.write() as tx:  # as if what makes pages had let all of it through
        changed = tx.get_one(ReleaseRow, release_id)
        changed.redacted_sha256 = changed.preview_sha256 = documents(office).put(data)
        changed.pages = {
            **changed.pages,
            "redacted": {"media_type": "text/html", "name": "a.html", "size_bytes": 1},
        }
    said: list[str] = []

    def heard(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page = open_portal.page(ruth, path=f"/reviews/{release_id}")
    page.on("dialog", heard)
    for tab in ("What it contains", "Redacted"):
        page.locator(".tabs").get_by_role("link", name=tab).click()
        frame = page.frame_locator("#shown")
        expect(frame.locator("#here")).to_be_visible()
        frame.locator("#go").click()
        frame.locator("#out").click()
        page.wait_for_timeout(150)
        expect(frame.locator("#here")).to_be_visible()
        assert page.url.endswith(f"/portal/reviews/{release_id}")
        assert page.title().startswith("Review")
    for name in ("preview", "redacted"):
        page.goto(f"{open_portal.url}/portal/releases/{release_id}/shown/{name}")
        page.wait_for_timeout(150)
        assert page.title() != "ran", name
        assert page.evaluate("self.origin") == "null", name
    assert said == []
    assert row(office, release_id).state == "waiting"
