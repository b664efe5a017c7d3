"""Somebody copies a saved state aside and puts it back once its time is over: it is not resumed."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest
from test_suspend_and_resume import notebook_kernel, started

from platform_parts import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from platform_parts import Platform, Session

pytestmark = pytest.mark.attack


def let_its_time_be_over(session: Session) -> None:
    """Move the end of the retention into the past, as days of waiting would."""
    with contextlib.closing(sqlite3.connect(session.platform.data_dir / "nbkeep.db", timeout=30)) as database:
        database.execute("UPDATE sessions SET kept_until = ended_at WHERE id = ?", [session.id])
        database.commit()


def put(aside: Path, folder: Path) -> None:
    """Put a copy in a place as its owner's."""
    shutil.copytree(aside, folder)
    owner = folder.parent.stat()
    for path in [folder, *folder.rglob("*")]:
        shutil.chown(path, owner.st_uid, owner.st_gid)


def test_an_expired_state_is_gone_from_the_disk_and_cannot_be_put_back(
    platform: Platform, tmp_path: Path
) -> None:
    person, session = started(platform)
    session.execute(notebook_kernel(session), "mark = 'grown-old'")
    assert platform.run("session", "suspend", session.id).returncode == 0
    folder = platform.data_dir / "state" / person.name / "checkpoints" / session.id
    aside = tmp_path / "aside"
    shutil.copytree(folder, aside)

    let_its_time_be_over(session)
    wait_for(lambda: session.state == "stopped", 60, "the state to expire")
    wait_for(lambda: not folder.exists(), 60, "its files to be deleted")
    assert session.view["kept"] is None

    put(aside, folder)
    refused = platform.run("session", "resume", session.id)
    assert refused.returncode == 1
    assert "nothing is kept" in refused.stderr
    assert platform.office.post(f"/sessions/{session.id}/resume").status_code == 409
    platform.kill("office")  # what is found on the disk by another office is no reason either
    platform.wait_ready()
    assert platform.office.post(f"/sessions/{session.id}/resume").status_code == 409
    assert session.state == "stopped"

    # Nor does it serve another session of the same person: it is bound to its own.
    other = person.start()
    other.open()
    kernel = notebook_kernel(other)
    assert other.execute(kernel, "mark = 'young'") == ""
    assert platform.run("session", "suspend", other.id).returncode == 0
    shutil.rmtree(folder.parent / other.id)
    put(aside, folder.parent / other.id)
    assert platform.run("session", "resume", other.id).returncode == 0
    other.open()
    (told,) = other.call("GET", "nbkeep/api/state").json()["resumed"]["kernels"]
    assert told["status"] == "failed"
    assert "belongs to another user or session" in told["reason"]
    assert other.execute(notebook_kernel(other), "print('mark' in globals())").strip() == "False"
    other.stop()
