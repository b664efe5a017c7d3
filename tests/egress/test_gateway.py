"""What programs get through the gateway, and what they are told when they do not."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from typing import TYPE_CHECKING

import pytest

from egress_parts import OTHER, SESSION, Authority, NameServer, Outside, Raw, Web, read_all, serving, wait_for

if TYPE_CHECKING:
    from pathlib import Path

NAME = "web.acme.local"


def opened(port: int, *names: str) -> str:
    """Return rules by which names at loopback may be reached on this port."""
    return " ".join(f"{name}:{port}" for name in (*names, "127.0.0.1"))


def get(host: str, port: int, path: str = "/hello", more: str = "") -> bytes:
    return f"GET http://{host}:{port}{path} HTTP/1.1\r\nHost: {host}:{port}\r\n{more}\r\n".encode()


def test_a_request_reaches_what_a_rule_allows_and_is_on_record(outside: Outside, web: Web) -> None:
    outside.reach(opened(web.port, NAME))
    answer = outside.ask(
        get(NAME, web.port, "/hello?key=secret", "Accept: */*\r\nProxy-Authorization: x\r\n")
    )
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert answer.endswith(f"GET /hello?key=secret {NAME}:{web.port}".encode())
    headers = web.seen[-1][2]
    assert headers["Connection"] == "close"
    assert "Proxy-Authorization" not in headers
    (record,) = outside.records(1)
    assert (record.session_id, record.host, record.port, record.address) == (
        SESSION,
        NAME,
        web.port,
        "127.0.0.1",
    )
    assert (record.protocol, record.method, record.allowed) == ("http", "GET", True)
    assert record.rule_id == f"allow {NAME}:{web.port}"
    assert record.rule_source == "profile p"
    assert record.bytes_in == len(f"GET /hello?key=secret {NAME}:{web.port}")
    assert "secret" not in json.dumps(record.as_json())
    assert outside.kept.started[0].id == record.id


def test_methods_bodies_and_framing_survive(outside: Outside, web: Web) -> None:
    outside.reach(opened(web.port, NAME))
    url = f"http://{NAME}:{web.port}"
    host = f"Host: {NAME}:{web.port}\r\n"
    head = outside.ask(f"HEAD {url}/hello HTTP/1.1\r\n{host}\r\n".encode())
    assert head.startswith(b"HTTP/1.1 200 ")
    assert head.endswith(b"\r\n\r\n")
    chunked = outside.ask(f"GET {url}/chunks HTTP/1.1\r\n{host}\r\n".encode())
    assert b"transfer-encoding: chunked" in chunked.lower()
    assert b"three" in chunked
    old = outside.ask(f"GET {url}/chunks HTTP/1.0\r\n\r\n".encode())
    assert old.endswith(b"\r\n\r\none,two,three")
    posted = outside.ask(f"POST {url}/x HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello".encode())
    assert posted.endswith(b"got 5")
    body = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    posted = outside.ask(f"PUT {url}/x HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n".encode() + body)
    assert posted.endswith(b"got 11")


def test_a_refusal_says_what_why_and_how_to_ask(outside: Outside) -> None:
    outside.reach("pypi.org", deny="*.evil.example")
    text = outside.ask(get("api.evil.example", 80)).decode()
    first, _, body = text.partition("\r\n")
    assert first == (
        "HTTP/1.1 403 Blocked by nbkeep: api.evil.example:80 is denied by the rule 'deny *.evil.example:*' (platform)"
    )
    assert "Rule: deny *.evil.example:* (platform)" in body
    assert "nbkeep profile set PROFILE --egress-allowlist +api.evil.example" in body
    connect = b"CONNECT unknown.example:443 HTTP/1.1\r\nHost: unknown.example:443\r\n\r\n"
    assert outside.ask(connect).startswith(
        b"HTTP/1.1 403 Blocked by nbkeep: no rule allows unknown.example:443\r\n"
    )
    answer = outside.ask(get("unknown.example", 80, more="Accept: application/json\r\n"))
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert error["code"] == "egress-blocked"
    assert error["host"] == "unknown.example"
    assert outside.names.asked == [], "nothing is looked up before the rules have allowed it"
    assert [(one.host, one.allowed, one.address) for one in outside.records(3)] == [
        ("api.evil.example", False, ""), ("unknown.example", False, ""), ("unknown.example", False, "")]  # fmt: skip


def test_what_fails_outside_is_told_as_a_failure(outside: Outside) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        outside.reach(f"gone.acme.local {opened(port, NAME)}")
        assert outside.ask(get("gone.acme.local", 80)).startswith(
            b"HTTP/1.1 502 Bad Gateway by nbkeep: allowed, but"
        )
        assert b"refuses the connection" in outside.ask(get(NAME, port))
    first, second = outside.records(2)
    assert first.allowed
    assert "the name gone.acme.local was not found" in first.reason
    assert second.address == "127.0.0.1"


def test_tls_goes_through_untouched(outside: Outside, tls: Web, authority: Authority) -> None:
    outside.reach(opened(tls.port, NAME))
    context = authority.client_context()
    with context.wrap_socket(outside.tunnel(NAME, tls.port), server_hostname=NAME) as sock:
        sock.sendall(f"GET /x HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
        assert read_all(sock).endswith(f"GET /x {NAME}".encode())
    (record,) = outside.records(1)
    assert (record.protocol, record.method, record.host) == ("connect", "CONNECT", NAME)
    assert record.bytes_in > 300
    assert record.bytes_out > 300


def socks(host: str, port: int) -> bytes:
    name = host.encode()
    return b"\x05\x01\x00" + b"\x05\x01\x00\x03" + bytes([len(name)]) + name + struct.pack(">H", port)


def test_socks_reaches_names_and_is_refused_like_the_others(outside: Outside, web: Web) -> None:
    outside.reach(opened(web.port, NAME))
    with outside.connect() as sock:
        request = f"GET /s HTTP/1.1\r\nHost: {NAME}:{web.port}\r\n\r\n".encode()
        sock.sendall(socks(NAME, web.port) + request)
        answer = read_all(sock)
    assert answer.startswith(b"\x05\x00\x05\x00\x00\x01"), answer
    assert b"GET /s" in answer
    assert outside.ask(socks("evil.example", 443)) == b"\x05\x00" + b"\x05\x02\x00\x01\0\0\0\0\0\0"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(str(outside.path()))
        sock.sendall(b"\x05\x01\x02")
        assert read_all(sock) == b"\x05\xff", "no passwords"
    assert [one.protocol for one in outside.records(2)] == ["socks", "socks"]


def test_servers_that_speak_first_are_heard(outside: Outside) -> None:
    def talk(sock: socket.socket) -> None:
        sock.sendall(b"220 hello\r\n")
        sock.sendall(b"you said " + sock.recv(100))

    with serving(Raw(talk)) as server:
        outside.reach(opened(server.port, NAME))
        with outside.tunnel(NAME, server.port) as sock:
            assert sock.recv(100) == b"220 hello\r\n"
            sock.sendall(b"EHLO me\r\n")
            assert read_all(sock) == b"you said EHLO me\r\n"


def test_a_side_that_has_ended_still_hears_the_other(outside: Outside) -> None:
    def talk(sock: socket.socket) -> None:
        sock.sendall(b"%d" % len(read_all(sock)))

    with serving(Raw(talk)) as server:
        outside.reach(opened(server.port, NAME))
        with outside.tunnel(NAME, server.port) as sock:
            sock.sendall(b"\x00" * 1000)
            sock.shutdown(socket.SHUT_WR)
            assert read_all(sock) == b"1000"


def test_changed_rules_cut_what_they_no_longer_allow(outside: Outside) -> None:
    with serving(Raw(lambda sock: sock.sendall(read_all(sock)))) as server:
        outside.reach(opened(server.port, NAME, "other.acme.local"))
        with (
            outside.tunnel(NAME, server.port) as cut,
            outside.tunnel("other.acme.local", server.port) as kept,
        ):
            outside.reach(opened(server.port, "other.acme.local"))
            assert read_all(cut) == b""
            kept.sendall(b"\x00still there")
            kept.shutdown(socket.SHUT_WR)
            assert read_all(kept) == b"\x00still there"
    record = outside.records(1)[0]
    assert record.host == NAME
    assert record.reason.endswith("; the rules changed")


def test_the_end_of_a_session_closes_its_socket_and_cuts_its_connections(outside: Outside, web: Web) -> None:
    with serving(Raw(lambda sock: sock.sendall(read_all(sock)))) as server:
        outside.reach(opened(server.port, NAME))
        outside.reach(opened(web.port, NAME), OTHER)
        with outside.tunnel(NAME, server.port) as sock:
            outside.call(outside.gateway.close, SESSION)
            assert read_all(sock) == b""
        assert not outside.path().exists()
        assert outside.ask(get(NAME, web.port), OTHER).startswith(b"HTTP/1.1 200 ")
    assert "the session ended" in outside.records(2)[0].reason


def test_a_session_without_a_policy_is_told_so(outside: Outside, web: Web) -> None:
    outside.reach(opened(web.port, NAME))
    outside.policies.clear()
    assert outside.ask(get(NAME, web.port)).startswith(b"HTTP/1.1 503 Unavailable by nbkeep")


def test_a_socket_is_made_again_where_its_folder_is_new(outside: Outside, web: Web) -> None:
    outside.reach(opened(web.port, NAME))
    before = outside.path().stat().st_ino
    outside.reach(opened(web.port, NAME))
    assert outside.path().stat().st_ino == before
    outside.path().unlink()
    outside.reach(opened(web.port, NAME))
    assert outside.ask(get(NAME, web.port)).startswith(b"HTTP/1.1 200 ")


def test_a_policy_on_trial_lets_through_and_tells(outside: Outside, web: Web) -> None:
    outside.reach("127.0.0.1:*", dry_run=True)
    assert outside.ask(get(NAME, web.port)).startswith(b"HTTP/1.1 200 ")
    (record,) = outside.records(1)
    assert record.allowed
    assert record.would_block


@pytest.mark.parametrize("name", ["other.acme.local", None])
def test_tls_that_names_another_host_than_connect_did_is_refused(
    outside: Outside, tls: Web, authority: Authority, name: str | None
) -> None:
    outside.reach(opened(tls.port, NAME))
    context = authority.client_context()
    context.check_hostname = False
    with outside.tunnel(NAME, tls.port) as sock, pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        context.wrap_socket(sock, server_hostname=name)
    (record,) = outside.records(1)
    assert not record.allowed
    assert record.bytes_out == 0
    assert "TLS" in record.reason
    assert tls.seen == [] or tls.seen[-1][1] != "/never"


def test_the_gateway_s_end_puts_open_connections_on_record(tmp_path: Path, web: Web) -> None:
    outside = Outside(tmp_path, NameServer(web_acme_local=[["127.0.0.1"]]))
    outside.reach(opened(web.port, NAME))
    sock = outside.tunnel(NAME, web.port)
    wait_for(lambda: len(outside.kept.started) == 1, "its start")
    outside.end()
    assert outside.kept.ended_ones[0].reason.endswith("the gateway ended")
    sock.close()
