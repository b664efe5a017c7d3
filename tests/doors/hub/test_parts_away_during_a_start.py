"""A start in whose middle the hub, the office or the warden is killed ends, one way or the other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from platform_parts import wait_for

if TYPE_CHECKING:
    from platform_parts import Person, Platform

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def person(platform: Platform) -> Person:
    """Somebody signed in."""
    made = platform.person()
    made.sign_in()
    return made


def request(platform: Platform, person: Person, name: str) -> str:
    body = {"profile": "notebook-cpu-small", "name": name, "user": person.name}
    answer = platform.office.post("/sessions", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["session_id"])


@pytest.mark.parametrize("pause_s", [0.0, 0.3])
@pytest.mark.parametrize("service", ["hub", "office", "warden"])
def test_a_start_ends_and_the_name_can_be_started(
    platform: Platform, person: Person, service: str, pause_s: float
) -> None:
    name = f"{service}{int(pause_s * 10)}"
    session_id = request(platform, person, name)
    time.sleep(pause_s)
    killed = platform.kill(service)
    wait_for(lambda: platform.pid(service) != killed, 30, f"another {service}")
    platform.wait_ready()
    path = f"/sessions/{session_id}"

    def settled() -> dict[str, Any]:
        view: dict[str, Any] = platform.office.get(path).raise_for_status().json()
        return view if view["state"] in {"ready", "failed", "suspended", "stopped"} else {}

    view = wait_for(settled, 90, "the start to end")
    if view["state"] == "ready":
        assert person.get(str(view["url"])).status_code == 200
        platform.office.post(f"{path}/stop", json={"reason": "the test is over"}).raise_for_status()
        wait_for(
            lambda: platform.office.get(path).json()["state"] in {"suspended", "stopped"}, 60, "the stop"
        )
    else:
        assert view["stop"]["message"]
        assert view["stop"]["remedy"]
    again = person.start(name=name)
    assert again.open().status_code == 200
    again.stop()
