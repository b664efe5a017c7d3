"""A declared connection as its users meet it: a kernel queries a real PostgreSQL, granted and not granted."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from egress_parts import Authority
from platform_parts import Platform, wait_for
from postgres_parts import PASSWORD, QUERY, free_port, warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from platform_parts import Session

pytestmark = pytest.mark.e2e

LOOK = """
import glob
found = []
for name in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/run/nbkeep/*/*"):
    try:
        found.append(open(name, "rb").read())
    except OSError:
        pass
print(len(found) > 3, b"".join(found).count(b"Qz7-"), b"".join(found).count(b'"warehouse-'))
"""


def test_a_kernel_queries_a_database_when_its_person_was_granted_it(
    platform: Platform, tmp_path: Path
) -> None:
    name, local_port = f"warehouse-{uuid4().hex[:6]}", free_port()
    with warehouse(Authority.make(tmp_path)) as server:
        secret = {"name": f"{name}-pw", "value": PASSWORD, "hosts": [f"127.0.0.1:{server.port}"],
                  "postgres": "reader"}  # fmt: skip
        platform.office.post("/secrets", json=secret).raise_for_status()
        added = platform.run("connection", "add", name, "--postgres", f"127.0.0.1:{server.port}", "--database",
                             "sales", "--as", "reader", "--secret", f"{name}-pw", "--tls", "require",
                             "--local-port", str(local_port))  # fmt: skip
        assert added.returncode == 0, added.stderr
        jane, john = platform.person(), platform.person()
        granted = platform.run("connection", "grant", name, f"user:{jane.name}")
        assert granted.returncode == 0, granted.stderr
        sessions: dict[str, Session] = {}
        for person in (jane, john):
            person.sign_in()
            session = sessions[person.name] = person.start()
            session.open()
        hers, his = sessions[jane.name], sessions[john.name]
        kernel, other = hers.kernel(), his.kernel()

        def asks(query: str, *, of_john: bool = False) -> str:
            code = f"{QUERY}\nprint(ask({local_port}, {query!r}))"
            return (his.execute(other, code, 90) if of_john else hers.execute(kernel, code, 90)).strip()

        # The port listens before the first cell runs.
        assert asks("SELECT count(*) FROM orders") == "1000"
        assert asks("SELECT current_user") == "reader"
        assert hers.execute(kernel, LOOK, 60).split() == ["True", "0", "1"]
        refused = asks("SELECT 1", of_john=True)
        assert refused.startswith(f"28000 | nbkeep: the connection {name} is not granted to you | Ask for it")
        # A grant counts at once, and its end cuts what is open.
        assert platform.run("connection", "grant", name, f"user:{john.name}").returncode == 0
        wait_for(lambda: asks("SELECT 1", of_john=True) == "1", 20, "the grant")
        assert platform.run("connection", "ungrant", name, f"user:{jane.name}").returncode == 0
        wait_for(lambda: "not granted" in asks("SELECT 1"), 20, "the end of the grant")

        def log() -> str:
            return platform.office.get("/network/connections", params={"session": hers.id}).text

        wait_for(lambda: f"connection {name}" in log() and "postgres" in log(), 30, "the records")
        leases = platform.office.get("/secret-leases", params={"secret": f"{name}-pw"}).json()["items"]
        assert [one["session_id"] for one in leases] == [his.id]
        assert platform.run("connection", "remove", name, "--yes").returncode == 0
        wait_for(lambda: "no connection" in asks("SELECT 1", of_john=True), 20, "the end of the port")
        for file in platform.data_dir.rglob("*"):
            if file.is_file() and "images" not in file.parts and file.suffix != ".xfs":
                assert PASSWORD.encode() not in file.read_bytes(), file
