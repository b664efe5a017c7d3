"""The dashboard in a real browser: what is drawn, what the table says and what the CSV has are one."""

from __future__ import annotations

import csv
import io

import pytest
from playwright.sync_api import expect

from browser_parts import OpenPortal, chromium, open_portal
from nbkeep.model.actor import Role
from usage_parts import busy_office

__all__ = ["chromium", "open_portal"]
pytestmark = pytest.mark.e2e

# What the chart of a figure was given, and how many different colours its picture has.
DRAWN = """(name) => {
  const canvas = document.querySelector(`#${name} canvas`);
  const chart = Chart.getChart(canvas);
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const found = new Set();
  for (let at = 0; at < pixels.length; at += 4 * 7) found.add(pixels.slice(at, at + 4).join());
  return {
    labels: chart.data.labels,
    series: chart.data.datasets.map((one) => [one.label, one.data]),
    first: chart.data.datasets[0].backgroundColor,
    colours: found.size,
  };
}"""


def test_the_chart_is_drawn_from_the_numbers_of_the_csv_in_both_themes(open_portal: OpenPortal) -> None:
    busy_office(open_portal.office)
    page = open_portal.page(open_portal.office.user("ops", Role.ADMIN))
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{open_portal.url}/portal/admin/dashboard")
    for name in (
        "spend-by-day",
        "spend-by-user",
        "tokens-by-day",
        "gpu-hours",
        "storage",
        "sessions-by-profile",
    ):
        expect(page.locator(f"#{name}[data-drawn] canvas")).to_be_visible()
        drawn = page.evaluate(DRAWN, name)
        with page.expect_download() as download:
            page.locator(f"#{name}").get_by_role("link", name="CSV").click()
        head, *rows = csv.reader(io.StringIO(download.value.path().read_text()))
        assert drawn["labels"] == [row[0] for row in rows]
        assert len(drawn["series"]) == len(head) - 1
        for place, (title, values) in enumerate(drawn["series"]):
            assert head[place + 1].startswith(title)
            assert values == [float(row[place + 1]) for row in rows]
        assert drawn["colours"] > 3
    light = page.evaluate(DRAWN, "spend-by-day")["first"]
    page.locator("#theme-toggle").click()
    page.wait_for_function("(old) => Chart.getChart(document.querySelector('#spend-by-day canvas'))"
                           ".data.datasets[0].backgroundColor !== old", arg=light)  # fmt: skip
    page.locator("#spend-by-day summary").click()
    expect(page.locator("#spend-by-day tbody tr").first).to_be_visible()
    assert complaints == []  # nothing was refused by the page's policy


def test_without_scripts_and_on_a_phone_the_numbers_are_there(open_portal: OpenPortal) -> None:
    busy_office(open_portal.office)
    ops = open_portal.office.user("ops", Role.ADMIN)
    page = open_portal.page(ops, script=False, path="/admin/dashboard")
    expect(page.locator("#spend-by-user tbody tr").first).to_be_visible()
    expect(page.locator("#spend-by-user .chart-box")).to_be_hidden()
    for path in ("/admin/dashboard", "/admin/alarms"):
        phone = open_portal.page(ops, width=400, path=path)
        phone.wait_for_timeout(300)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 400
