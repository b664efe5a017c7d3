"""A server that came from a warm parent is its own session's, in all that a browser keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_parts import wait_for

if TYPE_CHECKING:
    from platform_parts import Platform

pytestmark = pytest.mark.e2e


def test_cookies_of_a_forked_server_are_for_its_session_alone(platform: Platform) -> None:
    """JupyterHub and Jupyter read parts of the environment when they are imported: before the fork."""
    told = platform.data_dir / "run/parents/told.json"
    wait_for(lambda: told.exists() and "the server: " in told.read_text(), 60, "a warm parent")
    wait_for(lambda: "the server: importing" not in told.read_text(), 60, "a warm parent that is ready")
    person = platform.person()
    person.sign_in()
    for _ in range(2):  # the second one under the same name: nothing of the first is in its way
        session = person.start(name="warm")
        assert session.open().status_code == 200
        paths = {
            cookie.name: cookie.path
            for cookie in person.web.cookies.jar
            if cookie.domain.startswith(f"{person.name}.") and cookie.name != "jupyterhub-session-id"
        }
        assert set(paths.values()) == {f"/user/{person.name}/warm/"}, paths
        assert session.execute(session.kernel(), "print(6 * 7)").strip() == "42"
        session.stop()
