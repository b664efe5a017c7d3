"""Hub, office and warden are killed at each step of a resume: no variable is lost, no session hangs.

Steps are reached, not timed: who comes next is stopped (SIGSTOP), or the kernel waits for a file to go.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from test_suspend_and_resume import notebook_kernel, resumed, started

from platform_parts import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_parts import Platform, Session

pytestmark = pytest.mark.attack
CELL = """
import os, time
class Waits:
    def __init__(self): self.n = 1
    def __setstate__(self, state):
        while os.path.exists("wait"): time.sleep(0.05)
        self.__dict__.update(state)
first = [1, 2]; waits = Waits(); waits.held = first; count = 0
"""
LOOKS = "count += 1; print(waits.held is first, first, waits.n, count)"
SETTLED = {"ready", "suspended", "stopped", "failed"}


@pytest.fixture(scope="module")
def session(platform: Platform) -> Session:
    _, session = started(platform)
    assert session.execute(notebook_kernel(session), CELL) == ""
    return session


def suspended(session: Session) -> None:
    asked = session.platform.office.post(f"/sessions/{session.id}/suspend")
    assert asked.status_code == 200, asked.text
    wait_for(lambda: session.state in {"suspended", "stopped", "failed"}, 120, "the session to be suspended")
    assert session.state == "suspended", session.view


def ask(session: Session) -> threading.Thread:
    """Resume without waiting for the answer, which may never come."""

    def call() -> None:
        session.platform.run("session", "resume", session.id)

    thread = threading.Thread(target=call)
    thread.start()
    return thread


def stop_before_the_hub(session: Session) -> Callable[[], None]:
    """Resume until the office has admitted it and asks the hub; return what lets the hub go on."""
    hub = session.platform.pid("hub")
    os.kill(hub, signal.SIGSTOP)
    asking = ask(session)
    wait_for(lambda: session.state == "requested", 30, "the resume to be admitted")

    def go_on() -> None:
        os.kill(hub, signal.SIGCONT)
        asking.join(1)

    return go_on


def is_back(session: Session, count: int) -> None:
    """However the resume went, its user knows, and has everything: at once, or by resuming once more."""
    platform = session.platform
    platform.wait_ready(120)
    wait_for(lambda: session.state in SETTLED, 200, "the resume to be over")
    view: dict[str, Any] = session.view
    assert view["state"] in {"ready", "suspended"}, view
    if view["state"] == "suspended":
        assert len(view["stop"]["message"]) > 20
        assert view["stop"]["remedy"]
        kernel = resumed(session)
    else:
        session.open()
        kernel = notebook_kernel(session)
    assert session.execute(kernel, LOOKS, 120).strip() == f"True [1, 2] 1 {count}", platform.logs()
    running = platform.office.get("/sessions", params={"user": session.owner.name}).json()["items"]
    assert [one["state"] for one in running if one["session_id"] == session.id] == ["ready"]
    assert platform.office.get("/audit/verify").json()["ok"] is True


@pytest.mark.parametrize(("service", "count"), [("hub", 1), ("office", 2), ("warden", 3)])
def test_a_part_is_killed_before_the_session_starts(
    platform: Platform, session: Session, service: str, count: int
) -> None:
    suspended(session)
    go_on = stop_before_the_hub(session)
    if service == "warden":
        os.kill(platform.pid("warden"), signal.SIGSTOP)
        go_on()
        wait_for(lambda: session.state == "starting", 60, "the hub to begin the start")
        platform.kill("warden")
    else:
        platform.kill(service)
        if service != "hub":
            go_on()
    is_back(session, count)


@pytest.mark.parametrize(("service", "count"), [("hub", 4), ("office", 5), ("warden", 6)])
def test_a_part_is_killed_while_variables_are_restored(
    platform: Platform, session: Session, service: str, count: int
) -> None:
    made = session.call("PUT", "api/contents/wait", {"type": "file", "format": "text", "content": ""})
    assert made.status_code == 201, made.text
    suspended(session)
    asking = ask(session)
    wait_for(lambda: session.state == "ready", 90, "the server to let people in")
    session.open()
    told = session.call("GET", "nbkeep/api/state").json()
    assert [one["status"] for one in told["resumed"]["kernels"]] == ["restoring"]
    platform.kill(service)
    asking.join(120)
    platform.wait_ready(120)
    assert session.call("DELETE", "api/contents/wait").status_code == 204
    is_back(session, count)
