"""The sidebar "Data": what there is, code for it in one click, and asking for more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lab_world import Lab, instant, open_lab, run_command, shoot_both
from playwright.sync_api import expect
from test_lab_extension import notebook

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.e2e
HOSTILE = "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>"


def dataset(name: str = "sales", **changes: Any) -> dict[str, Any]:
    """Return a dataset whose sample is open."""
    return {
        "name": name, "classification": "internal", "purpose": "Orders of all shops, by day", "owner": "olga",
        "address": f"http://{name}.data.nbkeep/", "samples": ["2026-01/*.parquet"], "has_keys": True,
        "level": "sample", "why": f"only the sample of {name} is open without a grant", "remedy": "",
        "may_ask": True, "until": None, "decider": "olga", "closes_internet": False, "asked": None, "answer": None,
    } | changes  # fmt: skip


HIGH = dataset("people", classification="pii", purpose="Who works where", level="none", may_ask=False,
               why="the dataset people is pii, and the session's profile is cleared for internal data",
               remedy="Start a session of a profile that is cleared for it; no grant opens it here.")  # fmt: skip
ASKED = {"at": instant(), "wanted_s": 7200, "reason": "Totals of the quarter"}
CONNECTIONS: list[dict[str, Any]] = [
    {"name": "warehouse", "kind": "postgres", "local_port": 5432, "is_granted": True, "database": "sales", "has_password": True},
    {"name": "queue", "kind": "tcp", "local_port": 5672, "is_granted": False, "database": None, "has_password": None},
]  # fmt: skip
PACKAGES: list[dict[str, Any]] = [
    {"name": "nbone", "version": "1.0", "outcome": "installed", "reason": "", "approved": False, "vulnerabilities": ["GHSA-1"]},
    {"name": "evil", "version": "", "outcome": "refused", "reason": "evil is on the deny-list", "approved": False, "vulnerabilities": []},
]  # fmt: skip


def opened(page: Page, lab: Lab, path: str = "") -> Locator:
    """Open the panel by its tab in the sidebar."""
    open_lab(page, lab, path)
    # JupyterLab puts the keyboard there when it has started: what is typed before would be lost.
    expect(page.locator(".jp-NotebookPanel .jp-Cell" if path else ".jp-LauncherCard").first).to_be_visible()
    page.get_by_role("tab", name="Data: datasets").click()
    panel = page.get_by_role("region", name="Data", exact=True)
    expect(panel.get_by_role("heading", name="Datasets")).to_be_visible()
    return panel


def entry(panel: Locator, name: str) -> Locator:
    return panel.get_by_role("listitem").filter(has=panel.page.locator("strong", has_text=name))


def test_it_tells_what_may_be_read_and_why_not_more(lab: Lab, page: Page) -> None:
    whole = dataset("weather", level="whole", may_ask=False, until=instant(hours=1), classification="public")
    waits = dataset("clicks", asked=ASKED)
    denied = dataset(
        "wages", level="none", samples=[], answer={"by": "olga", "said": "The year is not closed yet"}
    )
    lab.show(catalogue={"datasets": [dataset(), HIGH, whole, waits, denied], "connections": CONNECTIONS,
                        "packages": PACKAGES})  # fmt: skip
    panel = opened(page, lab)
    expect(entry(panel, "sales")).to_contain_text("Only its sample is open: 2026-01/*.parquet")
    expect(entry(panel, "people")).to_contain_text("cleared for internal data")
    expect(entry(panel, "people").get_by_role("button")).to_have_count(0)
    expect(entry(panel, "weather")).to_contain_text("All of it is open until")
    expect(entry(panel, "clicks")).to_contain_text("Asked for 2 h, waits for olga: Totals of the quarter")
    expect(entry(panel, "wages")).to_contain_text("olga said no: The year is not closed yet")
    expect(entry(panel, "warehouse")).to_contain_text("localhost:5432")
    expect(entry(panel, "queue")).to_contain_text("nbkeep connection request queue")
    panel.get_by_text("Packages of this session (2)").click()
    expect(panel.get_by_role("list", name="Packages")).to_contain_text("known to be vulnerable: GHSA-1")
    expect(panel.get_by_role("list", name="Packages")).to_contain_text("refused; evil is on the deny-list")
    panel.evaluate("node => { node.scrollTop = 0; }")
    shoot_both(page, "data-panel")
    panel.evaluate("node => { node.scrollTop = node.scrollHeight; }")
    shoot_both(page, "data-panel-below")
    panel.get_by_label("Find data").fill("olga CLICKS")
    expect(panel.get_by_role("list", name="Datasets").get_by_role("listitem")).to_have_count(1)
    panel.get_by_label("Find data").fill("nothing like it")
    expect(panel).to_contain_text("None matches “nothing like it”.")


def test_one_asks_with_the_keyboard_and_hears_what_became_of_it(lab: Lab, page: Page) -> None:
    lab.show(catalogue={"datasets": [dataset()]}, after={"datasets": [dataset(asked=ASKED)]})
    panel = opened(page, lab)
    ask = panel.get_by_role("button", name="Ask for all of it sales")
    ask.focus()
    page.keyboard.press("Enter")
    reason = panel.get_by_label("What for")
    expect(reason).to_be_focused()
    page.keyboard.press("Escape")
    expect(ask).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel.get_by_role("button", name="Ask olga")).to_be_disabled()
    page.keyboard.type("Totals of the quarter")  # none of these keys is a shortcut here
    expect(reason).to_have_value("Totals of the quarter")
    panel.get_by_label("For how long").select_option("7200")
    shoot_both(page, "data-ask")
    panel.get_by_role("button", name="Ask olga").click()
    expect(panel).to_contain_text("waits for olga: Totals of the quarter")
    expect(panel.get_by_role("button", name="Withdraw sales")).to_be_focused()
    (sent,) = [one for one in lab.posts() if one["path"].startswith("catalogue/")]
    assert sent == {
        "path": "catalogue/datasets/sales/ask",
        "body": {"reason": "Totals of the quarter", "duration": "7200s"},
    }
    lab.show(catalogue={"datasets": [dataset(level="whole", may_ask=False, until=instant(hours=2))]})
    expect(panel.get_by_role("status").filter(has_text="sales: All of it is open until")).to_be_visible()
    expect(panel.get_by_role("button", name="Give access back sales")).to_be_visible()


def test_a_refusal_is_shown_beside_what_was_typed(lab: Lab, page: Page) -> None:
    refusal = {"code": "too-many-requests", "message": "You have 20 requests.", "remedy": "Withdraw some."}
    lab.show(catalogue={"datasets": [dataset()]}, refuse={"catalogue/datasets/sales/ask": refusal})
    panel = opened(page, lab)
    panel.get_by_role("button", name="Ask for all of it sales").click()
    panel.get_by_label("What for").fill("Totals")
    panel.get_by_role("button", name="Ask olga").click()
    expect(panel.get_by_role("alert")).to_have_text("You have 20 requests. Withdraw some.")
    expect(panel.get_by_label("What for")).to_have_value("Totals")


def test_code_is_put_below_the_active_cell_and_nothing_runs(lab: Lab, page: Page) -> None:
    lab.show(catalogue={"datasets": [dataset()], "connections": CONNECTIONS})
    panel = opened(page, lab, notebook(lab, "insert.ipynb", "import polars as pl", "2 + 2"))
    page.locator(".jp-NotebookPanel .jp-Cell").nth(1).wait_for()
    panel.get_by_role("button", name="Insert code sales").click()
    expect(panel).to_contain_text("Inserted as cell 2: Shift+Enter runs it.")
    cells = page.locator(".jp-NotebookPanel .jp-Cell")
    expect(cells).to_have_count(3)
    expect(cells.nth(1)).to_contain_text("sales = pl.read_parquet(sales_file)")
    panel.get_by_role("button", name="Insert code warehouse").click()
    expect(cells.nth(2)).to_contain_text("host=localhost port=5432 dbname=sales user=me")
    expect(page.locator(".jp-NotebookPanel .jp-OutputArea-output")).to_have_count(0)


def test_an_empty_catalogue_says_so_and_without_a_notebook_code_is_copied(lab: Lab, page: Page) -> None:
    lab.show()
    panel = opened(page, lab)
    expect(panel).to_contain_text("No datasets yet. An admin publishes them")
    expect(panel).to_contain_text("No databases or services yet.")
    expect(panel.get_by_label("Find data")).to_have_count(0)
    shoot_both(page, "data-empty")
    lab.show(catalogue={"datasets": [dataset()]})
    run_command(page, "nbkeep:show-data")
    page.get_by_role("tab", name="File Browser").click()
    page.get_by_role("tab", name="Data: datasets").click()
    panel.get_by_role("button", name="Insert code sales").click()
    expect(panel).to_contain_text("No notebook is open: the code was copied.")


def test_names_purposes_and_reasons_with_html_are_text(lab: Lab, page: Page) -> None:
    hostile = dataset(purpose=HOSTILE, owner=HOSTILE, decider=HOSTILE, classification=HOSTILE, samples=[HOSTILE],
                      asked=ASKED | {"reason": HOSTILE})  # fmt: skip
    other = dataset(
        "other",
        level="none",
        may_ask=False,
        why=HOSTILE,
        remedy=HOSTILE,
        answer={"by": HOSTILE, "said": HOSTILE},
    )
    bad = dataset("bad", address="javascript:document.title='hit'")
    connection = CONNECTIONS[0] | {"name": HOSTILE, "database": HOSTILE}
    package = PACKAGES[1] | {"name": HOSTILE, "reason": HOSTILE, "vulnerabilities": [HOSTILE]}
    lab.show(
        catalogue={"datasets": [hostile, other, bad], "connections": [connection], "packages": [package]}
    )
    panel = opened(page, lab)
    panel.get_by_text("Packages of this session (1)").click()
    expect(entry(panel, "sales")).to_contain_text(HOSTILE)
    expect(entry(panel, "bad")).to_have_count(0)
    page.wait_for_timeout(500)
    assert panel.locator("img, script").count() == 0
    assert page.title() != "hit"


def test_an_unreachable_platform_is_told_and_what_was_known_stays(lab: Lab, page: Page) -> None:
    lab.show(catalogue={"datasets": [dataset()]})
    panel = opened(page, lab)
    expect(entry(panel, "sales")).to_be_visible()
    lab.show(http=500, catalogue={"datasets": [dataset()]})
    page.get_by_role("tab", name="File Browser").click()
    page.get_by_role("tab", name="Data: datasets").click()
    expect(panel).to_contain_text("What is below may be old.")
    expect(entry(panel, "sales")).to_be_visible()
