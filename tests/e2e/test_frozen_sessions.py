"""Frozen: an idle session rests in memory, goes on at once when its user is back, and is suspended in the end."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from websockets.protocol import State

from lab_parts import make_profile, wait_audit
from nbkeep.backends.local.cgroups import find_cgroups
from nbkeep.backends.local.halves import find_half
from platform_parts import Session, make_platform, remove_platform, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

    from platform_parts import Platform

Started = tuple[Session, str, str]

NOTEBOOK = "work.ipynb"
# A thread goes on counting when its cell has ended: nobody calls that work, and it does not keep it awake.
COUNTS = """
import os, threading, time
kept = [1]
def count():
    while True:
        with open("count", "a") as file: file.write(".")
        time.sleep(0.05)
threading.Thread(target=count, daemon=True).start()
print(os.getpid())
"""
USES = "kept.append(len(kept) + 1); print(os.getpid(), kept)"
IDLE_S = 240  # for half a minute of silence: the machine may have other things to do
ENDS = ("stopped", "disabled", "resumed", "serverless", "killed", "left")


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    if find_cgroups().freezer is None:
        pytest.skip("this user can freeze nothing here: run as root, or with a delegated cgroup")
    made = make_platform()
    write_setting(made, "20min")
    try:
        made.up()
        make_profile(made, "hasty", idle_stop="30s", max_session="1h", frozen="20min")
        make_profile(made, "as-the-platform", idle_stop="30s", max_session="1h")
        yield made
    finally:
        remove_platform(made)


@pytest.fixture(scope="module")
def begun(platform: Platform) -> dict[str, Started]:
    """Sessions that count, each for one test: all of them are silent at the same time."""
    profiles = {"back": "hasty", "outlives": "as-the-platform"} | dict.fromkeys(ENDS, "hasty")
    return {name: started(platform, profile) for name, profile in profiles.items()}


@pytest.fixture(scope="module")
def tab(begun: dict[str, Started]) -> Iterator[ClientConnection]:
    """A tab of the session `back`, open all the time."""
    session, kernel, _ = begun["back"]
    with session.channel(kernel) as channel:
        yield channel


@pytest.fixture(scope="module")
def rested(begun: dict[str, Started], tab: ClientConnection) -> dict[str, Started]:
    """The same sessions, once they are frozen."""
    assert tab.state is State.OPEN
    for session, _, _ in begun.values():
        wait_frozen(session)
    return begun


def write_setting(platform: Platform, frozen_s: str) -> None:
    file = platform.data_dir / "config.toml"
    file.write_text(re.sub("(?m)^frozen_s = .*$", f'frozen_s = "{frozen_s}"', file.read_text()))


def started(platform: Platform, profile: str) -> Started:
    """Return a session with a notebook that counts, the id of its kernel, and the kernel's pid."""
    person = platform.person()
    person.sign_in()
    session = person.start(profile)
    session.open()
    empty: dict[str, Any] = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    body = {"type": "notebook", "format": "json", "content": empty}
    assert session.call("PUT", f"api/contents/{NOTEBOOK}", body).status_code == 201
    kernel = notebook_kernel(session)
    return session, kernel, session.execute(kernel, COUNTS).strip()


def notebook_kernel(session: Session) -> str:
    specs = session.call("GET", "api/kernelspecs").raise_for_status().json()
    body = {"path": NOTEBOOK, "name": NOTEBOOK, "type": "notebook", "kernel": {"name": specs["default"]}}
    made = session.call("POST", "api/sessions", body)
    assert made.status_code == 201, made.text
    return made.json()["kernel"]["id"]


def group(session: Session) -> Path:
    freezer = find_cgroups().freezer
    assert freezer is not None
    return freezer / session.id


def is_frozen(session: Session) -> bool:
    return "frozen 1" in (group(session) / "cgroup.events").read_text()


def cpu_ticks(session: Session) -> int:
    """Return the processor time of all processes in the sandbox."""
    ticks = 0
    for pid in (group(session) / "cgroup.procs").read_text().split():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks


def counted(session: Session) -> int:
    return len(session.call("GET", "api/contents/count?content=1&format=text").json()["content"])


def ask(channel: Any, kind: str, content: dict[str, Any]) -> str:
    header = {
        "msg_id": uuid4().hex,
        "msg_type": kind,
        "username": "",
        "session": "s",
        "version": "5.3",
        "date": "",
    }
    channel.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content,
                             "channel": "shell", "buffers": []}))  # fmt: skip
    return header["msg_id"]


def replies(channel: Any, kind: str, seconds: float = 60) -> dict[str, Any]:
    """Return the next message of a kind."""
    deadline = time.monotonic() + seconds
    while True:
        message = json.loads(channel.recv(timeout=deadline - time.monotonic()))
        if message["msg_type"] == kind:
            return message


def wait_frozen(session: Session) -> None:
    wait_for(lambda: session.state == "frozen", IDLE_S, "the session to be frozen", 0.5)
    wait_for(lambda: is_frozen(session), 10, "its processes to rest")


