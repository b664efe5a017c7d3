"""The details of a session name what it was refused lately and may ask for, and lead to where one asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lab_world import Lab, open_lab, shoot_both
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.e2e
URL = "http://localhost:8000/portal/grants?session=ses_1&host=huggingface.co%3A443"


def test_a_refused_host_leads_to_the_page_to_ask_on(lab: Lab, page: Page) -> None:
    other = {"host": "files.pythonhosted.org:443", "asked": True, "url": URL}
    lab.show(askable=[{"host": "huggingface.co:443", "asked": False, "url": URL}, other])
    open_lab(page, lab)
    page.locator(".nbkeep-Item").click()
    refused = page.get_by_role("list", name="Refused lately").get_by_role("listitem")
    expect(refused).to_have_count(2)
    link = refused.first.get_by_role("link", name="Ask for access to huggingface.co:443")
    expect(link).to_have_attribute("href", URL)
    expect(link).to_have_attribute("target", "_blank")
    expect(refused.last).to_contain_text("You have asked for it.")
    expect(refused.last.get_by_role("link")).to_have_count(0)
    shoot_both(page, "ask-for-access")


def test_without_one_nothing_is_said_of_it(lab: Lab, page: Page) -> None:
    lab.show()
    open_lab(page, lab)
    page.locator(".nbkeep-Item").click()
    expect(page.get_by_role("dialog")).to_contain_text("No network")
    expect(page.get_by_role("list", name="Refused lately")).to_have_count(0)
