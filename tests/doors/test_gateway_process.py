"""The gateway as a process: rules by pull, records by push, and what its death costs."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from egress_parts import Raw, Web, policy, serving, wait_for
from gateway_process import GatewayProcess
from own_rules_parts import BADGE, RULES
from sandboxes import make_machine, why_not
from upload_parts import made_key, told

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator

    from nbkeep.backends.interface import LaunchSpec
    from sandboxes import Machine

CAP_SETFCAP = 31
# Not 127.0.0.1, to which programs go without the proxy.
ADDRESS = "127.0.0.2"


class Site:
    """A session with a gateway, and a web server outside."""

    def __init__(self, machine: Machine, gateway: GatewayProcess, spec: LaunchSpec, web: Web) -> None:
        self.machine, self.gateway, self.spec, self.web = machine, gateway, spec, web
        self.url = f"http://{ADDRESS}:{web.port}"

    def allow(self, *rules: str) -> None:
        self.gateway.office.say(policy(self.spec.session_id, " ".join(rules)))

    def get(self, path: str = "/x") -> dict[str, Any]:
        """Return what a program in the session gets; 0 where it was cut, as what is under way is by new rules."""
        outcome = self.machine.run(self.spec, f"""
            import json, urllib.error, urllib.request
            try:
                with urllib.request.urlopen("{self.url}{path}", timeout=60) as found:
                    print(json.dumps([found.status, found.read().decode()]))
            except urllib.error.HTTPError as error:
                print(json.dumps([error.code, error.reason + error.read().decode()]))
            except ConnectionError as error:
                print(json.dumps([0, str(error)]))
        """)  # fmt: skip
        assert outcome.code == 0, outcome
        status, text = json.loads(outcome.output)
        return {"status": status, "text": text}


@pytest.fixture(scope="module", params=["root", "ordinary"])
def site(request: pytest.FixtureRequest) -> Generator[Site]:
    if reason := why_not(request.param):
        pytest.skip(reason)
    machine = make_machine(request.param)
    with serving(Web(host=ADDRESS)) as web:
        gateway = GatewayProcess(machine)
        try:
            spec = machine.spec()
            machine.client.launch(spec)
            machine.init(spec).close()
            yield Site(machine, gateway, spec, web)
        finally:
            gateway.end()
            machine.end()


def test_code_reaches_what_the_office_says_and_each_connection_is_told_to_it(site: Site) -> None:
    site.allow(f"{ADDRESS}:{site.web.port}")
    site.gateway.has_opened(site.spec.session_id)
    assert site.get("/a?key=secret") == {
        "status": 200,
        "text": f"GET /a?key=secret {ADDRESS}:{site.web.port}",
    }
    wait_for(lambda: bool(site.gateway.office.records), "records")
    (record,) = site.gateway.office.records.values()
    assert record["session_id"] == site.spec.session_id
    assert (record["host"], record["port"], record["allowed"]) == (ADDRESS, site.web.port, True)
    assert record["rule_source"] == "profile p"
    assert "secret" not in json.dumps(record)


def test_changed_rules_reach_a_session_that_runs(site: Site) -> None:
    site.allow("pypi.org")
    wait_for(lambda: site.get()["status"] == 403, "the refusal")
    found = site.get()
    assert f"no rule allows {ADDRESS}:{site.web.port}" in found["text"]
    assert "Ask an admin" in found["text"]
    site.allow(f"{ADDRESS}:{site.web.port}")
    wait_for(lambda: site.get()["status"] == 200, "the answer")


def test_rules_stay_in_force_and_records_wait_while_the_office_is_away(site: Site) -> None:
    office = site.gateway.office
    site.allow(f"{ADDRESS}:{site.web.port}")
    wait_for(lambda: site.get()["status"] == 200, "the answer")
    office.fails = True
    office.say()
    office.records.clear()
    assert site.get("/away")["status"] == 200
    office.fails = False
    wait_for(lambda: site.get()["status"] == 502, "the end of the session's rules")
    assert not site.gateway.socket(site.spec.session_id).exists()
    wait_for(
        lambda: any(one["bytes_in"] for one in office.records.values()), "the record of the time between"
    )


def test_a_killed_gateway_cuts_and_comes_back_and_the_session_lives(site: Site) -> None:
    """Killed in the middle of a download: nothing gets out meanwhile, and its record is not lost."""

    def slow(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin")
        while sock.recv(65536):
            pass

    office = site.gateway.office
    with serving(Raw(slow)) as server:
        site.allow(f"{ADDRESS}:{site.web.port}", f"127.0.0.1:{server.port}", "localhost:*")
        wait_for(lambda: site.get()["status"] == 200, "the answer")
        office.records.clear()
        init = site.machine.init(site.spec)
        # By its address in the proxy's request: a program would go to loopback without it.
        told = init.ask("spawn", argv=["/opt/nbkeep/image/bin/python", "-c", f"""if True:
            import socket
            s = socket.create_connection(("127.0.0.1", 3128))
            s.sendall(b"GET http://127.0.0.1:{server.port}/ HTTP/1.1\\r\\nHost: 127.0.0.1:{server.port}\\r\\n\\r\\n")
            data = b""
            while b"begin" not in data: data += s.recv(65536)
            open("/home/user/begun", "w").close()
            try:
                while s.recv(65536): pass
            except ConnectionError: pass
            print("cut")
        """], env={}, cwd="/home/user")  # fmt: skip
        begun = site.machine.data_dir / "homes/jane/begun"
        wait_for(begun.exists, "the download's begin")
        site.gateway.kill()
        ended = init.exit_of(told["pid"])
        assert ended["output_tail"] == "cut\n"
        init.close()
        away = site.get()
        assert away["status"] == 502
        assert "gateway does not answer" in away["text"]
        site.gateway.start()
        wait_for(lambda: site.get()["status"] == 200, "the gateway")
        wait_for(
            lambda: any(one["port"] == server.port for one in office.records.values()), "the lost record"
        )
        (lost,) = [one for one in office.records.values() if one["port"] == server.port]
        assert lost["allowed"]
        assert "the gateway ended before the connection did" in lost["reason"]
    assert site.machine.client.status(site.spec.session_id)


def test_what_a_program_sends_is_examined_before_it_leaves(site: Site) -> None:
    """With the powers that the gateway has kept: its jail is made with them."""
    allowed = policy(site.spec.session_id, f"{ADDRESS}:{site.web.port}")
    site.gateway.office.say(replace(allowed, leaving=told(secret="deny", unread="deny")))
    site.gateway.has_opened(site.spec.session_id)
    seen = len(site.web.seen)

    def send(body: str) -> str:
        outcome = site.machine.run(site.spec, f"""
            import urllib.error, urllib.request
            try:
                print(urllib.request.urlopen("{site.url}/x", data={body!r}.encode(), timeout=60).read())
            except urllib.error.HTTPError as error:
                print(error.code, error.reason)
        """)  # fmt: skip
        assert outcome.code == 0, outcome
        return outcome.output

    wait_for(lambda: "holds a secret (GitHub token)" in send(made_key()), "the policy")
    del site.web.seen[seen:]
    assert send(made_key()).startswith("403")
    assert len(site.web.seen) == seen
    assert "got 8" in send("harmless")
    if importlib.util.find_spec("re2") is not None:
        assert "got 11" in send(BADGE)
        site.gateway.office.say_rules(RULES)
        wait_for(lambda: "holds a secret (Badge of Acme)" in send(BADGE), "the organisation's own rules")
        site.gateway.office.say_rules("")


def test_it_keeps_no_power_of_root_but_that_to_make_a_jail(site: Site) -> None:
    site.allow(f"{ADDRESS}:{site.web.port}")
    site.gateway.has_opened(site.spec.session_id)  # it has given them up before
    status = Path(f"/proc/{site.gateway.process.pid}/status").read_text()
    powers = [line.split() for line in status.splitlines() if line.startswith(("CapEff", "CapPrm", "CapBnd"))]
    assert {int(value, 16) for _, value in powers} <= {0, 1 << CAP_SETFCAP}


def test_the_sandbox_cannot_put_another_socket_in_its_place(site: Site) -> None:
    site.allow(f"{ADDRESS}:{site.web.port}")
    site.gateway.has_opened(site.spec.session_id)
    outcome = site.machine.run(site.spec, """
        import os
        for act in (lambda: os.unlink("/run/nbkeep/gateway/gateway.sock"),
                    lambda: os.chmod("/run/nbkeep/gateway/gateway.sock", 0o600),
                    lambda: open("/run/nbkeep/gateway/x", "w")):
            try: act()
            except OSError as error: print(error.errno)
            else: raise SystemExit("done")
    """)  # fmt: skip
    assert outcome.code == 0, outcome


def test_the_relay_comes_back_when_it_was_killed(site: Site) -> None:
    site.allow(f"{ADDRESS}:{site.web.port}")
    wait_for(lambda: site.get()["status"] == 200, "the answer")
    outcome = site.machine.run(site.spec, """
        import os, signal
        found = [pid for pid in os.listdir("/proc") if pid.isdigit() and "relay" in open(f"/proc/{pid}/comm").read()]
        os.kill(int(found[0]), signal.SIGKILL)
    """)  # fmt: skip
    assert outcome.code == 0, outcome
    last: dict[str, Any] = {}

    def works() -> bool:
        outcome = site.machine.run(site.spec, """
            import socket
            socket.create_connection(("127.0.0.1", 3128)).close()
        """)  # fmt: skip
        last["outcome"] = outcome
        return outcome.code == 0

    wait_for(works, "the relay")
    assert site.get()["status"] == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_needs_no_set_up(site: Site) -> None:
    site.allow(f"{ADDRESS}:{site.web.port}")
    wait_for(lambda: site.get()["status"] == 200, "the answer")
    outcome = site.machine.run(site.spec, f"""
        import subprocess
        for way in ([], ["-p"], ["-x", "socks5h://127.0.0.1:3128"]):
            print(subprocess.run(["curl", "-sS", *way, "{site.url}/curl"], capture_output=True, text=True))
        print(subprocess.run(["curl", "-sS", "https://evil.example/"], capture_output=True, text=True))
    """)  # fmt: skip
    assert outcome.output.count("GET /curl") == 3, outcome
    assert "403" in outcome.output


def test_pip_installs_from_an_index_that_is_allowed_and_is_told_of_one_that_is_not(site: Site) -> None:
    site.allow(f"{ADDRESS}:{site.web.port}")
    wait_for(lambda: site.get()["status"] == 200, "the answer")
    site.web.files.update(simple_index("nbkeep_test_thing"))
    outcome = site.machine.run(site.spec, f"""
        import subprocess, sys
        def pip(index):
            return subprocess.run([sys.executable, "-m", "pip", "install", "--no-deps", "--retries", "1",
                "--disable-pip-version-check", "--target", "/tmp/thing", "--trusted-host", "{ADDRESS}",
                "-i", index, "nbkeep-test-thing"], capture_output=True, text=True)
        found = pip("{site.url}/simple/")
        if "No module named pip" in found.stderr: raise SystemExit(77)
        print(found.stdout[-300:], found.stderr[-600:])
        sys.path.insert(0, "/tmp/thing")
        import nbkeep_test_thing
        print(nbkeep_test_thing.SAYS)
        print(pip("https://pypi.example/simple/").stderr[-900:])
    """)  # fmt: skip
    if outcome.code == 77:
        pytest.skip("the image has no pip")
    assert outcome.code == 0, outcome
    assert "hello from the index" in outcome.output
    assert "no rule allows pypi.example:443" in outcome.output


def simple_index(name: str) -> dict[str, bytes]:
    """Return the files of a simple index (PEP 503) with one wheel."""
    wheel = io.BytesIO()
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr(f"{name}.py", 'SAYS = "hello from the index"\n')
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    filename = f"{name}-1.0-py3-none-any.whl"
    page = f'<a href="/files/{filename}">{filename}</a>'.encode()
    return {f"/simple/{name.replace('_', '-')}/": page, f"/files/{filename}": wheel.getvalue()}


def test_only_one_runs_in_a_data_directory(site: Site) -> None:
    second = subprocess.run(
        site.machine.command(sys.executable, "-m", "nbkeep.doors.gateway", "--data-dir",
                             str(site.machine.data_dir)),
        capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )  # fmt: skip
    assert second.returncode == 1
    assert "A gateway runs already" in second.stderr
