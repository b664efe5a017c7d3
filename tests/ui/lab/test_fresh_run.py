"""Would a fresh run give this? In a real JupyterLab: the notebook stays as it is, and what differs is shown."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from lab_world import Lab, open_lab, shoot, shoot_both
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.e2e


def write(lab: Lab, path: str, *cells: tuple[str, str | None], **metadata: Any) -> str:
    """Write a notebook of cells and what each printed when it was run; None: it never was."""
    code: list[dict[str, Any]] = []
    for at, (source, printed) in enumerate(cells):
        outputs = [{"output_type": "stream", "name": "stdout", "text": printed}] if printed else []
        code.append({"cell_type": "code", "id": f"cell-{at}", "metadata": {}, "source": source, "outputs": outputs,
                     "execution_count": None if printed is None else at + 1})  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    language = {"language_info": {"name": "python"}}
    document = {
        "cells": code,
        "metadata": {**kernel, **language, **metadata},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    file = lab.home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))
    return path


def start(page: Page) -> None:
    page.get_by_role("button", name="Fresh run?").click()
    question = page.locator(".jp-Dialog")
    expect(question).to_contain_text("This notebook, its outputs and its variables stay as they are.")
    question.get_by_role("button", name="Run", exact=True).click()


def run_fresh(lab: Lab, page: Page, path: str, *cells: tuple[str, str | None]) -> Locator:
    """Write a notebook, open it and start its fresh run; return what tells how it went."""
    open_lab(page, lab, write(lab, path, *cells))
    start(page)
    return view(page).get_by_role("status")


def view(page: Page) -> Locator:
    return page.locator(".nbkeep-FreshView")


def cell(page: Page, number: int) -> Locator:
    return view(page).locator("li").filter(has=page.get_by_role("button", name=f"Cell {number}", exact=True))


def started(page: Page) -> set[str]:
    """Wait until the notebook's own kernel is idle; return the ids of all kernels."""
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )
    return kernels(page)


def kernels(page: Page) -> set[str]:
    ask = "async () => { const all = window.jupyterapp.serviceManager.kernels; await all.refreshRunning();"
    return set(page.evaluate(f"{ask} return [...all.running()].map(one => one.id); }}"))


@pytest.fixture(autouse=True)
def no_folder_is_left(lab: Lab) -> Any:
    yield
    shutil.rmtree(lab.home / "fresh", ignore_errors=True)


def test_hidden_state_comes_to_light_and_the_notebook_stays_as_it_is(lab: Lab, page: Page) -> None:
    path = write(
        lab,
        "fresh/hidden.ipynb",
        ("import random, sys\nx = 2", ""),
        ("print(id(sys) > 0, object())", "True <object object at 0x7f0000000001>\n"),
        ("print('x is', x)\nprint('end')", "x is 5\nend\n"),
        ("print(random.random())", "0.25\n"),
        ("print('new')", None),
    )
    before = (lab.home / path).read_text()
    open_lab(page, lab, path)
    mine = started(page)
    start(page)
    told = view(page).get_by_role("status")
    expect(told).to_contain_text("Of 5 cells 2 are the same; 2 differ, 1 had not been run in the notebook.")
    expect(cell(page, 3)).to_contain_text("Differs")
    expect(cell(page, 3).locator(".nbkeep-mod-old")).to_have_text(re.compile("x is 5$"))
    expect(cell(page, 3).locator(".nbkeep-mod-new")).to_have_text(re.compile("x is 2$"))
    expect(cell(page, 1)).to_have_count(0)
    shoot_both(page, "fresh-run")

    view(page).get_by_role("button", name="Run once more, to tell what differs every time").click()
    expect(cell(page, 4)).to_contain_text("Differs on every run")
    expect(cell(page, 3).locator(".nbkeep-Fresh-verdict")).to_have_text("Differs")
    view(page).get_by_role("button", name="Show the 2 cells that are the same").click()
    expect(cell(page, 2).locator(".nbkeep-Fresh-verdict")).to_have_text("Same")

    cell(page, 3).get_by_role("button", name="Cell 3").click()
    expect(page.locator(".jp-Notebook .jp-Cell").nth(2)).to_have_class(re.compile("jp-mod-active"))
    assert page.locator(".jp-Notebook .jp-OutputArea-output").all_inner_texts()[1] == "x is 5\nend\n"
    assert (lab.home / path).read_text() == before
    assert kernels(page) == mine


def test_a_run_that_gives_the_same_says_yes_and_writes_into_its_copy_only(lab: Lab, page: Page) -> None:
    (lab.home / "fresh").mkdir()
    (lab.home / "fresh/data.csv").write_text("a\n1\n")
    (lab.home / "fresh/own.py").write_text("value = 7\n")
    told = run_fresh(
        lab,
        page,
        "fresh/same.ipynb",
        ("import own\nprint(own.value, open('data.csv').read().split())", "7 ['a', '1']\n"),
        ("open('data.csv', 'w').write('spoiled'); open('made.txt', 'w').close()\nprint('written')", "written\n"),
        ("import os; print(sorted(set(os.listdir('.')) - {'__pycache__'}), '_nbkeep_fresh' in globals())",
         "['data.csv', 'made.txt', 'own.py', 'same.ipynb'] False\n"),
    )  # fmt: skip
    expect(told).to_contain_text("Yes: a fresh run gives the same in all 3 cells.")
    assert (lab.home / "fresh/data.csv").read_text() == "a\n1\n"
    assert not (lab.home / "fresh/made.txt").exists()


def test_a_cell_that_fails_ends_it_as_restart_and_run_all_does(lab: Lab, page: Page) -> None:
    told = run_fresh(
        lab,
        page,
        "fresh/fails.ipynb",
        ("print('a')", "a\n"),
        ("print(gone)", "here\n"),
        ("print('c')", "c\n"),
    )
    expect(told).to_contain_text("1 is the same; 1 failed, 1 was not reached.")
    expect(told).to_contain_text("ends at a cell that fails")
    expect(cell(page, 2)).to_contain_text("NameError: name 'gone' is not defined")
    shoot(page, "fresh-run-failed")


def test_stopping_it_ends_its_kernel_and_nothing_else(lab: Lab, page: Page) -> None:
    path = write(lab, "fresh/long.ipynb", ("import time; time.sleep(600)", ""), ("print('b')", "b\n"))
    open_lab(page, lab, path)
    mine = started(page)
    start(page)
    expect(cell(page, 1)).to_contain_text("Runs")
    view(page).get_by_role("button", name="Stop").click()
    expect(view(page).get_by_role("status")).to_contain_text("2 were not reached. You stopped it.")
    expect(view(page).get_by_role("button", name="Stop")).to_have_count(0)
    assert kernels(page) == mine


def test_a_folder_that_is_too_large_is_not_run_in_without_a_question(lab: Lab, page: Page) -> None:
    path = write(lab, "fresh/large.ipynb", ("open('made.txt', 'w').close()", ""))
    with (lab.home / "fresh/large.bin").open("wb") as file:
        file.truncate(300 * 1024**2)
    open_lab(page, lab, path)
    start(page)
    question = page.locator(".jp-Dialog")
    expect(question).to_contain_text("too large to be copied")
    shoot(page, "fresh-run-large")
    question.get_by_role("button", name="Cancel").click()
    expect(view(page).get_by_role("status")).to_contain_text("Nothing was run.")
    assert not (lab.home / "fresh/made.txt").exists()
