"""The gateway is the only way out of a sandbox, and each sandbox has only its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from egress_parts import NameServer, Outside, Web, serving

if TYPE_CHECKING:
    from collections.abc import Generator

    from sandboxes import Target

pytestmark = pytest.mark.attack
NAME = "web.acme.local"


@pytest.fixture(scope="module")
def web() -> Generator[Web]:
    with serving(Web()) as server:
        yield server


@pytest.fixture
def outside(target: Target, tmp_path_factory: pytest.TempPathFactory, web: Web) -> Generator[Outside]:
    """The attacker may reach one name, its neighbour another one."""
    names = NameServer(web_acme_local=[["127.0.0.1"]], neighbours_acme_local=[["127.0.0.1"]])
    found = Outside(tmp_path_factory.mktemp("outside"), names)
    web.seen.clear()
    for spec, name in ((target.spec, NAME), (target.neighbour, "neighbours.acme.local")):
        rules = f"{name}:{web.port} 127.0.0.1:{web.port}"
        found.reach(rules, spec.session_id, target.machine.folder(spec) / "gateway")
    yield found
    found.end()


def test_programs_find_it_and_direct_ways_stay_closed(target: Target, outside: Outside, web: Web) -> None:
    target.refused(f"""
        import socket, urllib.request
        found = urllib.request.urlopen("http://{NAME}:{web.port}/in", timeout=60).read()
        assert found == b"GET /in {NAME}:{web.port}", found
        tried = [
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", {web.port})),
            (socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 443)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53)),
            (socket.AF_INET6, socket.SOCK_STREAM, ("2001:db8::1", 443)),
            (socket.AF_INET6, socket.SOCK_DGRAM, ("2001:db8::1", 53)),
            (socket.AF_VSOCK, socket.SOCK_STREAM, (2, 22)),
        ]
        for family, kind, address in tried:
            try:
                sock = socket.socket(family, kind)
                sock.settimeout(2)
                sock.connect(address)
                sock.send(b"x")
            except OSError as error:
                print(error)
            else:
                raise SystemExit(f"connected to {{address}}")
        try: socket.getaddrinfo("{NAME}", 80)
        except OSError: pass
        else: raise SystemExit("a name was looked up inside")
    """)
    assert [path for _, path, _ in web.seen] == ["/in"]


def test_nothing_else_is_reached_through_it_and_the_answer_comes_at_once(
    target: Target, outside: Outside, web: Web
) -> None:
    target.refused(f"""
        import urllib.error, urllib.request
        hosts = ["127.0.0.2:{web.port}", "169.254.169.254", "neighbours.acme.local:{web.port}", "evil.example",
                 "127.1:{web.port}", "2130706433:{web.port}", "[::1]:{web.port}", "evilweb.acme.local:{web.port}"]
        for host in hosts:
            try:
                urllib.request.urlopen(f"http://{{host}}/", timeout=20)
            except urllib.error.HTTPError as error:
                assert error.code == 403, (host, error.code)
                text = error.read().decode()
                assert "nbkeep:" in text and "Ask an admin" in text or "no IP address" in text, (host, text)
            else:
                raise SystemExit(host)
        try:
            urllib.request.urlopen("https://evil.example/", timeout=20)
        except urllib.error.URLError as error:
            assert "no rule allows evil.example:443" in str(error), error
    """)
    assert web.seen == []


def test_a_redirect_does_not_lead_out(target: Target, outside: Outside, web: Web) -> None:
    target.refused(f"""
        import urllib.error, urllib.request
        try:
            urllib.request.urlopen("http://{NAME}:{web.port}/to?url=http://evil.example/", timeout=60)
        except urllib.error.HTTPError as error:
            assert error.code == 403 and "evil.example" in error.reason, error
            raise SystemExit(0)
        raise SystemExit("followed")
    """)


def test_a_session_s_identity_is_its_own_socket(target: Target, outside: Outside, web: Web) -> None:
    """Neither is another session's socket seen, nor does a claim in a request change who asks."""
    target.refused(f"""
        import os, socket
        found = [os.path.join(top, name) for top, _, names in os.walk("/run") for name in names]
        others = sorted(one for one in found if "gateway" in one)
        names = ("ca-bundle.pem", "connections.json", "gateway.sock")
        assert others == ["/run/nbkeep/gateway/" + name for name in names], others
        for claim in ("X-Session-Id: {target.neighbour.session_id}", "Proxy-Authorization: Basic am9objpqb2hu"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect("/run/nbkeep/gateway/gateway.sock")
            where = "neighbours.acme.local:{web.port}"
            sock.sendall(f"GET http://{{where}}/ HTTP/1.1\\r\\nHost: {{where}}\\r\\n{{claim}}\\r\\n\\r\\n".encode())
            answer = sock.recv(65536)
            assert answer.startswith(b"HTTP/1.1 403 "), answer
    """)
    assert web.seen == []
    assert {one.session_id for one in outside.records(2)} == {target.spec.session_id}


def test_many_connections_from_inside_are_bounded_and_the_neighbour_is_served(
    target: Target, outside: Outside, web: Web
) -> None:
    outcome = target.attack("""
        import resource, socket, time
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 3000), hard))
        held, offered, end = [], 0, time.monotonic() + 3
        while offered < 10_000 and time.monotonic() < end:
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", 3128))
            held.append(sock)
            offered += 1
            if len(held) > 1000: held.pop(0).close()
        print("offered", offered)
    """)
    assert outcome.code == 0, outcome
    assert int(outcome.output.split()[-1]) > 500, outcome
    assert outside.gateway.connections <= 2 * outside.limits.per_session + 1
    assert target.is_well()
    found = target.machine.run(target.neighbour, f"""
        import urllib.request
        print(urllib.request.urlopen("http://neighbours.acme.local:{web.port}/n", timeout=60).read())
    """)  # fmt: skip
    assert "GET /n" in found.output, found
