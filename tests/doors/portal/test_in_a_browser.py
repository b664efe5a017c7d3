"""The portal in a real browser: live parts, keyboard, phones, colours, and what works with scripts off."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser_parts import OpenPortal, chromium, open_portal
from nbkeep.model.actor import Role
from nbkeep.model.session import StopReason
from nbkeep.sessions.launch import launch
from nbkeep.sessions.marks import mark_ended, mark_progress, mark_ready
from nbkeep.store.tables import SessionRow
from office_parts import client_for
from share_parts import share, with_anyone

__all__ = ["chromium", "open_portal"]
pytestmark = pytest.mark.e2e

PAGES = ("/", "/files", "/gallery", "/shared", "/releases", "/releases/new", "/reviews", "/account", "/admin/sessions",
         "/admin/users", "/admin/users/jane", "/admin/profiles", "/admin/profiles/notebook-cpu-small", "/admin/flavors",
         "/admin/flavors/new", "/admin/classifications", "/admin/policies", "/admin/releases", "/admin/volumes",
         "/admin/dashboard", "/admin/alarms", "/admin/audit", "/admin/host", "/admin/config", "/nowhere")  # fmt: skip

# WCAG 2.1 AA without a library: names of controls, labels, one h1, landmarks, duplicate ids, contrast of text.
CHECKS = """() => {
  const out = [];
  const seen = (el) => el.checkVisibility() && !el.closest("[hidden], .visually-hidden, .skip");
  const name = (el) => (el.getAttribute("aria-label") || el.labels?.[0]?.textContent || el.textContent || el.title || "").trim();
  for (const el of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary"))
    if (seen(el) && !name(el)) out.push("no name: " + el.outerHTML.slice(0, 120));
  if (document.querySelectorAll("h1").length !== 1) out.push("h1: " + document.querySelectorAll("h1").length);
  for (const what of ["main", "header"]) if (document.querySelectorAll(what).length !== 1) out.push("landmark " + what);
  const ids = [...document.querySelectorAll("[id]")].map((el) => el.id);
  for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) out.push("id twice: " + id);
  for (const el of document.querySelectorAll("[aria-describedby], [aria-labelledby]"))
    for (const attr of ["aria-describedby", "aria-labelledby"])
      for (const id of (el.getAttribute(attr) || "").split(" ").filter(Boolean))
        if (!document.getElementById(id)) out.push(`${attr} points nowhere: ${id}`);
  const rgba = (text) => { const c = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    c.fillStyle = text; c.fillRect(0, 0, 1, 1); const d = c.getImageData(0, 0, 1, 1).data; return [...d]; };
  const lum = ([r, g, b]) => { const f = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const behind = (el) => { for (; el; el = el.parentElement) { const c = rgba(getComputedStyle(el).backgroundColor);
    if (c[3] > 250) return c; } return [255, 255, 255, 255]; };
  for (const el of document.querySelectorAll("body *")) {
    if (!seen(el) || ![...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    if (el.matches("option, [disabled]")) continue;
    const a = lum(rgba(getComputedStyle(el).color)), b = lum(behind(el));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) out.push(`contrast ${ratio.toFixed(2)}: ${el.tagName} ${el.textContent.trim().slice(0, 40)}`);
  }
  return out;
}"""


def test_start_is_followed_live_and_opens_the_session_when_it_is_ready(open_portal: OpenPortal) -> None:
    office = open_portal.office
    jane = office.user("jane")
    page = open_portal.page(jane)
    page.route("**/user/**", lambda route: route.fulfill(status=200, body="JupyterLab would be here"))
    page.locator('[data-profile="notebook-cpu-small"]').get_by_role("button", name="Start CPU small").click()
    page.wait_for_url("**/portal/sessions/*")
    session_id = page.url.rpartition("/")[2].partition("?")[0]
    expect(page.locator(".steps .now")).to_contain_text("Home folder")
    launch(office, user="jane", server_name="notebook-cpu-small", session_id=session_id, profile=None, env={})
    with office.store.write() as tx:
        mark_progress(
            tx, office.clock, tx.get_one(SessionRow, session_id), "sandbox", "Building the sandbox."
        )
    expect(page.locator(".steps .now")).to_contain_text("Building the sandbox.")
    with office.store.write() as tx:
        mark_ready(tx, office.clock, jane, tx.get_one(SessionRow, session_id))
    page.wait_for_url(re.compile(r"http://jane\.localhost:\d+/user/jane/notebook-cpu-small/lab"))


def test_nobody_waits_for_the_next_look_once_the_hub_says_ready(
    open_portal: OpenPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbkeep.doors.portal.live._EVERY_S", 600.0)
    office = open_portal.office
    jane = office.user("jane")
    session_id = office.launched(jane)[0]
    page = open_portal.page(jane)
    page.route("**/user/**", lambda route: route.fulfill(status=200, body="JupyterLab would be here"))
    with page.expect_response("**/live?opening=1"):
        page.goto(f"{page.url.rpartition('/portal/')[0]}/portal/sessions/{session_id}?opening=1")
    hub = client_for(office.app(), None)
    headers = {"Authorization": "Bearer hub-token-of-this-test"}
    assert hub.post(f"/internal/v1/hub/sessions/{session_id}/ready", headers=headers).status_code == 204
    page.wait_for_url(re.compile(r"http://jane\.localhost:\d+/user/jane/[\w-]+/lab"))


def test_a_start_that_fails_says_so_live(open_portal: OpenPortal) -> None:
    office = open_portal.office
    jane = office.user("jane")
    session_id = office.launched(jane)[0]
    page = open_portal.page(jane, path=f"/sessions/{session_id}?opening=1")
    expect(page.locator(".steps")).to_be_visible()
    with office.store.write() as tx:
        row = tx.get_one(SessionRow, session_id)
        mark_ended(tx, office.clock, jane, row, StopReason.SERVER_DIED, "Exit code 3.")
    expect(page.locator("#ending")).to_contain_text("Exit code 3.")
    expect(page.get_by_role("button", name="Start again")).to_be_visible()


def test_the_start_page_shows_a_session_that_was_started_elsewhere(open_portal: OpenPortal) -> None:
    jane = open_portal.office.user("jane")
    page = open_portal.page(jane)
    expect(page.get_by_text("Nothing is running")).to_be_visible()
    open_portal.office.ready(jane, name="from-the-command-line")
    expect(page.get_by_role("link", name="from-the-command-line", exact=True)).to_be_visible()


def test_all_works_with_scripts_off(open_portal: OpenPortal) -> None:
    jane = open_portal.office.user("jane")
    page = open_portal.page(jane, script=False)
    page.locator('[data-profile="notebook-cpu-small"] button').click()
    page.wait_for_url("**/portal/sessions/*")
    assert (
        page.locator("noscript meta[http-equiv=refresh]").count()
        or page.locator("meta[http-equiv=refresh]").count()
    )
    page.locator("#stop").click()
    expect(page.locator("[data-state=stopping], [data-state=stopped]")).to_be_visible()
    page.goto(f"{open_portal.url}/portal/files?usage=1")
    expect(page.get_by_role("heading", name="Your home folder")).to_be_visible()


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_pages_can_be_read_by_everybody(open_portal: OpenPortal, look: str) -> None:
    """Controls have names, text has contrast, nothing is wider than a phone, and no script or style was refused."""
    office = open_portal.office
    jane, ops = office.user("jane"), office.user("ops", Role.ADMIN)
    office.ready(jane, name="a-session-with-quite-a-long-nm")
    office.ready(ops, name="mine")
    with_anyone(office)
    shown = share(office, ops, "everyone", "anyone").id
    share(office, ops, "everyone", gate="publish")
    page = open_portal.page(ops, width=360 if look == "phone" else 1280, dark=look == "dark")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    found: dict[str, list[str]] = {}
    for path in (*PAGES, f"/shared/{shown}", f"/shared/{shown}/views", f"/open/{shown}"):
        page.goto(f"{open_portal.url}/portal{path}", wait_until="load")
        page.wait_for_timeout(100)
        problems: list[str] = page.evaluate(CHECKS)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            problems.append("wider than the window")
        if problems:
            found[path] = problems
    assert found == {}
    assert [one for one in complaints if "404" not in one] == []


def test_the_keyboard_reaches_the_content_and_a_start(open_portal: OpenPortal) -> None:
    page = open_portal.page(open_portal.office.user("jane"))
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip().startswith("Start"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/portal/sessions/*")


def test_colours_can_be_chosen_and_are_kept(open_portal: OpenPortal) -> None:
    page = open_portal.page(open_portal.office.user("jane"))
    page.get_by_role("button", name="Use dark colours").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark == "rgb(18, 25, 29)"


def test_the_journal_is_verified_without_leaving_the_page(open_portal: OpenPortal) -> None:
    ada = open_portal.office.user("ada", Role.AUDITOR)
    open_portal.office.ready(open_portal.office.user("jane"))
    page = open_portal.page(ada, path="/admin/audit")
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.locator("#verdict")).to_contain_text("The chain is whole")
    page.get_by_label("What").fill("session")
    expect(page.locator("#records")).to_contain_text("session.requested")
    page.wait_for_url("**type=session**")


def test_what_a_password_needs_is_shown_while_typing(open_portal: OpenPortal) -> None:
    ops = open_portal.office.user("ops", Role.ADMIN)
    page = open_portal.page(ops, path="/admin/users")
    page.get_by_text("Invite somebody").click()
    page.get_by_label("E-mail address").fill("kim@acme.com")
    page.get_by_role("button", name="Invite and show the link").click()
    link = page.get_by_label("Link", exact=True).input_value()
    page.goto(link)
    page.get_by_label("Password", exact=True).fill("kim")
    expect(page.locator("[data-rule=length]")).not_to_have_class("met")
    page.get_by_label("Password", exact=True).fill("marmot lends seven kites")
    page.get_by_label("The same again").fill("marmot lends seven kites")
    for rule in ("length", "name", "varied", "same"):
        expect(page.locator(f"[data-rule={rule}]")).to_have_class("met")
