"""A home without room: the session starts, tells what to delete, and loses nothing; an admin makes it larger."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from lab_parts import Desk
from platform_parts import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from platform_parts import Platform

FILL = """import os
os.makedirs('.cache/pip', exist_ok=True)
def fill(path):
    with open(path, 'wb', buffering=0) as file:
        try:
            while True:
                file.write(b'x' * (1 << 20))
        except OSError as error:
            print(error.strerror)
with open('.cache/pip/wheel', 'wb') as file:
    file.write(b'x' * (100 << 20))
fill('data.bin')
with open('more.bin', 'wb', buffering=0) as file:
    try:
        while True:
            file.write(b'x' * 4096)
    except OSError as error:
        print('home is full')
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="homes have a size only when the platform runs as root")
def test_a_full_home_starts_tells_and_can_be_cleaned_or_made_larger(
    platform: Platform, chromium: Browser
) -> None:
    desk = Desk(chromium, platform.person())
    platform.office.patch(f"/users/{desk.person.name}", json={"home_size": "300MiB"}).raise_for_status()
    desk.sign_in()
    session = desk.start(name="full")
    desk.skip_tour()
    desk.write("thesis.ipynb", "words = 'first'")
    desk.write("fill.ipynb", FILL)
    desk.open("fill.ipynb")
    desk.run_cell(0)
    expect(desk.panel.locator(".jp-OutputArea-output", has_text="home is full")).to_be_visible()
    session.stop()

    desk.visit("/")
    session = desk.start(name="full")
    bar = desk.page.get_by_role("status", name=re.compile("Home is full|Notice"))
    expect(bar).to_contain_text(re.compile("home", re.IGNORECASE))
    desk.shoot("home-full")
    desk.open("thesis.ipynb")
    desk.cell(0).locator(".cm-content").click()
    desk.page.keyboard.press("Control+End")
    desk.page.keyboard.insert_text("; words += ' second'\n" + "# a long thought\n" * 2_000)
    desk.page.keyboard.press("Control+s")
    dialog = desk.page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Not saved: your home is full")
    desk.shoot("home-full-save")
    assert "".join(desk.on_disk("thesis.ipynb")["cells"][0]["source"]) == "words = 'first'"
    dialog.get_by_role("button").last.click()

    bar.get_by_role("button", name="Show what uses space").click()
    desk.page.get_by_role("checkbox", name=re.compile(r"\.cache")).check()
    desk.shoot("home-full-usage")
    desk.page.get_by_role("button", name=re.compile("^Delete .*MiB…$")).click()
    desk.page.get_by_role("button", name=re.compile("^Delete .*MiB$")).click()
    expect(desk.page.get_by_text("are free again")).to_be_visible()
    desk.page.keyboard.press("Escape")
    desk.panel.locator(".jp-Notebook").click()
    desk.save()
    assert "second" in "".join(desk.on_disk("thesis.ipynb")["cells"][0]["source"])

    grown = platform.run("volume", "resize", desk.person.name, "600MiB")
    assert grown.returncode == 0, grown.stderr
    wait_for(
        lambda: os.statvfs(desk.home).f_blocks * os.statvfs(desk.home).f_frsize > 500 << 20, 20, "more room"
    )
    expect(bar).to_have_count(0)
    desk.cell(0).locator(".cm-content").click()
    desk.page.keyboard.insert_text("# third")
    desk.save()
    assert "third" in "".join(desk.on_disk("thesis.ipynb")["cells"][0]["source"])
    session.stop()
    desk.close()
