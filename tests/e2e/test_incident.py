"""An incident on the running product: a loop stands still, its secret is gone, its user reads why, and it comes back."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from nbkeep.backends.local.cgroups import find_cgroups
from platform_parts import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from platform_parts import Platform

pytestmark = pytest.mark.e2e
LOOP = """
import threading, time
def count():
    while True:
        with open("count", "a") as file: file.write(".")
        time.sleep(0.05)
threading.Thread(target=count, daemon=True).start()
"""


@pytest.mark.skipif(find_cgroups().freezer is None, reason="this user can freeze nothing here: run as root")
def test_a_session_stands_still_until_its_incident_is_closed(platform: Platform, tmp_path: Path) -> None:
    person = platform.person()
    made = platform.office.post(
        "/secrets",
        json={"name": "model", "value": "sk-live-51", "hosts": ["api.acme.example"],
              "header": "Authorization: Bearer {}", "grants": [f"user:{person.name}"]},
    )  # fmt: skip
    assert made.status_code == 201, made.text
    person.sign_in()
    session = person.start("notebook-cpu-small")
    session.open()
    session.execute(session.kernel(), LOOP)

    def counted() -> int:
        return len(session.call("GET", "api/contents/count?type=file&format=text").json()["content"])

    wait_for(lambda: counted() > 5, 20, "the loop runs")
    opened = platform.run(
        "incident", "open", "--session", session.id, "--reason", "odd traffic", "--yes", "--json"
    )
    assert opened.returncode == 0, opened.stdout + opened.stderr
    incident_id = json.loads(opened.stdout)["id"]
    freezer = find_cgroups().freezer
    assert freezer is not None
    assert "frozen 1" in (freezer / session.id / "cgroup.events").read_text()
    leases = platform.office.get("/secret-leases").json()
    assert session.id not in json.dumps(leases)
    assert platform.office.get(f"/sessions/{session.id}").json()["held_by"] == incident_id
    assert "security incident" in platform.office.get(f"/sessions/{session.id}/diagnose").text

    def has_evidence() -> bool:
        return platform.office.get(f"/incidents/{incident_id}").json()["evidence"] is not None

    wait_for(has_evidence, 60, "the evidence is written")
    file, key = tmp_path / "evidence.zip", tmp_path / "audit.pem"
    assert platform.run("incident", "evidence", incident_id, "-o", str(file)).returncode == 0
    key.write_text(platform.run("audit", "key").stdout)
    verified = platform.run("incident", "verify", str(file), "--key", str(key))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    closed = platform.run("incident", "close", incident_id, "--reason", "false alarm", "--sessions", "thaw",
                          "--let-in", "--yes")  # fmt: skip
    assert closed.returncode == 0, closed.stdout + closed.stderr
    person.sign_in()
    wait_for(lambda: "frozen 0" in (freezer / session.id / "cgroup.events").read_text(), 20, "it goes on")
    wait_for(
        lambda: platform.office.get(f"/sessions/{session.id}").json()["state"] == "ready", 10, "it is ready"
    )
    session.open()  # its cookie ended with the sign-in of before
    before = counted()
    time.sleep(1)
    assert counted() > before
