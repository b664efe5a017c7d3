"""What JupyterLab shows first is there as soon as it can be used, and is what its address asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Generator

    from lab_world import Lab
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _nothing_is_saved(page: Page, lab: Lab) -> Generator[None]:
    """Leave every save of the workspace without an answer, as a network that is slow just then."""

    def hold(route: Route) -> None:
        if route.request.method == "GET":
            route.continue_()

    lab.show()
    page.route("**/api/workspaces/**", hold)
    yield
    page.unroute_all(behavior="ignoreErrors")


@pytest.fixture
def folder(lab: Lab) -> str:
    """A folder with a notebook in it, and a file beside it."""
    (lab.home / "first").mkdir(exist_ok=True)
    (lab.home / "beside.txt").touch()
    (lab.home / "first/plan.ipynb").write_text(
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}'
    )
    return "first"


def test_files_and_launcher_are_there_before_the_workspace_is_saved(
    page: Page, lab: Lab, folder: str
) -> None:
    page.goto(f"{lab.url}lab/workspaces/empty")
    expect(page.locator(".jp-Launcher")).to_have_count(1)
    expect(page.locator(".jp-LauncherCard", has_text="Python 3").first).to_be_visible()
    expect(page.locator("#filebrowser .jp-DirListing-itemText", has_text=folder).first).to_be_visible()


def test_an_address_of_a_notebook_shows_only_that_and_its_folder(page: Page, lab: Lab, folder: str) -> None:
    page.goto(f"{lab.url}lab/workspaces/plan/tree/{folder}/plan.ipynb")
    page.unroute_all(behavior="ignoreErrors")
    expect(page.locator(".jp-NotebookPanel")).to_have_count(1)
    expect(page.locator("#filebrowser .jp-DirListing-itemText", has_text="plan.ipynb").first).to_be_visible()
    expect(page.locator("#filebrowser .jp-DirListing-itemText", has_text="beside.txt")).to_have_count(0)
    expect(page.locator(".jp-Launcher")).to_have_count(0)
