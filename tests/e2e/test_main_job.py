"""The main job: sign in, start a profile, run a cell, stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Browser, expect

from platform_parts import PASSWORD

if TYPE_CHECKING:
    from platform_parts import Platform


def test_a_person_signs_in_starts_a_profile_runs_a_cell_and_stops(platform: Platform) -> None:
    person = platform.person()
    page = person.sign_in()
    assert page.url.path == "/portal/"
    session = person.start()
    lab = session.open()
    assert lab.status_code == 200
    assert lab.url.host == f"{person.name}.localhost"
    kernel = session.kernel()
    assert session.execute(kernel, "import pandas; print(pandas.Series([20, 22]).sum())").strip() == "42"
    session.stop()
    assert session.view["stop"]["reason"] == "admin"
    assert session.open().status_code in {404, 424, 503}


def test_signing_in_and_starting_works_in_a_real_browser(platform: Platform, chromium: Browser) -> None:
    person = platform.person()
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{platform.url}/")
    page.fill("input[name=username]", person.name)
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/portal/")
    page.locator("form:has(input[name=profile][value=notebook-cpu-small]) button").first.click()
    page.wait_for_url(f"http://{person.name}.localhost:{platform.port}/**/lab**", timeout=60_000)
    expect(page.locator(".jp-Launcher")).to_be_visible(timeout=60_000)
    # The session's origin has no cookie of the portal or of the hub.
    names = {cookie.get("name") for cookie in context.cookies(page.url)}
    assert "nbkeep" not in names
    assert "jupyterhub-hub-login" not in names
    context.close()


def test_a_wrong_password_signs_nobody_in(platform: Platform) -> None:
    person = platform.person()
    page = person.sign_in("wrong-password-of-12")
    assert page.status_code == 403
    assert "/portal/" not in page.url.path
