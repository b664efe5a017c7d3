"""The catalogue in JupyterLab: found, read by the code that it puts in, asked for, granted, and read as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from lab_parts import Desk
from moto_parts import BUCKET, REGION, aws

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from platform_parts import Platform
    from trusting_parts import Trusting

pytestmark = pytest.mark.e2e
PROFILE = "notebook-orders"


def published(platform: Platform, cloud: Any, endpoint: str, owner: str) -> None:
    """Make a profile that is cleared for it, keep its keys, and publish the dataset."""
    made = platform.run("profile", "create", PROFILE, "--image", "base", "--flavor", "notebook-cpu-small",
                        "--classification", "internal")  # fmt: skip
    assert made.returncode == 0, made.stderr
    kept = platform.office.post(
        "/secrets", json={"name": "orders-lake", "value": cloud.value, "hosts": [endpoint], "s3": REGION}
    )
    assert kept.status_code == 201, kept.text
    done = platform.run("dataset", "add", "orders", "--s3", f"s3://{BUCKET}/orders", "--classification", "internal",
                        "--owner", owner, "--purpose", "Orders of all shops", "--secret", "orders-lake",
                        "--region", REGION, "--endpoint", f"https://{endpoint}", "--sample", "2026-01/*")  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_person_finds_a_dataset_reads_it_asks_for_the_rest_and_has_it(
    trusting: Trusting, chromium: Browser
) -> None:
    platform = trusting.platform
    with aws(trusting.authority, trusting.address, trusting.host) as cloud:
        own: Any = cloud.own("s3", trusting.authority)
        own.put_object(Bucket=BUCKET, Key="orders/2026-01/a.csv", Body=b"shop,sum\nnorth,4321\n")
        own.put_object(Bucket=BUCKET, Key="orders/2026-02/b.csv", Body=b"shop,sum\nsouth,8765\n")
        owner = platform.person()
        published(platform, cloud, f"{trusting.address}:{cloud.port}", owner.name)
        desk = Desk(chromium, platform.person())
        desk.sign_in()
        session = desk.start(PROFILE)
        desk.skip_tour()
        desk.write("orders.ipynb", "1 + 1")
        desk.open("orders.ipynb")
        page = desk.page
        page.get_by_role("tab", name="Data: datasets").click()
        panel = page.get_by_role("region", name="Data", exact=True)
        expect(panel).to_contain_text("Only its sample is open: 2026-01/*")

        def inserted() -> None:
            panel.get_by_role("button", name="Insert code orders").click()
            expect(panel).to_contain_text("Shift+Enter runs it.")
            page.keyboard.press("Shift+Enter")

        inserted()
        expect(desk.panel.locator(".jp-OutputArea-output", has_text="4321")).to_be_visible()
        desk.shoot("data-in-jupyterlab")
        panel.get_by_role("button", name="Ask for all of it orders").click()
        panel.get_by_label("What for").fill("Totals of the year")
        panel.get_by_role("button", name=f"Ask {owner.name}").click()
        expect(panel).to_contain_text(f"waits for {owner.name}: Totals of the year")
        requests = platform.office.get("/grants", params={"state": "requested"}).json()["items"]
        (asked,) = (one for one in requests if one["user"] == desk.person.name)
        assert (asked["subject"], asked["session_id"]) == ("orders", session.id)
        platform.office.post(f"/grants/{asked['id']}/approve", json={"duration": "1h"}).raise_for_status()
        expect(panel).to_contain_text("orders: All of it is open until")
        read = 'import pandas as pd; pd.read_csv("http://orders.data.nbkeep/2026-02/b.csv")'
        desk.panel.locator(".jp-Cell").last.locator(".cm-content").click()
        page.keyboard.insert_text(read)
        page.keyboard.press("Shift+Enter")
        expect(desk.panel.locator(".jp-OutputArea-output", has_text="8765")).to_be_visible()
        desk.shoot("data-granted-in-jupyterlab")
        panel.get_by_role("button", name="Give access back orders").click()
        expect(panel).to_contain_text("Only its sample is open: 2026-01/*")
        session.stop()
        desk.close()
