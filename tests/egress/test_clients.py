"""Programs that people use find their way out by their environment alone: relay and gateway, as in a session."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from egress_parts import Authority, Outside, Web, read_all, wait_for
from inside_parts import Inside

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

NAME = "web.acme.local"


@pytest.fixture
def inside(outside: Outside, authority: Authority) -> Generator[Inside]:
    found = Inside(outside, authority.file)
    yield found
    found.end()


def allow(outside: Outside, *servers: Web) -> None:
    ports = ",".join(str(one.port) for one in servers)
    outside.reach(f"{NAME}:{ports} 127.0.0.1:{ports}")


CLIENTS = {
    "urllib": "import urllib.request; print(urllib.request.urlopen(URL).read())",
    "requests": "import requests; print(requests.get(URL).text)",
    "httpx": "import httpx; print(httpx.get(URL).text)",
    "httpx in asyncio": """
import asyncio, httpx
async def main():
    async with httpx.AsyncClient() as client:
        print((await client.get(URL)).text)
asyncio.run(main())""",
    "aiohttp": """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession(trust_env=True) as session:
        print(await (await session.get(URL)).text())
asyncio.run(main())""",
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_python_s_clients(
    outside: Outside, inside: Inside, web: Web, tls: Web, client: str, scheme: str
) -> None:
    allow(outside, web, tls)
    url = f"{scheme}://{NAME}:{(tls if scheme == 'https' else web).port}/found"
    code = CLIENTS[client]
    found = inside.run(sys.executable, "-c", f"URL = {url!r}\n{code}")
    assert "GET /found" in found.stdout, found.stderr
    blocked = inside.run(sys.executable, "-c", f"URL = {f'{scheme}://evil.example/'!r}\n{code}")
    # A blocked page is one for those that look at no status; for a tunnel all have an error, most with its words.
    told = blocked.stdout + blocked.stderr
    assert "no rule allows evil.example" in told or (client == "aiohttp" and "403" in told), blocked


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(outside: Outside, inside: Inside, web: Web, tls: Web) -> None:
    allow(outside, web, tls)
    assert "GET /c" in inside.run("curl", "-sS", f"http://{NAME}:{web.port}/c").stdout
    assert "GET /c" in inside.run("curl", "-sS", f"https://{NAME}:{tls.port}/c").stdout
    assert "403" in inside.run("curl", "-sS", "https://evil.example/").stderr


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git(outside: Outside, inside: Inside, web: Web, tmp_path: Path) -> None:
    """A repository as plain files (the dumb protocol), which needs no server but a web server."""
    allow(outside, web)
    there = tmp_path / "there"
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "init", "-q", str(there)], check=True)
    subprocess.run(["git", "-C", str(there), *who, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    subprocess.run(["git", "-C", str(there), "update-server-info"], check=True)
    for file in (there / ".git").rglob("*"):
        if file.is_file():
            web.files[f"/r.git/{file.relative_to(there / '.git')}"] = file.read_bytes()
    found = inside.run("git", "clone", "-q", f"http://{NAME}:{web.port}/r.git", str(tmp_path / "here"))
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "here/.git").is_dir()
    blocked = inside.run("git", "clone", "-q", "https://evil.example/r.git", str(tmp_path / "no"))
    assert "403" in blocked.stderr


def test_the_relay_says_so_while_the_gateway_is_away_and_goes_on_after(
    outside: Outside, inside: Inside, web: Web
) -> None:
    allow(outside, web)
    url = f"http://{NAME}:{web.port}/x"
    get = ["-c", f"import urllib.request as u\ntry: print(u.urlopen({url!r}).read())\nexcept u.HTTPError as e: print(e.code, e.reason)"]  # fmt: skip
    outside.call(outside.gateway.close, "ses_0000000000000000000a")
    assert inside.run(sys.executable, *get).stdout == "502 nbkeep's gateway does not answer\n"
    with socket.create_connection(("127.0.0.1", inside.port)) as sock:
        sock.sendall(b"\x05\x01\x00")
        assert read_all(sock) == b"\x05\xff"
    allow(outside, web)
    assert "GET /x" in inside.run(sys.executable, *get).stdout


def test_the_relay_carries_much_both_ways_and_ends_of_one_side(
    outside: Outside, inside: Inside, web: Web
) -> None:
    allow(outside, web)
    size = 64 << 20
    code = f"""
import urllib.request as u
print(len(u.urlopen("http://{NAME}:{web.port}/big?n={size}").read()))
print(u.urlopen(u.Request("http://{NAME}:{web.port}/", data=b"x" * {size})).read())"""
    found = inside.run(sys.executable, "-c", code)
    assert found.stdout == f"{size}\nb'got {size}'\n", found
    wait_for(lambda: outside.gateway.connections == 0, "the end of all connections")
