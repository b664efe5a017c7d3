"""The guard as people meet it: stopped, reviewed by somebody else, released redacted, seen by a third, and over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from playwright.sync_api import expect

from lab_parts import Desk
from scan_parts import KEY

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from lab_parts import Notebook
    from platform_parts import Platform, Session

TABLE = """<table><tr><th>name</th><th>e-mail</th><th>iban</th></tr>
<tr><td>Jane Miller</td><td>jane.miller@acme-bank.com</td><td>DE89370400440532013000</td></tr>
<tr><td>Tom Baker</td><td>tom.baker@acme-bank.com</td><td>DE89370400440532013000</td></tr></table>"""
PERSONAL = ("jane.miller@", "tom.baker@", "DE8937")


def notebook() -> Notebook:
    """Return a notebook with a key in a cell and people in a table."""
    shown = {"output_type": "execute_result", "execution_count": 2, "metadata": {},
             "data": {"text/html": TABLE, "text/plain": "a table"}}  # fmt: skip
    cells: list[Notebook] = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Churn in Q3"},
        {"cell_type": "code", "id": "b", "metadata": {}, "execution_count": 1, "source": f'key = "{KEY}"',
         "outputs": []},
        {"cell_type": "code", "id": "c", "metadata": {}, "execution_count": 2, "source": "customers.head(2)",
         "outputs": [shown]},
    ]  # fmt: skip
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def advice(session: Session) -> dict[str, str]:
    """Return what JupyterLab tells of each way out."""
    told = session.call("GET", "nbkeep/api/leaving?path=churn.ipynb").json()
    assert KEY not in json.dumps(told)
    assert told["gates"]["share"]["because"][0]["whose"] == "the default"
    return {gate: one["decision"] for gate, one in told["gates"].items()}


def test_a_leaking_notebook_is_stopped_reviewed_redacted_seen_and_taken_back(
    platform: Platform, chromium: Browser
) -> None:
    jane, bob = Desk(chromium, platform.person()), Desk(chromium, platform.person())
    ruth = Desk(chromium, platform.person(f"ruth{uuid4().hex[:4]}", role="notebook.reviewer"))
    for one in (jane, bob, ruth):
        one.sign_in()
    jane.person.sign_in()
    session = jane.person.start()
    session.open()
    body = {"type": "notebook", "format": "json", "content": notebook()}
    saved = session.call("PUT", "api/contents/churn.ipynb", body)
    assert saved.status_code in {200, 201}, saved.text

    assert advice(session) == {
        "download": "allow",
        "export": "review",
        "share": "review",
        "publish": "review",
    }
    page = jane.visit("/releases/new?path=churn.ipynb&gate=share")
    page.locator("#f-people").fill(bob.person.name)
    page.get_by_label("Title").fill("Churn in Q3")
    page.get_by_label("What for").fill("For the board on Friday")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator(".page-head .badge")).to_have_text("Waits for a reviewer", timeout=90_000)
    expect(page.locator("#found")).to_contain_text("AWS access key ID")
    release_id = page.url.rpartition("/")[2].partition("?")[0]
    assert bob.visit(f"/releases/{release_id}").get_by_role("heading", name="Not found").is_visible()

    review = ruth.visit("/reviews")
    review.locator(f'[data-release="{release_id}"]').get_by_role("link", name="Review").last.click()
    frame = review.frame_locator("#shown")
    expect(frame.locator("#cell-2 mark")).to_be_visible()
    review.locator(".tabs").get_by_role("link", name="Redacted").click()
    expect(frame.locator("body")).to_contain_text("Churn in Q3")
    expect(frame.locator("body")).not_to_contain_text(KEY)
    review.get_by_label("What you say to").fill("Fine without the names")
    review.get_by_role("button", name="Approve redacted").click()
    expect(review.locator("#flash")).to_contain_text("Approved.")

    expect(page.locator(".page-head .badge")).to_have_text("Shared")
    expect(page.locator("#answer")).to_contain_text("Fine without the names")
    address = page.get_by_role("link", name="Open what is shared").get_attribute("href") or ""
    seen = bob.visit(address.removeprefix("/portal"))
    shown = seen.frame_locator("#document")
    expect(shown.locator("body")).to_contain_text("Churn in Q3")
    text = shown.locator("html").inner_html()
    with seen.expect_download() as download:
        seen.get_by_role("link", name="Download").first.click()
    file = Path(download.value.path()).read_text()
    for hidden in (KEY, *PERSONAL):
        assert hidden not in text
        assert hidden not in file
    ended = platform.run(
        "share", "revoke", address.rpartition("/")[2], "--reason", "The board has met", "--yes"
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    gone = seen.goto(seen.url)
    assert gone is not None
    assert gone.status == 404

    found = platform.office.get("/audit", params={"limit": 1000}).raise_for_status().json()
    steps = [one["type"] for one in found["items"]
             if release_id in json.dumps(one) or address.rpartition("/")[2] in json.dumps(one)]  # fmt: skip
    for step in ("release.requested", "release.examined", "release.approved", "share.made", "release.released",
                 "share.viewed", "share.revoked"):  # fmt: skip
        assert step in steps, (step, steps)
    assert KEY not in json.dumps(found)
