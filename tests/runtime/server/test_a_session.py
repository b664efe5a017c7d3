"""A session's server from start to stop, as a browser sees it."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from server_peers import OTHER_TOKEN
from session_server import Browser, RunningServer, eventually


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer() as running:
        yield running


async def test_a_cell_runs_and_its_execution_is_recorded(server: RunningServer) -> None:
    server.put_notebook("a.ipynb", "print(6*7)")
    kernel = server.open_notebook("a.ipynb")
    async with Browser(server, kernel) as browser:
        assert await browser.run("print(6*7)") == "42\n"
    started = eventually(lambda: server.office.of_type("execution.started"))[0]
    assert (started["notebook"], started["cell_id"], started["kernel_id"]) == ("a.ipynb", "c0", kernel)
    finished = eventually(lambda: server.office.of_type("execution.finished"))[0]
    assert (finished["execution_id"], finished["outcome"]) == (started["execution_id"], "ok")
    assert server.office.of_type("kernel.started")


def test_the_lab_page_opens_and_holds_no_token(server: RunningServer) -> None:
    page = server.request("GET", "lab")
    assert page.status_code == 200, server.log()[-3000:]
    assert "jupyter-config-data" in page.text
    assert "jane-signed-in" not in page.text
    assert "hub-api-token" not in page.text


def test_another_user_is_refused(server: RunningServer) -> None:
    assert server.request("GET", "api/contents", token=OTHER_TOKEN).status_code == 403
    assert server.request("GET", "api/contents", token="nobody").status_code == 403


def test_status_tells_the_session_and_its_home(server: RunningServer) -> None:
    status = server.json("GET", "nbkeep/api/status")
    assert status["session_id"] == "ses_1"
    assert status["office_reachable"]
    assert status["home"]["size_bytes"] > status["home"]["used_bytes"]
    assert status["deaths"] == []


def test_status_is_as_of_now_whether_or_not_the_office_answers(server: RunningServer) -> None:
    def told() -> float:
        now = datetime.fromisoformat(server.json("GET", "nbkeep/api/status")["now"])
        return abs((datetime.now(UTC) - now).total_seconds())

    assert told() < 2
    time.sleep(2.5)  # heartbeats come every ten seconds: their answer is too old for a countdown
    assert told() < 2
    server.office.is_down = True
    time.sleep(2.5)
    assert told() < 2
    server.office.is_down = False
