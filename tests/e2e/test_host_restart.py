"""A machine that loses power: its sessions end with that reason, homes come back, leftovers do no harm."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nbkeep.backends.local.procs import boot_id
from platform_parts import wait_for

if TYPE_CHECKING:
    from platform_parts import Platform

# The id that this machine has, and the one that a machine has after a restart: the other way round is the same.
EARLIER = "00000000-1111-2222-3333-444444444444"


def lose_power(platform: Platform) -> None:
    """End everything at once and make it look as if it had been before this boot."""
    data = platform.data_dir
    halves = [json.loads(file.read_text())[which]["pid"]
              for file in (data / "run/s").glob("*/*.json") if file.stem in {"server", "sandbox"}
              for which in ("outer", "inner")]  # fmt: skip
    services = [platform.pid(name) for name in ("supervisor", "warden", "office", "gateway", "hub", "proxy")]
    for pid in services + halves:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_for(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in halves), what="the sandboxes to be gone"
    )
    for place in [*(data / "homes").iterdir(), *(data / "run/s").glob("*/kernels")]:
        if place.is_mount():
            wait_for(lambda place=place: subprocess.run(["umount", str(place)], check=False).returncode == 0)
    for file in [*(data / "run").rglob("*.json"), *(data / "run/pids").iterdir()]:
        file.write_text(file.read_text().replace(boot_id(), EARLIER))
    with sqlite3.connect(data / "nbkeep.db") as database:
        database.execute("UPDATE marks SET value = replace(value, ?, ?)", (boot_id(), EARLIER))


def test_sessions_end_with_the_reason_and_the_next_one_has_the_files(own_platform: Platform) -> None:
    own_platform.up()
    person = own_platform.person()
    person.sign_in()
    session = person.start(name="work")
    session.open()
    session.execute(session.kernel(), "open('notes', 'w').write('kept')\nimport os; os.sync()")
    lose_power(own_platform)

    # Numbers are given anew after a restart, and with bad luck the start time fits, too.
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    try:
        line = Path(f"/proc/{stranger.pid}/stat").read_text()
        ticks = int(line[line.rindex(")") + 1 :].split()[19])
        for name in ("warden", "office", "gateway", "hub", "proxy"):
            (own_platform.data_dir / "run/pids" / name).write_text(f"{line}{EARLIER}\n")
        state = own_platform.data_dir / "run/supervisor.json"
        state.write_text(
            json.dumps(json.loads(state.read_text()) | {"pid": stranger.pid, "start_ticks": ticks})
        )
        for file in (own_platform.data_dir / "run/s").glob("*/s*.json"):
            known = json.loads(file.read_text())
            if file.stem in {"server", "sandbox"}:
                known["inner"] = known["outer"] = {"pid": stranger.pid, "started": ticks}
                file.write_text(json.dumps(known))

        assert "Nothing runs" in own_platform.down().stderr
        own_platform.up()
        wait_for(lambda: session.state in {"suspended", "stopped", "failed"}, 60, "the session to be over")
        assert session.view["stop"]["reason"] == "host-restarted", session.view
        again = person.start(name="work")
        again.open()
        assert "kept" in again.execute(again.kernel(), "print(open('notes').read())")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()

    assert own_platform.down().returncode == 0
    assert stranger.returncode == -signal.SIGKILL
    assert not [home for home in (own_platform.data_dir / "homes").iterdir() if home.is_mount()]
    shutil.rmtree(own_platform.data_dir)
