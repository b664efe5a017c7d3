"""Attack: reach a model after the budget is spent: other spellings, pipelining, by address, in clear, as HTTP/2."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import TYPE_CHECKING

import pytest

from egress_parts import SESSION, Authority, Raw, read_all, serving, wait_for
from model_parts import ANTHROPIC, OPENAI, Metered, ModelApi, make_metered, standing
from nbkeep.egress.model_calls import Provider

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.attack
ASKED = {"model": "gpt-x", "messages": [{"role": "user", "content": "Tell me"}]}
BODY = json.dumps(ASKED).encode()


@pytest.fixture
def clear() -> Generator[ModelApi]:
    with serving(ModelApi(None)) as server:
        yield server


@pytest.fixture
def metered(tmp_path: Path, clear: ModelApi) -> Generator[Metered]:
    """Of a person whose budget is spent."""
    authority = Authority.make(tmp_path)
    with serving(ModelApi(authority, OPENAI, ANTHROPIC)) as api:
        found = make_metered(tmp_path, authority, api)
        found.reach(
            f"{OPENAI}:{api.port},{clear.port} {ANTHROPIC}:{api.port} 127.0.0.1:{api.port},{clear.port}"
        )
        found.providers.append(Provider("vllm", "openai", OPENAI, clear.port))
        found.stand(standing(SESSION, 100, is_spent=True))
        yield found
        found.end()


def _post(host: str, target: str = "/v1/chat/completions", method: str = "POST") -> bytes:
    return (
        f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/chat%2Fcompletions", "/v1//chat//completions", "//v1/chat/completions",
     "/V1/CHAT/COMPLETIONS", "/v1/./chat/../chat/completions", "/v1/chat/completions/", "/v1/chat/completions?x=/models",
     "/v1/models/../chat/completions", "/v1/%63hat/completions", "/v1/chat;x=1/completions", "/x", "/v1/models"],
)  # fmt: skip
def test_no_spelling_of_a_path_goes_out(metered: Metered, path: str) -> None:
    assert metered.post(path, ASKED)[0] == 429
    assert metered.api.seen == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "post", "QUERY", "CHAT"])
def test_no_other_method_goes_out(metered: Metered, method: str) -> None:
    with metered.session(OPENAI, metered.api.port) as sock:
        sock.sendall(_post(f"{OPENAI}:{metered.api.port}", method=method))
        assert read_all(sock).startswith(b"HTTP/1.1 429 ")
    assert metered.api.seen == []


def test_a_second_request_behind_a_free_one_is_not_sent(metered: Metered) -> None:
    place = f"{OPENAI}:{metered.api.port}"
    first = f"GET /v1/models HTTP/1.1\r\nHost: {place}\r\n\r\n".encode()
    with metered.session(OPENAI, metered.api.port) as sock:
        sock.sendall(first + _post(place))
        said = read_all(sock)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.count(b"HTTP/1.1 ") == 1
    metered.records(1)
    assert [path for path, _, _ in metered.api.seen] == ["/v1/models"]


def test_the_address_with_the_name_in_tls_is_refused(metered: Metered) -> None:
    sock = metered.tunnel("127.0.0.1", metered.api.port)
    with pytest.raises(ssl.SSLError):
        metered.trust().wrap_socket(sock, server_hostname=OPENAI)
    assert f"{OPENAI} is reached by its name" in metered.records(1)[0].reason
    assert metered.api.seen == []


def test_the_address_alone_is_metered_like_the_name(metered: Metered, clear: ModelApi) -> None:
    following = asyncio.run_coroutine_threadsafe(
        metered.metering.follow_addresses(metered.names), metered.loop
    )
    wait_for(lambda: metered.metering.wants(SESSION, "127.0.0.1", clear.port), "its address")
    said = metered.ask(_post(f"127.0.0.1:{clear.port}", f"http://127.0.0.1:{clear.port}/v1/chat/completions"))
    assert said.startswith(b"HTTP/1.1 429 ")
    # Over TLS, without a name in it: the gateway verifies the server, and asks for the budget.
    context = metered.trust()
    context.check_hostname = False
    sock = metered.tunnel("127.0.0.1", metered.api.port)
    with context.wrap_socket(sock) as tls:
        tls.sendall(_post(f"127.0.0.1:{metered.api.port}"))
        assert read_all(tls).startswith(b"HTTP/1.1 429 ")
    following.cancel()
    assert metered.api.seen == clear.seen == []


def test_in_clear_it_is_refused_too(metered: Metered, clear: ModelApi) -> None:
    place = f"{OPENAI}:{clear.port}"
    assert metered.ask(_post(place, f"http://{place}/v1/chat/completions")).startswith(b"HTTP/1.1 429 ")
    with metered.tunnel(OPENAI, clear.port) as sock:
        sock.sendall(_post(place))
        assert read_all(sock).startswith(b"HTTP/1.1 429 ")
    assert clear.seen == []
    metered.stand()
    assert metered.ask(_post(place, f"http://{place}/v1/chat/completions")).startswith(b"HTTP/1.1 200 ")
    assert [one.measure for one in metered.ended_calls(3)] == ["refused", "refused", "measured"]


@pytest.mark.parametrize("spelled", [OPENAI.upper(), OPENAI + ".", OPENAI.title() + "."])
def test_no_spelling_of_the_host_goes_out(metered: Metered, clear: ModelApi, spelled: str) -> None:
    place = f"{spelled}:{clear.port}"
    assert metered.ask(_post(place, f"http://{place}/v1/chat/completions")).startswith(b"HTTP/1.1 429 ")
    with metered.tunnel(spelled, clear.port) as sock:
        sock.sendall(_post(place))
        assert read_all(sock).startswith(b"HTTP/1.1 429 ")
    assert clear.seen == []


def test_what_is_no_http_is_not_passed_on(metered: Metered) -> None:
    """HTTP/2 with prior knowledge, and anything else, could not be metered."""
    got: list[bytes] = []
    with serving(Raw(lambda sock: got.append(sock.recv(65536)))) as raw:
        metered.reach(f"{OPENAI}:{raw.port} 127.0.0.1:{raw.port}")
        metered.providers.append(Provider("raw", "openai", OPENAI, raw.port))
        metered.stand()
        for said in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x00\x00\x00\x04\x00\x00\x00\x00", b"hello\r\n"):
            with metered.tunnel(OPENAI, raw.port) as sock:
                sock.sendall(said + _post(f"{OPENAI}:{raw.port}"))
                read_all(sock)
        metered.records(3)
        wait_for(lambda: len(got) == 3, "the ends of the connections")
    assert got == [b""] * 3


def test_anothers_budget_is_not_mine(metered: Metered) -> None:
    other = SESSION[:-1] + "b"
    metered.reach(f"{OPENAI}:{metered.api.port} 127.0.0.1:{metered.api.port}", other)
    headers = {"Content-Type": "application/json"}
    status, _, _ = metered.ask_tls(metered.api.port, "/v1/chat/completions", headers, host=OPENAI, method="POST",
                                   body=BODY, session_id=other)  # fmt: skip
    assert status == 200
    assert metered.ended_calls(1)[0].session_id == other
