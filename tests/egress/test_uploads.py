"""What programs send to a host is judged by what is in it, before any of it is sent."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from egress_parts import NameServer, Web, serving
from keyed_parts import HOST, Echo
from upload_parts import MIB, Examining, made_key, plain, scanner_that_stays

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from egress_parts import Authority
    from nbkeep.egress.leaving.scanner import JailedScanner

NAME = "web.acme.local"


@pytest.fixture(scope="module")
def scanner() -> Generator[JailedScanner]:
    with scanner_that_stays() as found:
        yield found


@pytest.fixture(scope="module")
def echo(authority: Authority) -> Generator[Echo]:
    with serving(Echo(authority, HOST)) as server:
        yield server


@pytest.fixture
def seen(web: Web) -> list[tuple[str, str, dict[str, str]]]:
    web.seen.clear()
    return web.seen


@pytest.fixture
def gate(tmp_path: Path, authority: Authority, scanner: JailedScanner) -> Generator[Examining]:
    loopback = [["127.0.0.1"]]
    names = NameServer(web_acme_local=loopback, api_acme_local=loopback)
    found = Examining(tmp_path, names, roots=authority.file, scanner=scanner)
    yield found
    found.end()


def place(web: Web) -> str:
    return f"{NAME}:{web.port}"


def test_a_key_does_not_leave_and_the_program_is_told_why(
    gate: Examining, web: Web, seen: list[tuple[str, str, dict[str, str]]]
) -> None:
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}", secret="deny")
    answer = gate.ask(plain(place(web), f"token = '{made_key()}'".encode())).decode()
    assert answer.startswith(
        "HTTP/1.1 403 Blocked by nbkeep: what was to be sent to web.acme.local holds a secret"
    )
    assert (
        "(GitHub token): none of it was sent. The policy for secrets says deny (set for everything)" in answer
    )
    assert "Rule: gate upload: deny secret (everywhere)" in answer
    assert "nbkeep upload set web.acme.local trusted" in answer
    assert made_key() not in answer
    assert seen == []
    (record,) = gate.records(1)
    assert (record.allowed, record.rule_id, record.bytes_out) == (False, "gate upload: deny secret", 0)
    assert made_key() not in str(record.as_json())


def test_what_holds_nothing_goes_on_as_it_is(gate: Examining, web: Web) -> None:
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}", secret="deny")
    body = b"x = 1\n" * 50_000
    assert f"got {len(body)}".encode() in gate.ask(plain(place(web), body))
    assert b"got 0" in gate.ask(plain(place(web), b""))
    (first, _) = gate.records(2)
    assert first.allowed
    assert first.bytes_out > len(body)


def test_a_key_inside_tls_is_seen_too_and_clean_bodies_pass(gate: Examining, echo: Echo) -> None:
    gate.decide(f"{HOST}:{echo.port} 127.0.0.1:{echo.port}", secret="deny")
    before = len(echo.seen)
    status, _, body = gate.ask_tls(echo.port, "/x", method="POST", body=made_key().encode())
    assert (status, b"GitHub token" in body, len(echo.seen)) == (403, True, before)
    status, _, body = gate.ask_tls(echo.port, "/x", method="POST", body=b"clean " * 1000)
    assert (status, echo.seen[-1][3]) == (200, b"clean " * 1000)


def test_json_is_answered_as_json(gate: Examining, web: Web) -> None:
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}", secret="deny")
    answer = gate.ask(plain(place(web), made_key().encode(), more="Accept: application/json\r\n"))
    assert b'"code": "upload-refused"' in answer
    assert b'"rule": "gate upload: deny secret"' in answer


def test_what_is_found_and_allowed_goes_on_and_is_noted(gate: Examining, web: Web) -> None:
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}", personal="deny")
    assert b"got 40" in gate.ask(plain(place(web), made_key().encode()))
    (record,) = gate.records(1)
    assert record.allowed
    assert "what was sent holds a secret (GitHub token)" in record.reason


def test_without_a_policy_nothing_is_read(gate: Examining, web: Web, scanner: JailedScanner) -> None:
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}")
    assert b"got 40" in gate.ask(plain(place(web), made_key().encode()))
    (record,) = gate.records(1)
    assert "secret" not in record.reason


def test_a_trusted_host_keeps_its_own_tls(gate: Examining, echo: Echo, authority: Authority) -> None:
    gate.decide(f"{HOST}:{echo.port} 127.0.0.1:{echo.port}", secret="deny", unread="deny")
    gate.say(api_acme_local="trusted")
    sock = gate.tunnel(HOST, echo.port)
    with authority.client_context().wrap_socket(sock, server_hostname=HOST) as tls:
        body = made_key().encode()
        head = f"POST /x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        tls.sendall(head.encode() + body)
        assert b"200 OK" in tls.recv(65536)
    assert echo.seen[-1][3] == body


def test_to_a_closed_host_programs_may_only_ask(
    gate: Examining, web: Web, seen: list[tuple[str, str, dict[str, str]]]
) -> None:
    """For every session, whatever the policies say."""
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}")
    gate.say(any="closed")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = gate.ask(plain(place(web), b"", method=method)).decode()
        assert answer.startswith(
            f"HTTP/1.1 403 Blocked by nbkeep: this {method} request to {NAME} was not sent"
        )
        assert "examined" in answer
    assert gate.ask(plain(place(web), b"hidden", method="GET")).startswith(b"HTTP/1.1 403")
    assert seen == []
    assert b"GET /x" in gate.ask(plain(place(web), b"", method="GET"))


def test_what_is_set_for_a_host_counts_at_once_for_tunnels_that_are_open(gate: Examining, echo: Echo) -> None:
    gate.decide(f"{HOST}:{echo.port} 127.0.0.1:{echo.port}")
    with gate.tunnel(HOST, echo.port) as sock:
        sock.sendall(b"\x00 neither TLS nor HTTP")
        gate.say(api_acme_local="closed")
        assert sock.recv(10) == b""


def test_a_compressed_body_is_read(gate: Examining, web: Web) -> None:
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}", secret="deny")
    body = gzip.compress(made_key().encode())
    answer = gate.ask(plain(place(web), body, more="Content-Encoding: gzip\r\n"))
    assert b"403 Blocked" in answer


def test_hashes_and_ids_are_no_files_that_nobody_can_read(gate: Examining, web: Web) -> None:
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}", secret="deny", unread="deny")
    body = b'{"sha256": "%s", "id": "%s"}' % (b"0a1b2c3d" * 8, b"AbCd" * 30)
    assert b"got" in gate.ask(plain(place(web), body, more="Content-Type: application/json\r\n"))


def test_a_query_and_headers_count_and_what_signs_in_does_not(gate: Examining, web: Web) -> None:
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}", secret="deny")
    key = made_key()
    for path, more in ((f"/x?note={key}", ""), ("/x", f"X-Note: {key}\r\n"), (f"/{key}", "")):
        assert b"403 Blocked" in gate.ask(plain(place(web), b"", method="GET", path=path, more=more)), path
    for path, more in ((f"/x?token={key}", ""), ("/x", f"Authorization: Bearer {key}\r\n")):
        assert b"GET /x" in gate.ask(plain(place(web), b"", method="GET", path=path, more=more)), path


def test_nothing_at_all_may_be_sent_where_that_is_decided(gate: Examining, web: Web) -> None:
    gate.decide(
        f"{place(web)} 127.0.0.1:{web.port}", secret="deny", personal="deny", unread="deny", nothing="deny"
    )
    answer = gate.ask(plain(place(web), b"x")).decode()
    assert "nothing may be sent to web.acme.local" in answer
    assert b"GET /x" in gate.ask(plain(place(web), b"", method="GET"))


def test_what_is_too_large_to_examine_is_judged_as_unread(
    gate: Examining, web: Web, seen: list[tuple[str, str, dict[str, str]]]
) -> None:
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}", unread="deny")
    answer = gate.ask(plain(place(web), b"x" * (5 * MIB)))
    assert b"too large to be examined" in answer
    assert seen == []
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}", secret="deny")
    assert f"got {5 * MIB}".encode() in gate.ask(plain(place(web), b"x" * (5 * MIB)))


def test_a_signed_request_with_a_secret_of_the_vault_is_examined_before_the_secret_is_added(
    gate: Examining, echo: Echo
) -> None:
    gate.decide(f"{HOST}:{echo.port} 127.0.0.1:{echo.port}", secret="deny")
    gate.add(f"{HOST}:{echo.port}", value=made_key())
    status, _, _ = gate.ask_tls(
        echo.port, "/x", {"Authorization": "Bearer nbkeep-placeholder-openai"}, method="POST", body=b"hello"
    )
    assert status == 200
    assert echo.sent("Authorization") == [f"Bearer {made_key()}"]


def test_a_policy_that_cannot_be_read_lets_nothing_leave(gate: Examining, web: Web) -> None:
    from dataclasses import replace

    from egress_parts import SESSION, policy
    from nbkeep.egress.rules import Compiled

    found = replace(policy(SESSION, f"{place(web)} 127.0.0.1:{web.port}"), leaving="{broken")
    gate.decide(f"{place(web)} 127.0.0.1:{web.port}")
    gate.policies[SESSION] = Compiled(found)
    assert b"403 Blocked" in gate.ask(plain(place(web), b"x"))
