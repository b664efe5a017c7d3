"""A project as its members meet it: running sessions have what is granted to it from joining to leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from egress_parts import Authority
from platform_parts import Platform, wait_for
from postgres_parts import PASSWORD, QUERY, free_port, warehouse

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

# Logs in, asks nothing, and stays.
HOLD = """
held = socket.create_connection(("localhost", {port}), 20)
body = (3 << 16).to_bytes(4, "big") + b"user\\0anything\\0database\\0sales\\0\\0"
held.sendall((len(body) + 4).to_bytes(4, "big") + body)
said = b""
while not said.endswith(b"Z\\0\\0\\0\\5I"):
    said += held.recv(10_000)
print("held")
"""
IS_CUT = """
held.settimeout(30)
try:
    print("cut" if held.recv(1) in (b"", b"E") else "goes on")
except ConnectionError:
    print("cut")
"""


def test_a_running_session_has_what_its_project_was_granted_until_its_person_leaves(
    platform: Platform, tmp_path: Path
) -> None:
    name, team, port = f"team-db-{uuid4().hex[:6]}", f"team-{uuid4().hex[:6]}", free_port()

    def nbkeep(*arguments: str) -> str:
        done = platform.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stderr

    with warehouse(Authority.make(tmp_path)) as server:
        place = f"127.0.0.1:{server.port}"
        secret = {"name": f"{name}-pw", "value": PASSWORD, "hosts": [place], "postgres": "reader"}
        platform.office.post("/secrets", json=secret).raise_for_status()
        jane = platform.person()
        nbkeep("project", "add", team, "--description", "Of a test")
        nbkeep("connection", "add", name, "--postgres", place, "--database", "sales", "--as", "reader",
               "--secret", f"{name}-pw", "--tls", "require", "--local-port", str(port),
               "--grant", f"project:{team}")  # fmt: skip
        jane.sign_in()
        session = jane.start()
        session.open()
        kernel = session.kernel()

        def asks() -> str:
            return session.execute(kernel, f"{QUERY}\nprint(ask({port}, 'SELECT 40 + 2'))", 90).strip()

        def leases() -> list[str]:
            found = platform.office.get("/secret-leases", params={"secret": f"{name}-pw"}).json()["items"]
            return [one["session_id"] for one in found]

        wait_for(lambda: "not granted" in asks(), 60, "the local port")
        assert f"Their sessions may use: connection {name}." in nbkeep("project", "join", team, jane.name)
        wait_for(lambda: asks() == "42", 20, "what joining gives")
        assert leases() == [session.id]
        assert session.execute(kernel, HOLD.format(port=port), 90).strip() == "held"
        nbkeep("project", "leave", team, jane.name)
        assert leases() == []
        assert session.execute(kernel, IS_CUT, 90).strip() == "cut"
        wait_for(lambda: "not granted" in asks(), 20, "the end of it")
        nbkeep("project", "remove", team, "--yes")
        nbkeep("connection", "remove", name, "--yes")
        platform.office.delete(f"/secrets/{name}-pw").raise_for_status()
