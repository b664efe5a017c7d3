"""Marks of cells as JupyterLab asks for them, from a real server and real kernels."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from session_server import Browser, RunningServer, eventually


@pytest.fixture(scope="module")
def server():
    with RunningServer() as running:
        yield running


async def run_cells(server: RunningServer, kernel: str, cells: list[tuple[str, str]]) -> None:
    """Run cells as JupyterLab does: with the cell's id in the message's metadata."""
    async with Browser(server, kernel) as browser:
        for cell, source in cells:
            await browser.run(source, cell_id=cell)


def marks(server: RunningServer, kernel: str, *cells: tuple[str, str]) -> dict[str, Any]:
    """Return the answer; right after a cell the kernel may still be putting it down."""
    body = {"cells": [{"id": cell, "source": source} for cell, source in cells]}
    return server.json("POST", f"nbkeep/api/kernels/{kernel}/cells", json=body)


def test_a_cell_on_older_inputs_is_told_with_the_name_and_the_cell(server: RunningServer) -> None:
    server.put_notebook("a.ipynb", "0")
    kernel = server.open_notebook("a.ipynb")
    asyncio.run(run_cells(server, kernel, [("one", "x = 1"), ("two", "y = x"), ("one", "x = 2")]))
    answer = marks(server, kernel, ("one", "x = 2"), ("two", "y = x"))
    assert answer == {
        "is_watched": True,
        "is_busy": False,
        "cells": [
            {"id": "one", "status": "fresh", "why": "", "name": "", "cell": ""},
            {"id": "two", "status": "stale", "why": "changed", "name": "x", "cell": "one"},
        ],
        "plan": ["two"],
    }


def test_a_busy_kernel_is_told_and_not_asked_twice(server: RunningServer) -> None:
    server.put_notebook("b.ipynb", "0")
    kernel = server.open_notebook("b.ipynb")

    async def ask_meanwhile() -> tuple[dict[str, Any], dict[str, Any]]:
        async with Browser(server, kernel) as browser:
            await browser.run("x = 1", cell_id="one")
            running = asyncio.create_task(browser.run("import time; time.sleep(12)"))
            await asyncio.sleep(1)
            first = asyncio.create_task(asyncio.to_thread(marks, server, kernel, ("one", "x = 1")))
            await asyncio.sleep(1)
            second = await asyncio.to_thread(marks, server, kernel, ("one", "x = 1"))
            answers = (await first, second)
            await running
            return answers

    assert [one["is_busy"] for one in asyncio.run(ask_meanwhile())] == [True, True]
    assert eventually(lambda: marks(server, kernel, ("one", "x = 1"))["cells"])[0]["status"] == "fresh"


HOSTILE = """
kernel = get_ipython().kernel
def handle(stream, ident, parent):
    kernel.session.send(stream, "nbkeep_cells_reply", LIES, parent, ident=ident)
kernel.shell_handlers["nbkeep_cells_request"] = handle
"""
LONG = "{'status': 'ok', 'is_watched': True, 'cells': [{'id': 'one', 'status': 'stale'}] * 200_000}"
ROW = {"id": "one", "status": "stale", "why": "changed", "name": "x", "cell": "one"}


@pytest.mark.parametrize(
    ("lies", "told"),
    [
        ({"status": "ok", "is_watched": True, "cells": "many", "plan": {"one": 1}}, []),
        ({"status": "ok", "is_watched": True, "cells": [7, None, {"id": "two"}, {"id": []}]}, []),
        ({"status": "ok", "is_watched": True, "cells": [{**ROW, "id": "other"}, {**ROW, "status": "<b>"}]}, []),
        ({"status": "ok", "is_watched": True, "cells": [{**ROW, "status": ["stale"]}]}, []),
        (
            {"status": "ok", "is_watched": True, "cells": [{**ROW, "name": "n" * 10_000, "why": "<i>", "cell": {}}]},
            [{**ROW, "name": "n" * 100, "why": "", "cell": ""}],
        ),
        ({}, []),  # `LONG`: longer than a reply may be
        ({"status": "error", "reason": "no"}, []),
    ],
    ids=["no-list", "no-rows", "other-cells", "no-status", "long", "huge", "failed"],
)  # fmt: skip
def test_what_a_hostile_kernel_answers_stays_within_bounds(
    server: RunningServer, lies: dict[str, Any], told: list[dict[str, str]]
) -> None:
    server.put_notebook("c.ipynb", "0")
    kernel = server.open_notebook("c.ipynb")
    code = HOSTILE.replace("LIES", LONG if lies == {} else repr(lies))
    asyncio.run(run_cells(server, kernel, [("one", code)]))
    assert marks(server, kernel, ("one", "x = 1"))["cells"] == told


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"cells": {}}, 400),
        ({"cells": [{"id": 1, "source": ""}]}, 400),
        ({"cells": [{"id": "x" * 101, "source": ""}]}, 400),
        ({"cells": [{"id": "x", "source": ""}] * 10_001}, 400),
        ({"cells": [{"id": "x", "source": "y" * ((8 << 20) + 1)}]}, 400),
        ({"cells": []}, 404),
    ],
    ids=["none", "no-list", "no-id", "long-id", "many", "large", "no-kernel"],
)
def test_what_is_no_notebook_is_refused(server: RunningServer, body: dict[str, Any], status: int) -> None:
    nobody = "0" * 8 + "-0000-0000-0000-" + "0" * 12
    answer = server.request("POST", f"nbkeep/api/kernels/{nobody}/cells", content=json.dumps(body))
    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_a_kernel_that_remembers_nothing_gets_no_marks(server: RunningServer) -> None:
    server.put_notebook("d.ipynb", "0")
    kernel = server.open_notebook("d.ipynb")
    assert marks(server, kernel, ("one", "x = 1")) == {
        "is_watched": False,
        "is_busy": False,
        "cells": [],
        "plan": [],
    }
