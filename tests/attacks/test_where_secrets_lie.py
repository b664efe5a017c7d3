"""Somebody with a look at the machine's processes, files and logs searches for what opens the platform."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from platform_parts import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_parts import Platform, Session

pytestmark = [pytest.mark.attack, pytest.mark.e2e]


@pytest.fixture(scope="module")
def session(platform: Platform) -> Session:
    """A session of somebody who followed an invitation, signed in, made a mistake before and ran a kernel."""
    person = platform.person()
    person.sign_in("wrong-" + PASSWORD)
    person.sign_in()
    made = person.start()
    made.open()
    made.execute(made.kernel(), "print(1)")
    return made


def secrets_of(platform: Platform) -> dict[str, str]:
    """What opens something; a link or a session's token is recognised by its form."""
    kept = {file.name: file.read_text().strip() for file in (platform.data_dir / "secrets").iterdir()}
    return kept | {"password": PASSWORD}


def found_in(text: str, platform: Platform) -> list[str]:
    named = [name for name, secret in secrets_of(platform).items() if secret in text]
    # A token's first 8 characters and its hash may be kept, side by side: that is no token.
    forms = [
        found[0]
        for found in re.finditer(
            r"nbks?_[\w-]{8}(?![0-9a-f]{12})[\w-]{12}|/portal/(join|reset)/[\w-]{16}", text
        )
    ]
    return named + forms


def processes() -> Iterator[Path]:
    return (path for path in Path("/proc").iterdir() if path.name.isdigit())


def test_no_process_has_one_among_its_arguments(platform: Platform, session: Session) -> None:
    """Arguments are read by every user of the machine."""
    assert session.state == "ready"
    seen = 0
    for process in processes():
        try:
            arguments = (process / "cmdline").read_text(errors="replace")
        except OSError:
            continue
        seen += str(platform.data_dir) in arguments
        assert found_in(arguments, platform) == []
    assert seen >= 3


def test_logs_hold_none(platform: Platform, session: Session) -> None:
    assert session.state == "ready"
    logs = list((platform.data_dir / "logs").rglob("*.log"))
    assert len(logs) >= 5
    for log in logs:
        assert found_in(log.read_text(errors="replace"), platform) == [], log.name


def test_databases_hold_none_that_works(platform: Platform, session: Session) -> None:
    assert session.state == "ready"
    files = [file for file in platform.data_dir.iterdir() if ".db" in file.name]
    assert {file.name for file in files} >= {"nbkeep.db", "hub.db"}
    for file in files:
        assert found_in(file.read_bytes().decode("latin-1"), platform) == [], file.name


def test_the_journal_and_its_export_hold_none(platform: Platform, session: Session) -> None:
    assert session.state == "ready"
    assert found_in(platform.office.get("/audit/export").text, platform) == []


def test_other_users_of_the_machine_reach_two_sockets_and_nothing_else(
    platform: Platform, session: Session
) -> None:
    """Both want a token for every call. Folders may be passed through, not listed."""
    open_to_all: list[str] = []
    listed: list[str] = []
    walk = [platform.data_dir]
    while walk:
        for entry in os.scandir(walk.pop()):
            mode = entry.stat(follow_symlinks=False).st_mode
            if entry.is_symlink() or entry.name == "images":
                continue
            name = os.path.relpath(entry.path, platform.data_dir)
            if stat.S_ISDIR(mode):
                if mode & 0o004:
                    listed.append(name)
                if mode & 0o001:  # what lies in a closed folder is out of reach
                    walk.append(Path(entry.path))
            elif mode & 0o006:
                open_to_all.append(name)
    assert sorted(open_to_all) == ["run/hub/hub.sock", "run/office/office.sock"]
    assert listed == []
    assert session.state == "ready"


def test_what_runs_a_sandbox_has_none_in_its_environment(platform: Platform, session: Session) -> None:
    for process in processes():
        try:
            arguments = (process / "cmdline").read_text(errors="replace")
            environment = (process / "environ").read_text(errors="replace")
        except OSError:
            continue
        if "/opt/nbkeep/" in arguments and "nbkeep_runtime.server" not in arguments:
            assert found_in(environment, platform) == []
    assert session.state == "ready"
