"""The office is killed between two steps of an incident: the next one finishes them."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from incident_parts import checked, opened, person, shown
from nbkeep.incidents.steps import advance
from nbkeep.model.actor import OPERATOR

if TYPE_CHECKING:
    from office_parts import OfficeForTests

# Opens the incident, or goes on with it, on the same database, and is killed where the test says.
KILLED = """
import os, signal, sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from incident_parts import opened
from nbkeep.incidents import evidence, steps
from nbkeep.model.actor import OPERATOR
from nbkeep.model.clock import ManualClock
from nbkeep.settings import Settings
from nbkeep.store.database import Store
from office_parts import InMemoryHub, InMemoryNode, OfficeForTests

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

settings = Settings(data_dir=Path(sys.argv[1]))
office = OfficeForTests(settings, Store(settings.store_url), ManualClock(), InMemoryNode(), InMemoryHub())
where = sys.argv[2]
if where == "freezing":
    steps.settle_freezer = die
elif where == "writing":
    steps.settle_freezer = lambda *_: None
    evidence.written = die
incident = opened(office, OPERATOR, "user", "jane")
if where == "opened":
    die()
steps.advance(office)
"""


@pytest.mark.parametrize("where", ["opened", "freezing", "writing"])
def test_what_a_killed_office_had_begun_is_finished(office: OfficeForTests, where: str) -> None:
    session_id = office.ready(person(office))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(office.settings.data_dir), where, *sys.path],
        check=False,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL
    # Revoking was one transaction: nothing of it is missing.
    incident_id = opened(office, OPERATOR, "user", "jane")
    assert office.row(session_id).state == "frozen"
    assert shown(office, incident_id)["steps_waiting"] >= 1
    advance(office)
    assert shown(office, incident_id)["steps_waiting"] == 0
    assert checked(office, incident_id).ok
    if where != "writing":
        assert office.backend.frozen == {session_id}
