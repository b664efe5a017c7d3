"""The whole of both halves: the warden's jails around the real server and the real sandbox."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from server_peers import SESSION_TOKEN, FakeHub, FakeOffice, Served
from session_server import PREFIX, Browser, RunningServer, eventually

from sandboxes import Machine, make_machine, why_not


class JailedServer(RunningServer):
    """The same server as `RunningServer`, started by a warden."""

    def __init__(self, machine: Machine, **env: str) -> None:
        machine.kill_warden()
        machine.start("nbkeep_runtime.server")
        self.machine = machine
        self.office = FakeOffice()
        run = machine.data_dir / "run"
        hub, office = run / "hub/hub.sock", run / "office/office.sock"
        self.peers = Served({hub: FakeHub().app(), office: self.office.app()})
        for path in (hub, office):
            path.parent.chmod(0o755)
            path.chmod(0o666)
        self.spec = machine.spec(
            memory_bytes=1 << 30,
            server_args=[],
            server_env={
                "NBKEEP_SESSION_TOKEN": SESSION_TOKEN,
                "NBKEEP_OFFICE_SOCK": "/run/nbkeep/office/office.sock",
                "NBKEEP_HEARTBEAT_S": "0.5",
                "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
                "JUPYTERHUB_API_URL": f"http+unix://{quote(str(hub), safe='')}/hub/api",
                "JUPYTERHUB_API_TOKEN": "hub-api-token-of-the-server",
                "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-jane",
                "JUPYTERHUB_USER": "jane",
                "JUPYTERHUB_SERVER_NAME": "",
                "JUPYTERHUB_BASE_URL": "/",
                "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{PREFIX}oauth_callback",
                "JUPYTERHUB_OAUTH_SCOPES": '["access:servers!server=jane/"]',
                "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers!server=jane/"]',
                **env,
            },
        )
        begun = time.monotonic()
        machine.client.launch(self.spec)
        self.socket = machine.folder(self.spec) / "server/server.sock"
        self.home = machine.data_dir / "homes/jane"
        self.server = None
        eventually(self.answers, 40)
        self.start_s = time.monotonic() - begun

    def answers(self) -> bool:
        status = self.machine.client.status(self.spec.session_id)
        assert status is None or status.exit is None, (status, self.log())
        if not self.socket.exists():
            return False
        return self.request("GET", "api").status_code == 200

    def log(self) -> str:
        return self.machine.log(self.spec)


@pytest.fixture(
    scope="module",
    params=[pytest.param("root", marks=pytest.mark.root), "ordinary"],
)
def server(request: pytest.FixtureRequest) -> Iterator[JailedServer]:
    reason = why_not(request.param)
    if reason:
        pytest.skip(reason)
    machine = make_machine(request.param)
    try:
        jailed = JailedServer(machine)
        yield jailed
        jailed.peers.stop()
    finally:
        machine.end()


async def test_a_cell_runs_in_the_sandbox_and_is_recorded(server: JailedServer) -> None:
    server.put_notebook("a.ipynb", "print(6*7)")
    async with Browser(server, server.open_notebook("a.ipynb")) as browser:
        assert await browser.run("print(6*7)") == "42\n"
        seen = await browser.run(
            "import os, sys; print(os.getcwd(), os.getuid(), sys.prefix, dict(os.environ))"
        )
        assert seen.startswith("/home/user 1000 /opt/nbkeep/image")
        assert "TOKEN" not in seen
        await browser.run("open('made.txt', 'w').write('by the kernel')")
        assert server.json("GET", "api/contents/made.txt")["content"] == "by the kernel"
    started = await asyncio.to_thread(eventually, lambda: server.office.of_type("execution.started"))
    assert started[0]["notebook"] == "a.ipynb"
    await asyncio.to_thread(eventually, lambda: len(server.office.of_type("execution.finished")) >= 3)


async def test_a_kernel_that_fills_memory_is_told_why_it_died(server: JailedServer) -> None:
    if os.geteuid() == 0 and not server.machine.is_root:
        pytest.skip("without cgroups the warden's watchdog counts; tests of the warden cover its timing")
    server.put_notebook("oom.ipynb", "x")
    async with Browser(server, server.open_notebook("oom.ipynb")) as browser:
        await browser.execute("x = bytearray(3 << 30)")
        deaths = await asyncio.to_thread(
            eventually, lambda: server.json("GET", "nbkeep/api/status")["deaths"], 30
        )
    assert deaths[0]["reason"] == "out-of-memory", deaths
    assert "GiB" in deaths[0]["message"]


def test_terminals_open_inside(server: JailedServer) -> None:
    name = server.json("POST", "api/terminals", json={})["name"]
    assert server.json("GET", "api/terminals")[0]["name"] == name
    server.request("DELETE", f"api/terminals/{name}")
    eventually(lambda: server.json("GET", "api/terminals") == [])


def test_status_knows_memory_and_home(server: JailedServer) -> None:
    status = server.json("GET", "nbkeep/api/status")
    assert status["memory"]["limit_bytes"] == 1 << 30
    assert status["memory"]["used_bytes"] > 0
    assert status["home"]["free_bytes"] > 0
    assert server.request("GET", "lab").status_code == 200


def test_a_saved_key_is_found_by_a_process_of_the_jail(server: JailedServer) -> None:
    key = "AKIA" + "QX7TLMPN" + "2VKRSW4D"  # not a key of anybody
    server.put_notebook("key.ipynb", f"key = '{key}'")
    told = server.json("GET", "nbkeep/api/findings", params={"path": "key.ipynb"})
    assert [one["rule"] for one in told["findings"]] == ["aws-access-key-id"], (told, server.log()[-2000:])
    assert told["unread"] == []
