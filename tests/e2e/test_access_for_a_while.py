"""A host that one may ask for: blocked, asked for, approved, reached, over or revoked, cut and blocked again."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from platform_parts import Platform, Session, wait_for

# On loopback, so that nothing outside this machine is needed; not 127.0.0.1, which programs reach directly.
_ADDRESS = "127.0.0.2"


class _Site(http.server.BaseHTTPRequestHandler):
    """`hello` everywhere; /slow says a word each tenth of a second, for ever."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from outside\n")
        while self.path == "/slow":
            self.wfile.write(b"still here\n")
            time.sleep(0.1)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections that are cut are what the test is about."""


@pytest.fixture(scope="module")
def outside() -> Iterator[int]:
    """The port of a server outside of every sandbox."""
    server = _Server((_ADDRESS, 0), _Site)
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


def _follow(url: str) -> str:
    """Return code that reads in a thread, which notes when it was cut."""
    return (
        "import threading, time, urllib.request\n"
        "cut = []\n"
        "def follow():\n"
        f"    try:\n        answer = urllib.request.urlopen({url!r}, timeout=60)\n"
        "        while answer.readline(): seen.append(time.time())\n"
        "    except Exception: pass\n"
        "    cut.append(time.time())\n"
        "seen = []\n"
        "threading.Thread(target=follow, daemon=True).start()\n"
        "while not seen: time.sleep(0.05)\n"
        "print('following')\n"
    )


@dataclass
class _Jane:
    """Somebody with a session of a profile that lets one ask for one host."""

    platform: Platform
    session: Session
    kernel: str
    target: str

    def runs(self, code: str) -> str:
        return self.session.execute(self.kernel, code, 120)

    def gets(self) -> str:
        return self.runs(_get(f"http://{self.target}/"))

    def reaches(self) -> bool:
        return "hello from outside" in self.gets()

    def follows(self) -> None:
        """Begin to read what does not end."""
        assert "following" in self.runs(_follow(f"http://{self.target}/slow"))

    def cut_at_s(self) -> float:
        """Wait until that is cut; return when it was."""
        said = wait_for(lambda: self.runs("print(cut)").strip("[]\n "), 30, "the connection to be cut")
        return float(said)

    def asks(self, refusal: str) -> str:
        """Ask on the page that a refusal names; return the id of the request."""
        platform, jane = self.platform, self.session.owner
        url = f"{platform.url}/portal/grants?session={self.session.id}&host="
        assert url in refusal
        page = jane.get(url + self.target).text
        assert f'value="{self.target}"' in page
        form = {"csrf": page.split('name="csrf" value="')[1].split('"')[0], "host": self.target,
                "session": self.session.id, "reason": "To compare", "duration": "1h"}  # fmt: skip
        headers = {"Origin": platform.url, "Sec-Fetch-Site": "same-origin"}
        asked = jane.web.post(f"{platform.url}/portal/grants", data=form, headers=headers)
        assert asked.status_code == 303, asked.text
        listed = json.loads(platform.run("grant", "list", "--state", "requested", "--json").stdout)
        (grant,) = [one["id"] for one in listed if one["user"] == jane.name]
        return str(grant)


def _jane(platform: Platform, target: str) -> _Jane:
    profile = f"asks-{uuid4().hex[:6]}"
    made = platform.run(
        "profile", "create", profile, "--flavor", "notebook-cpu-small", "--egress-asklist", target
    )
    assert made.returncode == 0, made.stderr
    assert f"One may ask for {target}" in platform.run("profile", "show", profile).stdout
    person = platform.person()
    person.sign_in()
    session = person.start(profile)
    session.open()
    return _Jane(platform, session, session.kernel(), target)


def _refused(jane: _Jane) -> str:
    """Wait for the refusal: the gateway needs a moment to hear of a new session, or of a change."""
    wait_for(lambda: jane.gets().startswith("403"), 30, "the refusal")
    return jane.gets()


def test_access_is_asked_for_approved_used_and_over(platform: Platform, outside: int) -> None:
    jane = _jane(platform, f"{_ADDRESS}:{outside}")
    refusal = _refused(jane)
    assert f"nbkeep grant request {jane.target} --session {jane.session.id}" in refusal
    grant = jane.asks(refusal)
    assert jane.gets().startswith("403")
    # Somebody else approves; her running session reaches the server.
    approved = platform.run("grant", "approve", grant, "--for", "45s")
    assert approved.returncode == 0, approved.stderr
    wait_for(jane.reaches, 30, "the session to reach the server")
    explained = platform.run("network", "explain", jane.target, "--session", jane.session.id).stdout
    assert f"grant {grant} of {jane.session.owner.name} until " in explained
    # It ends by itself, also for what is under way.
    jane.follows()
    shown: dict[str, str] = {}

    def is_over() -> bool:
        shown.update(json.loads(platform.run("grant", "show", grant, "--json").stdout))
        return shown["state"] == "expired"

    wait_for(is_over, 120, "the end of the grant")
    late_s = jane.cut_at_s() - datetime.fromisoformat(shown["expires_at"]).timestamp()
    assert -1 < late_s < 10  # generous: the machine may be busy
    # Asked for again, approved and revoked: closed at once.
    grant = jane.asks(_refused(jane))
    assert platform.run("grant", "approve", grant).returncode == 0
    wait_for(jane.reaches, 30, "the session to reach the server again")
    jane.follows()
    assert platform.run("grant", "revoke", grant, "--reason", "The test is over").returncode == 0
    jane.cut_at_s()
    _refused(jane)
    assert "The test is over" in jane.session.owner.get("/portal/grants").text

    def recorded() -> list[dict[str, Any]]:
        answer = platform.office.get("/network/connections", params={"session": jane.session.id})
        return [one for one in answer.json()["items"] if one["rule"] == grant]

    reached = wait_for(recorded, 30, "the connections on record")
    assert all(one["rule_source"].startswith(f"grant {grant} of ") for one in reached)
    told = platform.run("audit", "search", "--type", "grant", "--json").stdout
    for kind in ("grant.requested", "grant.approved", "grant.expired", "grant.revoked"):
        assert kind in told
    jane.session.stop()
