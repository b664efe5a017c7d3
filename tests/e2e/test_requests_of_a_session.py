"""Rules with methods and paths as code in a session meets them, from the admin's verb to the network log."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from egress_parts import Authority, Web, serving
from platform_parts import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from platform_parts import Platform

CODE = """
import urllib.request, urllib.error
def ask(method, url):
    data = b"x" if method == "POST" else None
    try: return urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=20).read().decode()
    except urllib.error.HTTPError as error: return f"{error.code} {error.read().decode()}"
    except Exception as error: return f"{type(error).__name__} {error}"
"""


def test_a_session_sends_only_the_requests_that_its_profile_allows(
    platform: Platform, tmp_path: Path
) -> None:
    host, name = socket.gethostname().lower(), f"requests-{uuid4().hex[:6]}"
    try:
        address = socket.gethostbyname(host)
    except OSError:
        pytest.skip("this machine's own name has no address here: add it to /etc/hosts")
    with contextlib.ExitStack() as servers:
        web = servers.enter_context(serving(Web(host=address)))
        # Whom the gateway does not trust; that is found out after the rules have allowed a request.
        context = Authority.make(tmp_path).server_context(host)
        tls = servers.enter_context(serving(Web(context, host=address)))
        ports = f"{web.port},{tls.port}"
        # This machine's own address is opened by a rule only; the name by the rule about requests.
        rules = f"GET@{host}:{ports}/data/*,{address}:{ports}"
        done = platform.run(
            "profile", "create", name, "--flavor", "notebook-cpu-small", "--egress-allowlist", rules
        )
        assert done.returncode == 0, done.stderr
        person = platform.person()
        person.sign_in()
        session = person.start(name)
        session.open()
        kernel = session.kernel()
        session.execute(kernel, CODE, 90)

        def ask(method: str, url: str) -> str:
            return session.execute(kernel, f"print(ask({method!r}, {url!r}))", 90)

        clear, closed = f"http://{host}:{web.port}", f"https://{host}:{tls.port}"
        there = wait_for(
            lambda: said if "GET /data/" in (said := ask("GET", f"{clear}/data/x")) else "", 60, "the server"
        )
        assert there.startswith("GET /data/x ")
        for method, url in (
            ("POST", f"{clear}/data/x"),
            ("GET", f"{clear}/hush"),
            ("POST", f"{closed}/hush"),
        ):
            said = ask(method, url)
            assert said.startswith(f"403 nbkeep: no rule allows this {method} request to {host}"), said
            assert f"--egress-allowlist '+{method}@{host}:" in said
        assert "can be read in two ways" in ask("GET", f"{closed}/data/../hush")
        assert "502 nbkeep: " in ask("GET", f"{closed}/data/x"), "allowed, but the server is not trusted"
        seen = {(one[0], one[1]) for one in (*web.seen, *tls.seen)}
        assert seen == {("GET", "/data/x")}

        done = platform.run("profile", "set", name, "--egress-allowlist", f"+POST@{host}:{web.port}/data/x")
        assert done.returncode == 0, done.stderr
        wait_for(lambda: "got 1" in ask("POST", f"{clear}/data/x"), 30, "the new rule in the running session")

        told = platform.run("network", "explain", f"{host}:{web.port}", "--method", "POST", "--path", "/hush",
                            "--session", session.id)  # fmt: skip
        assert "is refused" in told.stdout
        explained = platform.run("network", "explain", f"{clear}/data/x", "--session", session.id, "--json")
        assert json.loads(explained.stdout)["allowed"] is True

        def log() -> list[dict[str, Any]]:
            api = platform.office.get("/network/connections", params={"session": session.id, "limit": 500})
            return [one for one in api.json()["items"] if one["host"] == host]

        found = wait_for(lambda: log() if len(log()) >= 7 else [], 30, "the records")
        assert f"allow GET@{host}:{','.join(sorted(ports.split(',')))}/data/*" in {
            one["rule"] for one in found
        }
        assert "hush" not in str(found), "no path is on record"
