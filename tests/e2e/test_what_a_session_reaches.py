"""A profile's rules as code in a session meets them: through the real gateway, with the record that is kept of it."""

from __future__ import annotations

import http.server
import threading
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest

from platform_parts import Platform, wait_for

# On loopback, so that nothing outside this machine is needed; not 127.0.0.1, which programs reach directly.
_ADDRESS = "127.0.0.2"
_WHEEL = "nbkeeptried-1.0-py3-none-any.whl"


def wheel() -> bytes:
    """Return a package of one empty module."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        about = "nbkeeptried-1.0.dist-info"
        file.writestr("nbkeeptried.py", "")
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: nbkeeptried\nVersion: 1.0\n")
        file.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{about}/RECORD", "")
    return made.getvalue()


class _Index(http.server.BaseHTTPRequestHandler):
    """A package index with one package, and `hello` everywhere else."""

    def do_GET(self) -> None:
        path = self.path
        if path == "/simple/nbkeeptried/":
            kind, body = "text/html", f'<a href="/{_WHEEL}">{_WHEEL}</a>'.encode()
        elif path == f"/{_WHEEL}":
            kind, body = "application/zip", wheel()
        else:
            kind, body = "text/plain", b"hello from outside"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def outside() -> Iterator[int]:
    """The port of a server outside of every sandbox."""
    server = http.server.ThreadingHTTPServer((_ADDRESS, 0), _Index)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join(10)
    server.server_close()


def _get(url: str) -> str:
    return (
        "import urllib.request, urllib.error\n"
        f"try: print(urllib.request.urlopen({url!r}, timeout=20).read().decode())\n"
        "except urllib.error.HTTPError as error: print(error.code, error.read().decode())\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )


def _pip(port: int) -> str:
    index = f"http://{_ADDRESS}:{port}/simple"
    return (
        "import subprocess, sys\n"
        f"done = subprocess.run([sys.executable, '-m', 'pip', 'download', '--no-deps', '-d', '/tmp/got', "
        f"'-i', {index!r}, '--trusted-host', {_ADDRESS!r}, 'nbkeeptried'], capture_output=True, text=True)\n"
        "print(done.returncode, done.stdout, done.stderr)\n"
    )


def test_a_session_reaches_what_its_profile_allows_and_all_is_on_record(
    platform: Platform, outside: int
) -> None:
    name, there = f"reach-{uuid4().hex[:6]}", f"http://{_ADDRESS}:{outside}/"

    def change(*options: str) -> None:
        done = platform.run("profile", "set", name, *options)
        assert done.returncode == 0, done.stderr

    allowed = f"{_ADDRESS}:{outside},127.0.0.3:{outside}"
    made = platform.run(
        "profile", "create", name, "--flavor", "notebook-cpu-small", "--egress-allowlist", allowed
    )
    assert made.returncode == 0, made.stderr
    person = platform.person()
    person.sign_in()
    session = person.start(name)
    session.open()
    kernel = session.kernel()

    def runs(code: str) -> str:
        return session.execute(kernel, code, 90)

    def log(*options: str) -> list[dict[str, Any]]:
        api = platform.office.get("/network/connections", params={"session": session.id, "limit": 500})
        return [
            one
            for one in api.json()["items"]
            if one["outcome"] in (options or ("allowed", "refused", "trial"))
        ]

    # What is allowed works without any set-up, with the standard library and with pip.
    wait_for(lambda: "hello from outside" in runs(_get(there)), 30, "the session to reach the server")
    assert runs(_pip(outside)).startswith("0 ")
    # Everything else is refused at once, with the reason and what to do.
    told = runs(_get("http://other.example/"))
    assert told.startswith("403")
    assert "no rule allows other.example:80" in told
    assert "nbkeep profile" in told
    assert "403" in runs(_get("https://other.example/"))
    wait_for(
        lambda: {one["host"] for one in log("refused")} == {"other.example"}, 30, "the refusal on record"
    )
    reached = wait_for(lambda: log("allowed"), 30, "the connection on record")
    assert {(one["host"], one["port"], one["user"]) for one in reached} == {(_ADDRESS, outside, person.name)}
    assert all(one["bytes_in"] and one["rule_source"] == f"profile {name}" for one in reached)
    shown = platform.run("network", "log", "--session", session.id)
    assert "REFUSED" in shown.stdout
    assert f"{_ADDRESS}:{outside}" in shown.stdout
    explained = platform.run("network", "explain", f"{_ADDRESS}:{outside}", "--session", session.id)
    assert f"allow {_ADDRESS}:{outside}" in explained.stdout
    told = platform.run("audit", "search", "--type", "egress.refused", "--session", session.id).stdout
    assert told.count("other.example") >= 1
    # A change of the profile reaches the running session.
    change("--egress-denylist", _ADDRESS)
    wait_for(lambda: runs(_get(there)).startswith("403"), 30, "the denial to reach the session")
    assert f"deny {_ADDRESS}" in runs(_get(there))
    # On trial nothing is refused that a public host would be refused for; it is on record as such.
    change("--egress-denylist", "none", "--egress-dry-run")
    wait_for(lambda: "hello from outside" in runs(_get(there)), 30, "the session to reach the server again")
    runs(_get("http://no-such-host.invalid/"))
    wait_for(
        lambda: [one["host"] for one in log("trial")] == ["no-such-host.invalid"], 30, "the trial on record"
    )
    # The person sees their own connections on the portal.
    assert "other.example" in person.get("/portal/network").text
    session.stop()
