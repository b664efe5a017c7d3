"""The key of saved variables outside of the data directory: missing at first, made, taken away, put back, followed by a new one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from test_suspend_and_resume import notebook_kernel, resumed, started

if TYPE_CHECKING:
    from platform_parts import Platform


def test_variables_come_back_with_their_key_only(own_platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "state-key"
    with (own_platform.data_dir / "config.toml").open("a") as config:
        config.write(f'state_key = "file:{file}"\n')
    own_platform.up()
    person = own_platform.person()
    refused = own_platform.office.post(
        "/sessions", json={"profile": "notebook-cpu-small", "user": person.name}
    )
    assert refused.status_code == 409
    assert refused.json()["code"] == "state-key-missing"
    assert not (own_platform.data_dir / "secrets/state-key").exists()
    assert own_platform.run("state-key", "new").returncode == 0

    person, session = started(own_platform)
    kernel = notebook_kernel(session)
    session.execute(kernel, "kept = 20 + 22")
    assert own_platform.run("session", "suspend", session.id).returncode == 0
    away = file.rename(tmp_path / "away")
    denied = own_platform.run("session", "resume", session.id)
    assert denied.returncode == 1
    assert "cannot be read" in denied.stderr
    assert "It cannot be resumed now" in person.get(f"/portal/sessions/{session.id}").text
    away.rename(file)

    assert own_platform.run("state-key", "new").returncode == 0
    shown = json.loads(own_platform.run("state-key", "show", "--json").stdout)
    assert (len(shown["ids"]), shown["file"]) == (2, str(file))
    assert not any(line in json.dumps(shown) for line in file.read_text().split())
    kernel = resumed(session)
    assert session.execute(kernel, "print(kept)").strip() == "42"
    session.stop()
