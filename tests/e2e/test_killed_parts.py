"""Any part may be killed at any moment: sessions live on, are found again, and no record is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_parts import wait_for

if TYPE_CHECKING:
    from platform_parts import Platform, Session


@pytest.fixture(scope="module")
def session(platform: Platform) -> Session:
    """A session that runs while parts die around it."""
    person = platform.person()
    person.sign_in()
    return person.start()


@pytest.mark.parametrize("service", ["hub", "office", "gateway", "proxy", "warden", "supervisor"])
def test_a_session_outlives_each_part(platform: Platform, session: Session, service: str) -> None:
    session.open()
    kernel = session.kernel()
    session.execute(kernel, "kept = 42")
    killed = platform.kill(service)
    if service == "supervisor":
        platform.up()
    wait_for(lambda: platform.pid(service) != killed, 30, f"another {service}")
    platform.wait_ready()
    assert session.state == "ready"
    session.open()
    assert session.execute(kernel, "print(kept)").strip() == "42"
    assert platform.office.get("/audit/verify").json()["ok"] is True


def test_a_killed_supervisor_leaves_no_second_service(platform: Platform) -> None:
    before = {name: platform.pid(name) for name in ("warden", "office", "gateway", "proxy", "hub")}
    platform.kill("supervisor")
    platform.up()
    assert {name: platform.pid(name) for name in before} == before
