"""Folders of very many files in the file browser: what a person sees of them, and that nothing gets lost."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from lab_world import Lab, open_lab, run_command, shoot_both
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.e2e

MANY = 10_200
SHOWN = 500


@pytest.fixture
def many(lab: Lab) -> Generator[Path]:
    """A folder of so many files that its list is not fetched without need; the newest sorts last by name."""
    folder = lab.home / "many"
    folder.mkdir(exist_ok=True)
    for number in range(MANY):
        os.close(os.open(folder / f"measure-{number}.csv", os.O_CREAT | os.O_WRONLY))
        os.utime(folder / f"measure-{number}.csv", (1_700_000_000 + number, 1_700_000_000 + number))
    yield folder
    # Away in one step: the page that is still open may put a checkpoint into it meanwhile.
    shutil.rmtree(folder.rename(folder.with_name(f"gone-{uuid4().hex}")), ignore_errors=True)


def row(page: Page, name: str) -> Locator:
    """Return the one row of the side bar's browser that has exactly this name."""
    return page.locator("#filebrowser .jp-DirListing-itemText").filter(
        has_text=re.compile(f"^{re.escape(name)}$")
    )


def rows(page: Page) -> Locator:
    return page.locator("#filebrowser .jp-DirListing-item")


def line(page: Page) -> Locator:
    return page.locator("#filebrowser .nbkeep-ShownLine")


def open_many(page: Page, lab: Lab) -> None:
    open_lab(page, lab)
    run_command(page, "filebrowser:open-path", path="many")
    expect(row(page, "measure-0.csv")).to_be_visible(timeout=120_000)


def is_list(url: str, content: str) -> bool:
    return "/api/contents/many?" in url and f"content={content}" in url


def test_the_first_files_are_shown_and_the_filter_finds_the_others(lab: Lab, page: Page, many: Path) -> None:
    open_many(page, lab)
    expect(rows(page)).to_have_count(SHOWN)
    expect(line(page).get_by_role("status")).to_have_text("Showing 500 of 10,200.")
    shoot_both(page, "big-folder")
    line(page).get_by_role("button", name="Type in the filter to narrow").click()
    page.keyboard.type("10187")
    expect(row(page, "measure-10187.csv")).to_be_visible()
    expect(line(page)).to_be_hidden()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(rows(page)).to_have_count(SHOWN)
    expect(line(page)).to_be_visible()
    assert many.exists()


def test_a_sort_by_time_shows_the_newest_of_all_files(lab: Lab, page: Page, many: Path) -> None:
    open_many(page, lab)
    page.locator("#filebrowser .jp-DirListing-headerItem.jp-id-modified").click()
    expect(rows(page).first).to_contain_text(f"measure-{MANY - 1}.csv")
    page.locator("#filebrowser .jp-DirListing-headerItem.jp-id-modified").click()
    expect(rows(page).first).to_contain_text("measure-0.csv")
    page.locator("#filebrowser .jp-DirListing-headerItem.jp-id-name").click()
    assert many.exists()


def test_what_a_person_makes_renames_and_deletes_is_seen_wherever_its_name_falls(
    lab: Lab, page: Page, many: Path
) -> None:
    open_many(page, lab)
    with page.expect_file_chooser() as chooser:
        page.locator("#filebrowser [data-jp-item-name='uploader'] jp-button").click()
    chooser.value.set_files(files=[{"name": "zz-new.txt", "mimeType": "text/plain", "buffer": b"hello"}])
    expect(row(page, "zz-new.txt")).to_be_visible()
    row(page, "zz-new.txt").click()
    page.keyboard.press("F2")
    page.locator("#filebrowser .jp-DirListing-editor").fill("zz-renamed.txt")
    page.keyboard.press("Enter")
    expect(row(page, "zz-renamed.txt")).to_be_visible()
    expect(row(page, "zz-new.txt")).to_have_count(0)
    assert (many / "zz-renamed.txt").read_bytes() == b"hello"
    row(page, "zz-renamed.txt").click()
    page.keyboard.press("Delete")
    page.locator(".jp-Dialog .jp-mod-warn").click()
    expect(row(page, "zz-renamed.txt")).to_have_count(0)


def test_a_list_is_fetched_anew_only_when_its_folder_has_changed(lab: Lab, page: Page, many: Path) -> None:
    open_many(page, lab)
    lists: list[str] = []
    page.on("request", lambda request: lists.append(request.url) if is_list(request.url, "1") else None)
    page.wait_for_timeout(1000)  # what opening the folder itself asks for
    lists.clear()
    for _ in range(2):  # the browser looks every ten seconds
        with page.expect_response(lambda answer: is_list(answer.url, "0"), timeout=60_000):
            pass
    assert not lists
    (many / "aaa-by-code.csv").touch()
    expect(row(page, "aaa-by-code.csv")).to_be_visible(timeout=90_000)
    assert lists


def test_a_file_that_is_opened_by_its_path_is_shown_in_its_folder(lab: Lab, page: Page, many: Path) -> None:
    open_lab(page, lab)
    run_command(page, "filebrowser:open-path", path="many/measure-10199.csv")
    expect(row(page, "measure-10199.csv")).to_be_visible(timeout=120_000)
    expect(line(page)).to_contain_text("Showing 501 of 10,200.")
    assert many.exists()


def test_small_folders_are_shown_as_ever(lab: Lab, page: Page) -> None:
    folder = lab.home / "few"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.csv").touch()
    open_lab(page, lab)
    run_command(page, "filebrowser:open-path", path="few")
    expect(row(page, "29.csv")).to_be_visible()
    expect(rows(page)).to_have_count(30)
    expect(line(page)).to_have_count(0)


def test_a_dialog_that_asks_for_a_folder_shows_the_first_ones_too(lab: Lab, page: Page) -> None:
    folder = lab.home / "folders"
    for number in range(SHOWN + 100):
        (folder / f"run-{number}").mkdir(parents=True)
    open_lab(page, lab)
    run_command(page, "filebrowser:open-path", path="folders")
    expect(row(page, "run-0")).to_be_visible()
    run_command(page, "workspace-ui:export")
    dialog = page.locator(".jp-Dialog")
    expect(dialog.locator(".nbkeep-ShownLine")).to_contain_text("Showing 500 of 600.")
    expect(dialog.locator(".jp-DirListing-item")).to_have_count(SHOWN)
    dialog.get_by_role("button", name="Type in the filter to narrow").click()
    page.keyboard.type("587")
    expect(dialog.locator(".jp-DirListing-item")).to_have_count(1)
    page.keyboard.press("Escape")
