"""Another site, or a notebook's output, leads a signed-in browser to the hub's sign-out."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from browser_parts import chromium
from lab_parts import Desk

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from platform_parts import Platform

__all__ = ["chromium"]
pytestmark = [pytest.mark.attack, pytest.mark.e2e]


class _EvilPage(BaseHTTPRequestHandler):
    url: str

    def do_GET(self) -> None:
        body = f'<img src="{self.url}"><iframe src="{self.url}"></iframe><a href="{self.url}">kittens</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def evil(platform: Platform) -> Iterator[str]:
    """The address of another site, whose page asks for the hub's sign-out in every way."""
    page = type("EvilPage", (_EvilPage,), {"url": f"{platform.url}/hub/logout"})
    with ThreadingHTTPServer(("127.0.0.1", 0), page) as server:
        server.block_on_close = False  # a browser keeps its connections
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def jane(platform: Platform, chromium: Browser) -> Iterator[Desk]:
    """Somebody at her browser, signed in."""
    desk = Desk(chromium, platform.person())
    desk.sign_in()
    yield desk
    desk.close()


def is_signed_in(desk: Desk) -> bool:
    desk.visit("/account")
    return desk.page.url.endswith("/portal/account")


def test_pictures_frames_and_links_of_another_site_sign_nobody_out(jane: Desk, evil: str) -> None:
    with jane.page.expect_response(lambda answer: answer.url.endswith("/hub/logout")):
        jane.page.goto(evil, wait_until="load")
    jane.page.get_by_role("link", name="kittens").click()
    expect(jane.page.get_by_role("heading", name="Sign out of nbkeep?")).to_be_visible()
    jane.page.get_by_role("link", name="No, to my workspace").click()
    expect(jane.page.get_by_role("heading", name="Your sessions")).to_be_visible()
    assert is_signed_in(jane)


def test_the_portal_s_button_signs_out_with_one_click_and_its_word_is_of_no_use_later(
    platform: Platform, jane: Desk
) -> None:
    with jane.page.expect_response("**/portal/sign-out") as pressed:
        jane.page.get_by_role("button", name="Sign out").click()
    expect(jane.page.get_by_label("Name or e-mail address")).to_be_visible()
    assert not is_signed_in(jane)
    found = re.search(r"nbkeep-sign-out=([^;]+)", pressed.value.all_headers()["set-cookie"])
    assert found
    jane.sign_in()
    place = f"{platform.url}/hub/logout"
    for word in (found[1], "eyJodWIiOiIiLCJhdCI6MX0.c2ln"):
        jane.context.add_cookies([{"name": "nbkeep-sign-out", "value": word, "url": place}])
        jane.page.goto(place)
        expect(jane.page.get_by_role("heading", name="Sign out of nbkeep?")).to_be_visible()
    assert is_signed_in(jane)


def test_who_comes_from_jupyterlab_s_menu_is_asked_once(platform: Platform, jane: Desk) -> None:
    place = f"{platform.url}/hub/logout"
    forgeries: tuple[dict[str, str | float | bool], ...] = ({}, {"_xsrf": "guess"})
    for forged in forgeries:
        assert jane.context.request.post(place, form=forged).status == 403
    assert is_signed_in(jane)
    jane.page.goto(place)
    jane.page.get_by_role("button", name="Sign out").click()
    expect(jane.page.get_by_label("Name or e-mail address")).to_be_visible()
    assert not is_signed_in(jane)
