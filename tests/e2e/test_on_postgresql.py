"""The main job and what it leaves on record, with PostgreSQL as the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from test_suspend_and_resume import notebook_kernel, resumed, started

if TYPE_CHECKING:
    from platform_parts import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def test_a_session_is_started_suspended_resumed_metered_and_on_record(platform_on_postgres: Platform) -> None:
    platform = platform_on_postgres
    person, session = started(platform)
    kernel = notebook_kernel(session)
    session.execute(kernel, "kept = 20 + 22")
    assert platform.run("session", "suspend", session.id).returncode == 0
    kernel = resumed(session)
    assert session.execute(kernel, "print(kept)").strip() == "42"
    session.stop()
    assert not (platform.data_dir / "nbkeep.db").exists()
    usage = json.loads(platform.run("report", "monthly", "--json").stdout)
    assert person.name in json.dumps(usage)
    found = platform.run("audit", "search", "--session", session.id).stdout
    assert all(f"session.{what}" in found for what in ("requested", "suspended", "resumed", "ended")), found
    verified = platform.run("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
