"""The proxy as nbkeep starts it: what it does to requests on their way to a unix socket."""

from __future__ import annotations

import os
import socketserver
import subprocess
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socket import AF_UNIX, socket
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from nbkeep.doors.supervisor.services import PROXY_PACKAGE, proxy_command
from nbkeep.settings import Settings
from platform_parts import free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = "token-of-the-proxy-s-api"


class Behind(BaseHTTPRequestHandler):
    """A server of a session: keeps what was asked about the connection."""

    protocol_version = "HTTP/1.1"
    asked: list[str] = []

    def do_PUT(self) -> None:
        self.asked.append(self.headers.get("Connection", ""))
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def address_string(self) -> str:
        return "the proxy"


@pytest.fixture
def port(short_dir: Path) -> Iterator[int]:
    """The port of a proxy with one route, to a server on a unix socket."""
    if not (PROXY_PACKAGE / "node_modules").is_dir():
        pytest.skip("the proxy is not installed here: run `make setup`")
    settings = Settings(data_dir=short_dir, listen=f"127.0.0.1:{free_port()}", unsafe_shared_origin=True)
    (short_dir / "run/proxy").mkdir(parents=True)
    with socketserver.ThreadingUnixStreamServer(str(short_dir / "s.sock"), Behind) as behind:
        threading.Thread(target=behind.serve_forever, daemon=True).start()
        proxy = subprocess.Popen(
            proxy_command(settings), env={**os.environ, "CONFIGPROXY_AUTH_TOKEN": _TOKEN}
        )
        try:
            api = short_dir / "run/proxy/api.sock"
            wait_for(api.exists, 30, "the proxy")
            _add_route(api, short_dir / "s.sock")
            yield int(settings.listen.rpartition(":")[2])
        finally:
            proxy.terminate()
            proxy.wait()
            behind.shutdown()


def _add_route(api: Path, target: Path) -> None:
    connection = HTTPConnection("localhost")
    connection.sock = socket(AF_UNIX)
    connection.sock.connect(str(api))
    body = f'{{"target": "http+unix://{quote(str(target), safe="")}"}}'
    connection.request("POST", "/api/routes/user/jane", body, {"Authorization": f"token {_TOKEN}"})
    assert connection.getresponse().status == 201
    connection.close()


def test_a_save_is_not_lost_because_its_server_closes_the_connection(port: int) -> None:
    """Asked to close, a server may do so while the request is still being ended: a 503 in a hundred saves."""
    connection = HTTPConnection("127.0.0.1", port)
    for _ in range(3):
        connection.request("PUT", "/user/jane/api/contents/x", "body of a save")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 204
    connection.close()
    assert Behind.asked == ["keep-alive"] * 3
