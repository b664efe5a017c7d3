"""Rules with methods and paths, as programs meet them at the gateway."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from egress_parts import wait_for
from keyed_parts import HOST, VALUE
from restricted_parts import OTHER_HOST, judging

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from restricted_parts import Judged


@pytest.fixture
def judged(tmp_path: Path) -> Generator[Judged]:
    with judging(tmp_path) as found:
        yield found


def test_what_is_allowed_passes_and_the_rest_is_told_the_rule(judged: Judged) -> None:
    judged.reach(f"GET|HEAD@{HOST}/acme/*")
    assert judged.ask("GET", "/acme/data?token=hush")[0] == 200
    for method, path in (("POST", "/acme/data"), ("GET", "/other/secret"), ("DELETE", "/acme")):
        status, said = judged.ask(method, f"{path}?q=hush")
        assert status == 403
        assert f"no rule allows this {method} request to {HOST}:{judged.echo.port}" in said
        assert f"--egress-allowlist '+{method}@{HOST}:{judged.echo.port}/PATH'" in said
    assert judged.arrived == ["GET /acme/data?token=hush"]
    records = judged.gateway.records(4)
    assert [one.allowed for one in records] == [True, False, False, False]
    rule = f"allow GET|HEAD@{HOST}:{','.join(map(str, sorted((judged.echo.port, judged.web.port))))}/acme/*"
    assert records[0].rule_id == rule
    told = str([one.as_json() for one in records])
    assert "/acme/data" not in told
    assert "hush" not in told
    assert "secret" not in told


def test_what_is_denied_is_refused_and_the_rest_passes(judged: Judged) -> None:
    judged.reach(HOST, f"DELETE@{HOST} {HOST}/admin*")
    assert judged.ask("POST", "/x")[0] == 200
    status, said = judged.ask("DELETE", "/x")
    assert status == 403
    assert f"Rule: deny DELETE@{HOST}:* (platform)" in said
    assert judged.ask("GET", "/admin/users")[0] == 403
    assert judged.arrived == ["POST /x"]
    assert judged.gateway.records(3)[1].rule_id == f"deny DELETE@{HOST}:*"


def test_in_clear_it_is_the_same(judged: Judged) -> None:
    judged.reach(f"GET@{HOST}/acme/*")
    assert judged.clear("GET", "/acme/x").startswith(b"HTTP/1.1 200 ")
    assert b"no rule allows this PUT request" in judged.clear("PUT", "/acme/x", "Content-Length: 0")
    assert judged.clear("GET", "/x").startswith(b"HTTP/1.1 403 ")
    with judged.gateway.tunnel(HOST, judged.web.port) as sock:
        sock.sendall(f"GET /x HTTP/1.1\r\nHost: {HOST}:{judged.web.port}\r\n\r\n".encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 403 ")
    assert judged.arrived == ["GET /acme/x"]


def test_hosts_without_such_rules_keep_their_own_tls(judged: Judged) -> None:
    judged.reach(f"GET@{HOST}/acme/* {OTHER_HOST} GET@{OTHER_HOST}/x")
    sock = judged.gateway.tunnel(OTHER_HOST, judged.echo.port)
    with judged.authority.client_context().wrap_socket(sock, server_hostname=OTHER_HOST) as tls:
        tls.sendall(f"POST /y HTTP/1.1\r\nHost: {OTHER_HOST}\r\nContent-Length: 0\r\n\r\n".encode())
        assert tls.recv(100).startswith(b"HTTP/1.1 200 ")
    sock = judged.gateway.tunnel(HOST, judged.echo.port)
    with pytest.raises(ssl.SSLCertVerificationError):
        judged.authority.client_context().wrap_socket(sock, server_hostname=HOST)


def test_a_secret_is_added_only_to_what_the_rules_allow(judged: Judged) -> None:
    judged.gateway.add(f"{HOST}:{judged.echo.port}")
    judged.reach(f"GET@{HOST}/v1/*")
    assert judged.ask("GET", "/v1/x")[0] == 200
    assert judged.echo.sent("Authorization") == [f"Bearer {VALUE}"]
    assert judged.ask("POST", "/v1/x")[0] == 403
    assert len(judged.echo.seen) == 1


def test_on_trial_all_passes_and_is_on_record(judged: Judged) -> None:
    judged.reach(f"GET@{HOST}/acme/*", dry_run=True)
    assert judged.ask("POST", "/x//y")[0] == 200
    assert judged.ask("GET", "/acme/x")[0] == 200
    # What nobody can read, a policy in force refuses, and a trial notes.
    with judged.gateway.tunnel(HOST, judged.web.port) as sock:
        sock.sendall(b"SSH-2.0-x\r\n")
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1000)
    sock = judged.gateway.tunnel("127.0.0.1", judged.echo.port)
    with judged.authority.client_context().wrap_socket(sock, server_hostname=HOST) as tls:
        assert tls.version()
    records = judged.gateway.records(4)
    noted = [(True, True), (True, False), (True, True), (True, True)]
    assert [(one.allowed, one.would_block) for one in records] == noted
    assert all("cannot be read as requests" in one.reason for one in records[2:])
    assert "can be read in two ways" in records[0].reason


def test_new_rules_cut_what_is_under_way_and_not_allowed_any_more(judged: Judged) -> None:
    judged.reach(f"{HOST} {OTHER_HOST}")
    untouched = judged.gateway.tunnel(HOST, judged.echo.port)
    tls = judged.authority.client_context().wrap_socket(untouched, server_hostname=HOST)
    tls.sendall(f"GET /slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert tls.recv(10)
    judged.reach(HOST, f"DELETE@{HOST}")
    wait_for(lambda: len(judged.gateway.kept.ended_ones) == 1, "the tunnel that nobody reads to be cut")
    assert "the rules changed" in judged.gateway.kept.ended_ones[0].reason
    tls.close()
    with judged.gateway.session(HOST, judged.echo.port) as opened:
        opened.sendall(f"GET /slow HTTP/1.1\r\nHost: {HOST}:{judged.echo.port}\r\n\r\n".encode())
        assert opened.recv(10)
        judged.reach(HOST, f"DELETE@{HOST} {HOST}/admin")
        assert opened.recv(10), "this one is still allowed"
        judged.reach(HOST, f"GET@{HOST}/slow")
        wait_for(lambda: len(judged.gateway.kept.ended_ones) == 2, "the request to be cut")
    assert "the rules changed" in judged.gateway.kept.ended_ones[1].reason
    judged.echo.released.set()
