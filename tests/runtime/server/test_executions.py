"""Every execution is recorded before it runs; output of a closed tab is not lost; deaths explain themselves."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from session_server import Browser, RunningServer, eventually
from websockets.asyncio.client import unix_connect
from websockets.typing import Subprotocol

from nbkeep_runtime.server.recorder import runs_code


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with RunningServer() as running:
        yield running


def cell(server: RunningServer, path: str, index: int = 0) -> dict[str, Any]:
    return json.loads((server.home / path).read_text())["cells"][index]


def finished(server: RunningServer, execution_id: str, within_s: float = 15) -> dict[str, Any]:
    def find() -> list[dict[str, Any]]:
        return [e for e in server.office.of_type("execution.finished") if e["execution_id"] == execution_id]

    return eventually(find, within_s)[0]


async def started(server: RunningServer, code: str) -> dict[str, Any]:
    digest = hashlib.sha256(code.encode()).hexdigest()

    def find() -> list[dict[str, Any]]:
        return [e for e in server.office.of_type("execution.started") if e["code_sha256"] == digest]

    return (await asyncio.to_thread(eventually, find))[0]


async def test_outcomes_are_told_ok_error_and_aborted(server: RunningServer) -> None:
    server.put_notebook("o.ipynb", "1/0")
    async with Browser(server, server.open_notebook("o.ipynb")) as browser:
        first = await browser.execute("import time; time.sleep(2); 1/0")
        second = await browser.execute("'never'")
        await browser.until_idle(first)
        await browser.until_idle(second)
        await browser.run("'silent'", silent=True)
    outcomes = []
    for code in ("import time; time.sleep(2); 1/0", "'never'", "'silent'"):
        event = await started(server, code)
        assert "code" not in event
        outcomes.append(finished(server, event["execution_id"])["outcome"])
    assert outcomes == ["error", "aborted", "ok"]


async def test_an_execution_on_the_control_channel_is_recorded_too(server: RunningServer) -> None:
    server.put_notebook("ctl.ipynb", "0")
    async with Browser(server, server.open_notebook("ctl.ipynb")) as browser:
        content = {"code": "'by control'", "silent": False, "user_expressions": {}}
        await browser.send("execute_request", content, channel="control")
        await started(server, "'by control'")


async def test_the_debugger_s_evaluations_are_recorded_however_they_are_spelled(
    server: RunningServer,
) -> None:
    server.put_notebook("dbg.ipynb", "0")
    async with Browser(server, server.open_notebook("dbg.ipynb")) as browser:
        content = {
            "type": "request",
            "seq": 1,
            "command": "evaluate",
            "arguments": {"expression": "'spelled'"},
        }
        header = {"msg_id": "d1", "msg_type": "debug_request", "session": browser.session, "version": "5.3"}
        spelled = json.dumps(content).replace("evaluate", "ev\\u0061luate").encode()
        parts = [b"control", json.dumps(header).encode(), b"{}", b"{}", spelled]
        offsets = [8 * (len(parts) + 2)]
        for part in parts:
            offsets.append(offsets[-1] + len(part))
        packed = struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)
        async with unix_connect(
            str(server.socket), uri=browser.uri, subprotocols=[Subprotocol("v1.kernel.websocket.jupyter.org")],
            additional_headers=browser.headers,
        ) as socket:  # fmt: skip
            await socket.send(packed)
            await started(server, "'spelled'")


async def test_a_kind_of_message_that_is_not_known_to_be_harmless_is_recorded(server: RunningServer) -> None:
    server.put_notebook("odd.ipynb", "0")
    async with Browser(server, server.open_notebook("odd.ipynb")) as browser:
        content = {"bound": "something pickled"}
        await browser.send("apply_request", content)
        await started(server, json.dumps(content, separators=(",", ":")))


@pytest.mark.parametrize(
    ("command", "arguments", "runs"),
    [
        ("evaluate", {"expression": "1"}, True),
        ("setVariable", {"name": "x", "value": "f()"}, True),
        ("copyToGlobals", {"srcVariableName": "x", "dstVariableName": "y'] = f() #"}, True),
        ("setBreakpoints", {"breakpoints": [{"line": 1, "condition": "f()"}]}, True),
        ("setBreakpoints", {"breakpoints": [{"line": 1}]}, False),
        ("setBreakpoints", {"breakpoints": "none"}, False),
        ("stackTrace", {}, False),
        (None, {}, True),
    ],
)
def test_commands_of_the_debugger_that_bring_code_are_executions(
    command: str | None, arguments: dict[str, Any], *, runs: bool
) -> None:
    content = {"command": command, "arguments": arguments}
    assert runs_code({"msg_type": "debug_request"}, content) is runs


async def test_a_burst_of_output_loses_no_end(server: RunningServer) -> None:
    """A publisher drops what its subscribers do not take: cells stayed running for ever."""
    server.put_notebook("burst.ipynb", "0")
    async with Browser(server, server.open_notebook("burst.ipynb")) as browser:
        for number in range(3):
            code = f"""
                from IPython.display import publish_display_data
                for number in range(20_000): publish_display_data({{"text/plain": "{number}"}})
            """
            await browser.until_idle(await browser.execute(code), 120)
            event = await started(server, code)
            assert finished(server, event["execution_id"])["outcome"] == "ok"


async def test_a_server_that_stood_still_for_a_while_loses_no_end(server: RunningServer) -> None:
    server.put_notebook("still.ipynb", "0")
    async with Browser(server, server.open_notebook("still.ipynb")) as browser:
        ready = server.home / "still-ready"
        code = f"""
            import pathlib, time
            from IPython.display import publish_display_data
            pathlib.Path({str(ready)!r}).touch()
            time.sleep(1)
            for number in range(20_000): publish_display_data({{"text/plain": str(number)}})
            pathlib.Path({str(ready)!r}).unlink()
        """
        msg_id = await browser.execute(code)
        await asyncio.to_thread(eventually, ready.exists)
        assert server.server is not None
        server.server.send_signal(signal.SIGSTOP)
        try:
            await asyncio.to_thread(eventually, lambda: not ready.exists(), 60)
        finally:
            server.server.send_signal(signal.SIGCONT)
        await browser.until_idle(msg_id, 120)
        event = await started(server, code)
        assert finished(server, event["execution_id"])["outcome"] == "ok"


@pytest.mark.parametrize(("end", "outcome"), [("0", "ok"), ("1/0", "error")])
async def test_an_execution_ends_by_its_reply_when_its_last_words_are_lost(
    server: RunningServer, end: str, outcome: str
) -> None:
    """A flood that nothing keeps up with: the kernel is not counted as busy for ever."""
    server.put_notebook("mute.ipynb", "0")
    kernel = server.open_notebook("mute.ipynb")
    async with Browser(server, kernel) as browser:
        code = f"k = get_ipython().kernel; k.iopub_thread.send_multipart = lambda *_, **__: None\n{end}"
        await browser.execute(code)
        event = await started(server, code)
        told = await asyncio.to_thread(finished, server, event["execution_id"], 60)
        assert told["outcome"] == outcome
        assert told["duration_s"] < 10
        await asyncio.to_thread(eventually, lambda: not server.office.heartbeats[-1]["busy"])
    server.json("DELETE", f"api/kernels/{kernel}")


async def test_malformed_messages_are_dropped_and_the_connection_lives(server: RunningServer) -> None:
    server.put_notebook("bad.ipynb", "0")
    async with Browser(server, server.open_notebook("bad.ipynb")) as browser:
        for message in ("", "{", "[]", '{"header": 1}', '{"header": {"msg_type": 3}, "channel": "shell"}',
                        '{"header": {"msg_type": "execute_request"}, "channel": "iopub", "content": {}}'):  # fmt: skip
            await browser.socket.send(message)
        assert await browser.run("print('alive')") == "alive\n"


async def test_output_of_a_closed_tab_is_in_the_notebook_when_it_is_opened_again(
    server: RunningServer,
) -> None:
    code = "import time\nfor i in range(8):\n    print(i, flush=True)\n    time.sleep(0.2)\n6*7"
    server.put_notebook("closed.ipynb", code)
    async with Browser(server, server.open_notebook("closed.ipynb")) as browser:
        await browser.execute(code)
        await started(server, code)
        await asyncio.sleep(0.5)
    await asyncio.sleep(0.3)
    halfway = server.json("GET", "api/contents/closed.ipynb")["content"]["cells"][0]["outputs"]
    assert halfway[0]["text"].startswith("0\n1\n")
    pending = server.json("GET", "nbkeep/api/status")["pending_outputs"]
    # Of another test's browser, which left at the very end, there may be output too.
    assert {"path": "closed.ipynb", "cell_id": "c0", "running": True} in pending
    event = await started(server, code)
    await asyncio.to_thread(finished, server, event["execution_id"])
    outputs = server.json("GET", "api/contents/closed.ipynb")["content"]["cells"][0]["outputs"]
    assert outputs[0]["text"] == "".join(f"{i}\n" for i in range(8))
    assert outputs[1]["data"]["text/plain"] == "42"
    assert cell(server, "closed.ipynb")["execution_count"] == 1


async def test_a_crash_is_explained_in_the_cell_and_in_the_status(server: RunningServer) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    server.put_notebook("crash.ipynb", code)
    kernel = server.open_notebook("crash.ipynb")
    async with Browser(server, kernel) as browser:
        await browser.execute(code)
        while True:
            message = json.loads(await asyncio.wait_for(browser.socket.recv(), 20))
            if message["msg_type"] == "stream" and "crashed" in message["content"]["text"]:
                break
    (death,) = [d for d in server.json("GET", "nbkeep/api/status")["deaths"] if d["kernel_id"] == kernel]
    assert (death["reason"], death["path"]) == ("crashed", "crash.ipynb")
    event = await started(server, code)
    assert finished(server, event["execution_id"])["outcome"] == "died"
    assert eventually(lambda: server.office.of_type("kernel.died"))[0]["reason"] == "crashed"


async def test_a_death_of_memory_names_use_limit_and_larger_profiles(server: RunningServer) -> None:
    gib = 1024**3
    usage = server.limits / "usage.json"
    (server.limits / "limits.json").write_text(json.dumps({"memory_limit_bytes": 8 * gib, "cgroup": "none"}))
    usage.write_text(json.dumps({"memory_used_bytes": gib, "memory_peak_bytes": gib, "oom_kills": 0}))
    code = "import os; os.kill(os.getpid(), 9)"
    server.put_notebook("oom.ipynb", code)
    kernel = server.open_notebook("oom.ipynb")
    async with Browser(server, kernel) as browser:
        await browser.execute(code)
        await asyncio.sleep(0.3)
        usage.write_text(json.dumps({"memory_used_bytes": gib, "memory_peak_bytes": 8 * gib, "oom_kills": 1}))
        deaths = await asyncio.to_thread(
            eventually,
            lambda: [
                d for d in server.json("GET", "nbkeep/api/status")["deaths"] if d["kernel_id"] == kernel
            ],
        )
    assert deaths[0]["reason"] == "out-of-memory"
    assert "8 GiB of the session's 8 GiB" in deaths[0]["message"]
    assert "Large (32 GiB)" in deaths[0]["message"]


async def test_a_busy_kernel_is_work_even_when_silent_and_an_open_tab_is_not(server: RunningServer) -> None:
    server.put_notebook("busy.ipynb", "0")
    beats = server.office.heartbeats

    async def comes(true: Callable[[], bool]) -> None:
        await asyncio.to_thread(eventually, true)

    async with Browser(server, server.open_notebook("busy.ipynb")) as browser:
        await browser.run("1")
        code = "import os, time\nwhile not os.path.exists('enough'): time.sleep(0.05)"
        running = await browser.execute(code)
        await comes(lambda: beats[-1]["busy"])
        before = beats[-1]["last_work_at"]
        await comes(lambda: beats[-1]["last_work_at"] > before)
        assert beats[-1]["busy"]
        (server.home / "enough").touch()
        await browser.until_idle(running)
        await comes(lambda: not beats[-1]["busy"])
        count = len(beats)
        await comes(lambda: len(beats) > count)
        idle_since = beats[-1]["last_work_at"]
        await comes(lambda: len(beats) > count + 2)
        assert beats[-1]["last_work_at"] == idle_since


async def test_an_office_that_is_away_stops_nothing_and_loses_nothing(server: RunningServer) -> None:
    server.put_notebook("away.ipynb", "0")
    async with Browser(server, server.open_notebook("away.ipynb")) as browser:
        await browser.run("0")
        server.office.is_down = True
        assert await browser.run("print('while away')") == "while away\n"
        eventually(lambda: not server.json("GET", "nbkeep/api/status")["office_reachable"])
        assert server.request("POST", "nbkeep/api/extend").status_code == 503
        server.office.is_down = False
    event = await started(server, "print('while away')")
    assert finished(server, event["execution_id"])["outcome"] == "ok"


def test_a_refused_extension_is_told_word_for_word(server: RunningServer) -> None:
    server.office.may_extend = False
    answer = server.request("POST", "nbkeep/api/extend")
    assert (answer.status_code, answer.json()["code"]) == (403, "at-maximum")
    server.office.may_extend = True
    assert server.json("POST", "nbkeep/api/extend")["session_id"] == "ses_1"
    assert server.json("POST", "nbkeep/api/tour", json={"done": True})["tour_done"]
