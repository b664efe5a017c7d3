"""Many suspended sessions are resumed at the same moment: each comes back with its own variables, nobody waits in vain."""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import pytest
from test_suspend_and_resume import notebook_kernel

from lab_parts import make_profile
from platform_parts import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_parts import Person, Platform, Session

log = logging.getLogger(__name__)
pytestmark = pytest.mark.attack
MANY = int(os.environ.get("NBKEEP_TEST_RESUMES", "12"))


@pytest.fixture
def person(platform: Platform) -> Person:
    make_profile(platform, "thin", memory="1GiB")
    made = platform.person()
    platform.office.patch(f"/users/{made.name}", json={"max_sessions": MANY}).raise_for_status()
    made.sign_in()
    return made


class Watch:
    """Asks the office something all the time, as a person does who works meanwhile."""

    def __init__(self, platform: Platform) -> None:
        self.longest_s = 0.0
        self._platform = platform
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._is_over.wait(0.2):
            began_s = time.monotonic()
            self._platform.office.get("/sessions", params={"limit": 5}).raise_for_status()
            self.longest_s = max(self.longest_s, time.monotonic() - began_s)


def suspended(person: Person) -> Iterator[Session]:
    """Start sessions that each remember who they are, and suspend them."""
    for number in range(MANY):
        session = person.start("thin")
        session.open()
        assert session.execute(notebook_kernel(session), f"mine = [{number}]; same = mine") == ""
        asked = person.platform.office.post(f"/sessions/{session.id}/suspend")
        assert asked.status_code == 200, asked.text
        yield session


def resume(session: Session) -> dict[str, Any]:
    """Resume, asking again for as long as the answer is to wait."""
    deadline_s = time.monotonic() + 240
    while True:
        answer = session.platform.office.post(f"/sessions/{session.id}/resume", timeout=240)
        if answer.status_code == 200:
            return answer.json()
        told = answer.json()
        assert answer.status_code in {409, 429, 503}, answer.text
        assert told["message"]
        assert told["remedy"]
        assert session.state in {"suspended", "stopping"}, session.view
        assert time.monotonic() < deadline_s, told
        time.sleep(2)


def is_in(session: Session, state: str) -> None:
    wait_for(lambda: session.state == state, 240, f"{session.id} to be {state}")


def test_all_come_back_with_their_own(platform: Platform, person: Person) -> None:
    sessions = list(suspended(person))
    for session in sessions:
        is_in(session, "suspended")
    began_s = time.monotonic()
    with Watch(platform) as watch, ThreadPoolExecutor(MANY) as pool:
        list(pool.map(resume, sessions))
        for session in sessions:
            is_in(session, "ready")
        ready_s = time.monotonic() - began_s
        for number, session in enumerate(sessions):
            session.open()
            kernel = notebook_kernel(session)
            assert session.execute(kernel, "print(mine, same is mine)", 120).strip() == f"[{number}] True"
    log.info("%d resumes: ready after %.1f s, longest answer %.1f s", MANY, ready_s, watch.longest_s)
    assert watch.longest_s < 30
    assert platform.office.get("/audit/verify").json()["ok"] is True
    for session in sessions:
        platform.office.post(f"/sessions/{session.id}/stop", json={"discard_state": True}).raise_for_status()
