"""Script in a notebook's output, in the owner's own browser, tries to act as the owner elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from browser_parts import chromium
from platform_parts import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from platform_parts import Platform, Session

__all__ = ["chromium"]
pytestmark = [pytest.mark.attack, pytest.mark.e2e]

SCRIPT = """async ({portal, other}) => {
  const out = {cookie: document.cookie};
  const tries = {
    who: [`${portal}/api/v1/me`, {}],
    page: [`${portal}/portal/`, {}],
    hub: [`${portal}/hub/api/user`, {}],
    token: [`${portal}/api/v1/tokens`, {method: "POST", body: "{}", headers: {"Content-Type": "application/json"}}],
    start: [`${portal}/portal/sessions`, {method: "POST", mode: "no-cors", body: new URLSearchParams({
      profile: "notebook-cpu-small", name: "by-fetch"})}],
    other: [other, {}],
  };
  for (const [name, [url, options]] of Object.entries(tries)) {
    try {
      const answer = await fetch(url, {credentials: "include", ...options});
      out[name] = await answer.text();
    } catch (error) { out[name] = ""; }
  }
  for (const scope of ["Domain=localhost; Path=/portal", "Domain=localhost; Path=/", "Path=/portal"])
    for (const name of ["nbkeep", "jupyterhub-hub-login", "jupyterhub-session-id"])
      document.cookie = `${name}=tossed; ${scope}`;
  const frame = document.createElement("iframe");
  frame.src = `${portal}/portal/`;
  document.body.append(frame);
  await new Promise((done) => { frame.onload = done; setTimeout(done, 3000); });
  try { out.frame = frame.contentWindow.document.body.innerText; } catch (error) { out.frame = ""; }
  const opened = window.open(`${portal}/portal/`);
  await new Promise((done) => setTimeout(done, 1500));
  try { out.opened = opened.document.body.innerText; } catch (error) { out.opened = ""; }
  return out;
}"""
FORM = """([url, fields]) => {
  const form = Object.assign(document.createElement("form"), {method: "POST", action: url});
  for (const [name, value] of Object.entries(fields))
    form.append(Object.assign(document.createElement("input"), {name, value}));
  document.body.append(form);
  form.submit();
}"""


@pytest.fixture(scope="module")
def session(platform: Platform) -> Session:
    person = platform.person()
    person.sign_in()
    made = person.start()
    made.open()
    return made


@pytest.fixture
def page(session: Session, chromium: Browser) -> Iterator[Page]:
    """A page of the session's origin, in a browser that is signed in everywhere."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{session.platform.url}/")
    page.fill("input[name=username]", session.owner.name)
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/portal/")
    page.goto(f"{session.url}tree", wait_until="commit")
    page.goto(f"{session.url}lab", wait_until="domcontentloaded")
    assert page.url.startswith(session.url.split("/user/")[0])
    yield page
    context.close()


def signed_in(page: Page, session: Session) -> bool:
    tab = page.context.new_page()
    tab.goto(f"{session.platform.url}/portal/")
    found = tab.url == f"{session.platform.url}/portal/"
    tab.close()
    return found


def test_it_reads_nothing_and_starts_nothing(page: Page, session: Session, platform: Platform) -> None:
    other = platform.person()
    url = f"http://{other.name}.localhost:{platform.port}/user/{other.name}/x/api/status"
    out: dict[str, Any] = page.evaluate(SCRIPT, {"portal": platform.url, "other": url})
    assert "nbkeep" not in out.pop("cookie")
    assert {name: text for name, text in out.items() if text} == {}
    for cookie in page.context.cookies(platform.url + "/portal/"):
        assert "tossed" not in str(cookie.get("value"))
    sessions = platform.office.get("/sessions").json()["items"]
    assert [one["name"] for one in sessions if one["user"] == session.owner.name] == [session.name]
    assert signed_in(page, session)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/portal/sessions", {"profile": "notebook-cpu-small", "name": "by-form"}),
        ("/portal/sign-out", {}),
        ("/hub/logout", {}),
        ("/api/v1/tokens", {"name": "mine"}),
    ],
)
def test_a_form_that_it_sends_changes_nothing(
    page: Page, session: Session, platform: Platform, path: str, fields: dict[str, str]
) -> None:
    with page.expect_navigation():
        page.evaluate(FORM, [platform.url + path, fields])
    sessions = platform.office.get("/sessions").json()["items"]
    assert [one["name"] for one in sessions if one["user"] == session.owner.name] == [session.name]
    assert signed_in(page, session)


@pytest.mark.parametrize(
    "origin", ["http://localhost:{port}", "http://other.localhost:{port}", "http://evil.example"]
)
def test_a_page_of_another_origin_opens_no_connection_to_a_kernel(session: Session, origin: str) -> None:
    kernel = session.kernel()
    with pytest.raises(InvalidStatus) as refused:
        session.channel(kernel, origin=origin.format(port=session.platform.port)).close()
    assert refused.value.response.status_code == 403
