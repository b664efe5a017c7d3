"""`nbkeep up` and `nbkeep down`: twice, at once, with a port that is taken, with sessions kept."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from platform_parts import Platform


def test_two_at_once_and_one_more_are_harmless(own_platform: Platform) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(own_platform.up) for _ in range(2)]
    outputs = [one.result().stdout for one in both]
    assert all(own_platform.url in output for output in outputs)
    first = own_platform.pid("supervisor")
    again = own_platform.up()
    assert "runs already" in again.stderr
    assert own_platform.pid("supervisor") == first
    status = own_platform.state()
    assert status["ready"]
    assert [one["restarts"] for one in status["services"]] == [0, 0, 0, 0, 0]

    person = own_platform.person()
    person.sign_in()
    session = person.start()
    kernel = session.open() and session.kernel()
    session.execute(kernel, "kept = 1")
    assert own_platform.down("--keep-sessions").returncode == 0
    assert own_platform.run("status").returncode == 3
    own_platform.up()
    assert session.state == "ready"
    session.open()
    assert session.execute(kernel, "print(kept)").strip() == "1"

    assert own_platform.down().returncode == 0
    assert own_platform.down().returncode == 0
    assert not list((own_platform.data_dir / "run/s").glob("*/server/server.sock"))


def test_a_taken_port_is_told_with_its_owner(own_platform: Platform) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", own_platform.port))
        other.listen()
        refused = own_platform.run("up", "--port", str(own_platform.port))
    assert refused.returncode == 1
    assert f"127.0.0.1:{own_platform.port}" in refused.stderr
    assert "--port" in refused.stderr
    assert "python" in refused.stderr or "pytest" in refused.stderr
    assert json.loads(own_platform.run("status", "--json").stdout)["running"] is False