def test_it_rests_and_goes_on_with_a_cell(
    platform: Platform, rested: dict[str, Started], tab: ClientConnection
) -> None:
    session, kernel, pid = rested["back"]
    view = session.view
    assert view["frozen_until"] > view["frozen_at"]
    assert view["idle_stop_at"] is None
    assert view["warning"] is None

    # Nothing in it runs; its server answers, and what JupyterLab asks by itself wakes nothing.
    ticks, count = cpu_ticks(session), counted(session)
    told = session.call("GET", "nbkeep/api/status").raise_for_status().json()
    assert told["state"] == "frozen"
    for path in (
        "api/kernels",
        "api/sessions",
        "api/terminals",
        "nbkeep/api/state",
        f"api/contents/{NOTEBOOK}",
    ):
        assert session.call("GET", path).status_code == 200
    marks = session.call("POST", f"nbkeep/api/kernels/{kernel}/cells", {"cells": []}).json()
    assert marks["is_busy"]
    ask(tab, "kernel_info_request", {})
    time.sleep(3)
    assert (cpu_ticks(session), counted(session), session.state) == (ticks, count, "frozen")
    listed = platform.run("session", "list").stdout
    assert "frozen" in listed
    assert "paused in memory" in platform.run("session", "diagnose", session.id).stdout

    # Its user is back: by the tab that was open all the time.
    code: dict[str, Any] = {
        "code": USES,
        "silent": False,
        "store_history": True,
        "allow_stdin": False,
        "user_expressions": {},
    }
    ask(tab, "execute_request", code)
    assert replies(tab, "stream")["content"]["text"].strip() == f"{pid} [1, 2]"
    assert session.state == "ready"
    assert not is_frozen(session)
    frozen, thawed = (wait_audit(platform, session, f"session.{kind}") for kind in ("frozen", "thawed"))
    assert thawed["data"]["frozen_s"] > 0
    assert frozen["seq"] < thawed["seq"] < wait_audit(platform, session, "execution.finished")["seq"]
    wait_for(lambda: counted(session) > count, 30, "the thread to count on")
    session.stop()


def test_it_outlives_every_service_and_is_suspended_in_the_end(
    platform: Platform, rested: dict[str, Started]
) -> None:
    session, kernel, pid = rested["outlives"]
    # Whatever is killed meanwhile; a tab is opened.
    for service in ("warden", "hub"):
        platform.kill(service)
    platform.wait_ready()
    platform.kill("supervisor")
    platform.up()
    assert session.state == "frozen"
    assert is_frozen(session)
    assert session.execute(kernel, USES).strip() == f"{pid} [1, 2]"

    # The office is killed, and told when it is started again that the time is over.
    wait_frozen(session)
    write_setting(platform, "1s")
    platform.kill("office")
    platform.wait_ready()
    wait_for(lambda: session.state == "suspended", 120, "the session to be suspended")
    assert session.view["stop"]["reason"] == "idle"
    assert not group(session).exists()
    write_setting(platform, "20min")
    platform.kill("office")
    platform.wait_ready()
    done = platform.run("session", "resume", session.id)
    assert done.returncode == 0, done.stderr
    session.open()
    told = session.execute(notebook_kernel(session), USES.replace("os.getpid()", "''")).strip()
    assert told == "[1, 2, 3]"
    session.stop()


def test_every_end_works_on_a_frozen_session(platform: Platform, rested: dict[str, Started]) -> None:
    stopped, disabled, resumed, serverless, killed, left = (rested[name] for name in ENDS)
    assert {session.state for session, _, _ in (rested[name] for name in ENDS)} == {"frozen"}

    session, kernel, _ = resumed
    done = platform.run("session", "resume", session.id)
    assert done.returncode == 0, done.stderr
    assert not is_frozen(session)
    assert session.execute(kernel, "print(kept)").strip() == "[1]"

    session = serverless[0]
    folder = platform.data_dir / "run/s" / session.id
    half = find_half(folder, "server")
    assert half is not None
    assert half.inner is not None
    pids = (group(session) / "cgroup.procs").read_text().split()
    os.kill(half.inner.pid, signal.SIGKILL)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 30, "its sandbox to end")
    wait_for(lambda: session.state == "suspended", 60, "the end to be known")
    assert session.view["kept"]["kept"] >= 1

    session = killed[0]
    half = find_half(platform.data_dir / "run/s" / session.id, "sandbox")
    assert half is not None
    assert half.inner is not None
    os.kill(half.inner.pid, signal.SIGKILL)
    wait_for(lambda: session.state == "suspended", 60, "the end to be known")
    assert session.view["stop"]["reason"] == "sandbox-died"

    session = disabled[0]
    platform.office.patch(f"/users/{session.owner.name}", json={"status": "disabled"}).raise_for_status()
    wait_for(lambda: session.state == "suspended", 120, "a disabled user's session to end")

    session = stopped[0]
    done = platform.run("session", "stop", session.id, "--yes")
    assert "is suspended" in done.stderr, done.stderr
    for session, _, _ in (stopped, disabled, serverless, killed):
        wait_for(lambda session=session: not group(session).exists(), 30, "its group to go")

    # The whole platform goes down and comes back.
    session = left[0]
    assert session.state == "frozen"
    done = platform.down()
    assert done.returncode == 0, done.stderr
    assert not group(session).exists()
    platform.up()
    assert session.state == "suspended"
    done = platform.run("session", "resume", session.id)
    assert done.returncode == 0, done.stderr
    session.open()
    assert session.execute(notebook_kernel(session), "print(kept)").strip() == "[1]"
