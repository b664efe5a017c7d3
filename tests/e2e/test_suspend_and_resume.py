"""Suspend and resume, whole: variables outlive a suspend, an idle stop, the platform's end, and what could not is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lab_parts import make_profile, wait_audit
from platform_parts import wait_for

if TYPE_CHECKING:
    from platform_parts import Person, Platform, Session

NOTEBOOK = "work.ipynb"
MAKES = """
import socket, threading
class Model:
    def __init__(self, n): self.n = n
    def twice(self): return 2 * self.n
kept = {"a": [1, 2, 3]}
alias = kept["a"]
model = Model(21)
lost = threading.Thread(target=print)
print("made")
"""
USES = "alias.append(4); print(kept['a'], model.twice(), 'lost' in globals())"

HELD = "open('begun', 'w').close()\nwhile os.path.exists('hold'): time.sleep(0.05)\nkept += 1"


@pytest.fixture(scope="module")
def made(module_platform: Platform) -> Platform:
    """An installation that gives running cells more time than any of these tests takes."""
    with (module_platform.data_dir / "config.toml").open("a") as config:
        config.write('cell_grace_s = "5min"\n')
    return module_platform


@pytest.fixture
def patient(made: Platform) -> Platform:
    """The same, running, whatever the test before has done to it."""
    made.up()
    return made


def notebook_kernel(session: Session) -> str:
    """Open the notebook as JupyterLab does and return its kernel: the one that is there, or a new one."""
    specs = session.call("GET", "api/kernelspecs").raise_for_status().json()
    body = {"path": NOTEBOOK, "name": NOTEBOOK, "type": "notebook", "kernel": {"name": specs["default"]}}
    made = session.call("POST", "api/sessions", body)
    assert made.status_code == 201, made.text
    return made.json()["kernel"]["id"]


def started(platform: Platform, profile: str = "notebook-cpu-small") -> tuple[Person, Session]:
    person = platform.person()
    person.sign_in()
    session = person.start(profile)
    session.open()
    empty: dict[str, Any] = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    body = {"type": "notebook", "format": "json", "content": empty}
    assert session.call("PUT", f"api/contents/{NOTEBOOK}", body).status_code == 201
    return person, session


def resumed(session: Session) -> str:
    """Resume by the command line, open the notebook, and return its kernel."""
    done = session.platform.run("session", "resume", session.id)
    assert done.returncode == 0, done.stderr + session.platform.logs()
    session.open()
    return notebook_kernel(session)


def kernel_audit(session: Session) -> list[str]:
    found = session.platform.run("audit", "search", "--session", session.id, "--type", "state", "--json")
    return [record["type"] for record in json.loads(found.stdout)]


def test_variables_outlive_a_suspend_an_idle_stop_and_the_platforms_end(patient: Platform) -> None:
    make_profile(patient, "hasty", idle_stop="30s", max_session="1h")
    _, session = started(patient, "hasty")
    kernel = notebook_kernel(session)
    assert session.execute(kernel, MAKES).strip() == "made"

    done = patient.run("session", "suspend", session.id)
    assert done.returncode == 0, done.stderr + patient.logs()
    assert "is suspended" in done.stderr
    assert session.state == "suspended"
    listed = patient.run("session", "checkpoints", session.id)
    assert NOTEBOOK in listed.stdout
    assert "lost" in listed.stdout
    assert patient.run("session", "list").stdout.count(session.id) == 1

    kernel = resumed(session)
    assert session.execute(kernel, USES).strip() == "[1, 2, 3, 4] 42 False"

    # Nobody works any more.
    wait_for(lambda: session.state == "suspended", 240, "the idle stop to suspend it")
    assert session.view["stop"]["reason"] == "idle"
    told = patient.run("session", "diagnose", "--session", session.id)
    assert "Suspended after 30 s without work" in told.stdout
    assert "Resume it" in told.stdout

    kernel = resumed(session)
    assert session.execute(kernel, USES).strip() == "[1, 2, 3, 4, 4] 42 False"
    assert patient.down().returncode == 0
    patient.up()
    assert session.state == "suspended"
    kernel = resumed(session)
    assert session.execute(kernel, USES).strip() == "[1, 2, 3, 4, 4, 4] 42 False"
    assert wait_audit(patient, session, "state.restored", 60)["data"]["kept"] >= 3
    session.stop()


def test_a_running_cell_is_interrupted_late_and_a_discarded_state_is_gone(patient: Platform) -> None:
    _, session = started(patient)
    kernel = notebook_kernel(session)
    session.execute(kernel, "kept = 1")
    assert patient.run("session", "stop", session.id, "--yes").returncode == 0
    assert session.state == "suspended"
    folder = patient.data_dir / "state" / session.owner.name / "checkpoints" / session.id
    assert folder.is_dir()
    gone = patient.run("session", "stop", session.id, "--discard-state", "--yes")
    assert "is stopped" in gone.stderr
    assert not folder.exists()
    refused = patient.run("session", "resume", session.id)
    assert refused.returncode == 1
    assert "nothing is kept" in refused.stderr


def test_a_hub_an_office_and_a_warden_killed_while_variables_are_saved(patient: Platform) -> None:
    """Whoever is killed, the session ends suspended and its variables are there."""
    _, session = started(patient)
    kernel = notebook_kernel(session)
    session.execute(kernel, "import os, time\nkept = 0")
    home = patient.data_dir / "homes" / session.owner.name
    hold, begun = home / "hold", home / "begun"
    for number, service in enumerate(("hub", "office", "warden")):
        # The cell keeps the saving waiting: that is when the service dies, and comes back.
        hold.touch()
        with session.channel(kernel) as channel:
            channel.send(json.dumps({
                "header": {"msg_id": f"m{number}", "msg_type": "execute_request", "username": "", "session": "s",
                           "version": "5.3", "date": ""},
                "parent_header": {}, "metadata": {}, "channel": "shell", "buffers": [],
                "content": {"code": HELD, "silent": False, "store_history": True,
                            "allow_stdin": False, "user_expressions": {}, "stop_on_error": True},
            }))  # fmt: skip
            wait_for(begun.exists, 60, "the cell to begin")
            asked = patient.office.post(f"/sessions/{session.id}/suspend")
            assert asked.status_code == 200, asked.text
        patient.kill(service)
        patient.wait_ready(120)
        begun.unlink()
        hold.unlink()
        wait_for(lambda: session.state == "suspended", 240, f"the session to be suspended without {service}")
        kernel = resumed(session)
        assert session.execute(kernel, "print(kept)").strip() == str(number + 1)
    session.stop()
