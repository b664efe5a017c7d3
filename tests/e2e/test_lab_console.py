"""JupyterLab in a session asks for nothing that is not there: its console and its network log are clean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Browser, ConsoleMessage, Response, expect

from platform_parts import PASSWORD

if TYPE_CHECKING:
    from platform_parts import Platform


def test_a_fresh_lab_with_a_notebook_logs_no_error_and_offers_no_dead_end(
    platform: Platform, chromium: Browser
) -> None:
    person = platform.person()
    context = chromium.new_context()
    page = context.new_page()
    wrong: list[str] = []

    def told(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(message.text)

    def answered(response: Response) -> None:
        if response.status >= 400:
            wrong.append(f"{response.status} {response.request.method} {response.url}")

    page.goto(f"{platform.url}/")
    page.fill("input[name=username]", person.name)
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/portal/")
    page.on("console", told)
    page.on("response", answered)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.locator("form:has(input[name=profile][value=notebook-cpu-small]) button").first.click()
    page.wait_for_url("**/lab**", timeout=60_000)
    page.wait_for_function("document.querySelector('.driver-popover')", timeout=60_000)
    page.keyboard.press("Escape")  # the tour
    page.locator(".jp-LauncherCard[data-category=Notebook]").first.click()
    expect(page.locator(".jp-Notebook .jp-InputPrompt").first).to_be_visible(timeout=60_000)
    page.wait_for_timeout(3_000)  # what plug-ins ask for when a first notebook is there
    page.locator(".lm-MenuBar-item", has_text="File").first.click()
    expect(page.locator(".lm-Menu-itemLabel", has_text="Save Notebook As…")).to_be_visible()
    expect(page.locator(".lm-Menu-itemLabel", has_text="Export")).to_have_count(0)
    disabled = page.evaluate(
        "JSON.parse(document.getElementById('jupyter-config-data').textContent).disabledExtensions"
    )
    assert "@jupyterlab/lsp-extension" in disabled
    assert "@jupyterlab/hub-extension:menu" in disabled  # what our own extension disables stays so
    context.close()
    assert not wrong, wrong
