"""A server that sends a byte now and then answers each time in time, and never in all: it is cut."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from egress_parts import Authority
from nbkeep.model import mailing
from nbkeep.outbox import smtp
from nbkeep.outbox.smtp import Connection, ServerAway
from nbkeep.settings import Settings

DEADLINE_S, DRIP_S = 0.6, 0.05
TLS_RECORD = b"\x16\x03\x03\x40\x00"  # a handshake of 16 KiB begins


def drip(line: socket.socket, first: bytes = b"") -> None:
    line.sendall(first)
    while True:
        line.sendall(b"2")
        time.sleep(DRIP_S)


def drips_its_banner(line: socket.socket, context: ssl.SSLContext) -> None:
    drip(line)


def drips_its_handshake(line: socket.socket, context: ssl.SSLContext) -> None:
    drip(line, TLS_RECORD)


def drips_its_banner_in_tls(line: socket.socket, context: ssl.SSLContext) -> None:
    with context.wrap_socket(line, server_side=True) as private:
        drip(private)


def speaks_until(line: socket.socket, last: bytes) -> None:
    """Offer everything, up to an order that is only begun to be answered."""
    line.sendall(b"220 mail.test\r\n")
    for order in line.makefile("rb"):
        if order.upper().startswith(last):
            return
        is_hello = order.upper().startswith(b"EHLO")
        line.sendall(b"250-mail.test\r\n250 STARTTLS\r\n" if is_hello else b"250 fine\r\n")


def drips_its_handshake_after_starttls(line: socket.socket, context: ssl.SSLContext) -> None:
    speaks_until(line, b"STARTTLS")
    line.sendall(b"220 go ahead\r\n")
    line.recv(1)  # the client begins: what came before that it would rightly throw away
    drip(line, TLS_RECORD)


def drips_its_goodbye(line: socket.socket, context: ssl.SSLContext) -> None:
    speaks_until(line, b"QUIT")
    drip(line)


Answers = Callable[[socket.socket, ssl.SSLContext], None]


@contextlib.contextmanager
def serving(answers: Answers, context: ssl.SSLContext) -> Generator[int]:
    """Serve one connection on loopback; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with line, contextlib.suppress(OSError):  # it is cut
                answers(line, context)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path)


def settings_for(authority: Authority, port: int, security: str, folder: Path) -> Settings:
    return Settings(
        data_dir=folder, mail_server=f"127.0.0.1:{port}", mail_from="nbkeep@acme.com",
        mail_security=security, mail_ca_file=str(authority.file),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("security", "answers"),
    [
        (mailing.NONE, drips_its_banner),
        (mailing.STARTTLS, drips_its_banner),
        (mailing.STARTTLS, drips_its_handshake_after_starttls),
        (mailing.TLS, drips_its_handshake),
        (mailing.TLS, drips_its_banner_in_tls),
    ],
)
def test_a_connection_that_comes_byte_by_byte_is_cut_and_said(
    authority: Authority, short_dir: Path, monkeypatch: pytest.MonkeyPatch, security: str, answers: Answers
) -> None:
    monkeypatch.setattr(smtp, "WHOLE_S", DEADLINE_S)
    with serving(answers, authority.server_context("127.0.0.1")) as port:
        began_s = time.monotonic()
        with (
            pytest.raises(ServerAway, match=r"it took longer than 0\.6 s"),
            Connection(settings_for(authority, port, security, short_dir)),
        ):
            pass
        assert time.monotonic() - began_s < 10


def test_a_goodbye_that_comes_byte_by_byte_is_not_waited_for(
    authority: Authority, short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "_GOODBYE_S", DEADLINE_S)
    with serving(drips_its_goodbye, authority.server_context("127.0.0.1")) as port:
        began_s = time.monotonic()
        with Connection(settings_for(authority, port, mailing.NONE, short_dir)):
            pass
        assert time.monotonic() - began_s < 10


def refuses_the_banner(line: socket.socket, context: ssl.SSLContext) -> None:
    line.sendall(b"554 no service here\r\n")


def greets_in_tls(line: socket.socket, context: ssl.SSLContext) -> None:
    with context.wrap_socket(line, server_side=True) as private:
        speaks_until(private, b"QUIT")
        private.sendall(b"221 bye\r\n")


def test_a_server_that_does_not_greet_is_away(authority: Authority, short_dir: Path) -> None:
    with (
        serving(refuses_the_banner, authority.server_context("127.0.0.1")) as port,
        pytest.raises(ServerAway, match="it answered 554 no service here"),
        Connection(settings_for(authority, port, mailing.NONE, short_dir)),
    ):
        pass


def test_tls_from_the_first_byte_wants_the_name_of_the_server_in_its_certificate(
    authority: Authority, short_dir: Path
) -> None:
    with (
        serving(greets_in_tls, authority.server_context("127.0.0.1")) as port,
        Connection(settings_for(authority, port, mailing.TLS, short_dir)),
    ):
        pass
    with (
        serving(greets_in_tls, authority.server_context("elsewhere.test")) as port,
        pytest.raises(ServerAway, match="its certificate is not trusted"),
        Connection(settings_for(authority, port, mailing.TLS, short_dir)),
    ):
        pass
