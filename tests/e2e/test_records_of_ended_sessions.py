"""An execution is in the journal although its session ended while the office could not take the record."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from nbkeep.backends.warden_client import WardenClient
from platform_parts import wait_for

if TYPE_CHECKING:
    from platform_parts import Platform


def executions(platform: Platform, session_id: str) -> list[str]:
    answer = platform.office.get("/audit", params={"session": session_id, "type": "execution.finished"})
    return [item["data"]["outcome"] for item in answer.raise_for_status().json()["items"]]


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_what_ran_while_the_office_was_away_is_recorded_when_it_is_back(platform: Platform, end: str) -> None:
    person = platform.person()
    person.sign_in()
    session = person.start()
    session.open()
    kernel = session.kernel()
    session.execute(kernel, "1")
    wait_for(lambda: executions(platform, session.id) == ["ok"], 20, "the first record")

    # An office that does not answer and is not started anew, as one that hangs.
    office = platform.pid("office")
    os.kill(office, signal.SIGSTOP)
    try:
        session.execute(kernel, "1/0")
        folder = platform.data_dir / "run/s" / session.id
        wait_for(lambda: b"finished" in (folder / "server/events.jsonl").read_bytes(), 20, "the report")
        if end == "stopped":
            token = (platform.data_dir / "secrets/warden-token").read_text().strip()
            warden = WardenClient(platform.data_dir / "run/warden/warden.sock", token)
            warden.stop(session.id, grace_s=1)
            warden.close()
            assert not folder.exists()
        else:
            os.kill(json.loads((folder / "server.json").read_text())["inner"]["pid"], signal.SIGKILL)
    finally:
        os.kill(office, signal.SIGKILL)
    wait_for(lambda: platform.pid("office") != office, 30, "another office")
    platform.wait_ready()
    wait_for(lambda: len(executions(platform, session.id)) == 2, 60, "the record of the last execution")
    assert sorted(executions(platform, session.id)) == ["error", "ok"]
    assert platform.office.get("/audit/verify").json()["ok"] is True
