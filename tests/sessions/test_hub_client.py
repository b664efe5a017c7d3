"""The hub's client over a real unix socket, against a small hub that answers as JupyterHub does."""

from __future__ import annotations

import json
import shutil
import socketserver
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from nbkeep.model.errors import Refused, Unavailable
from nbkeep.sessions.hub_client import HubClient


class SmallHub(socketserver.ThreadingUnixStreamServer):
    """Answers from a list of (status, message); keeps what it was asked."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.asked: list[tuple[str, str, Any, str]] = []
        self.answers: dict[str, list[tuple[int, str]]] = {}
        self.slow_s = 0.0
        super().__init__(str(path), SmallHubHandler)


class SmallHubHandler(BaseHTTPRequestHandler):
    def answer(self) -> None:
        hub = self.server
        assert isinstance(hub, SmallHub)
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        hub.asked.append((self.command, self.path, body, self.headers["authorization"]))
        time.sleep(hub.slow_s)
        queue = hub.answers.get(self.command, [])
        status, message = queue.pop(0) if queue else (200, "")
        content = b"" if status == 204 else json.dumps({"message": message}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "unix"


@pytest.fixture
def hub() -> Iterator[SmallHub]:
    folder = Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp"))
    made = SmallHub(folder / "hub.sock")
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()
    shutil.rmtree(folder)


@pytest.fixture
def client(hub: SmallHub) -> Iterator[HubClient]:
    made = HubClient(Path(str(hub.server_address)), "secret", sleep=lambda _: None)
    yield made
    made.close()


def test_a_start_names_the_session_and_makes_an_unknown_user_known(hub: SmallHub, client: HubClient) -> None:
    hub.answers = {"GET": [(404, "No such user")], "POST": [(201, ""), (202, "")]}
    client.start_server("jane", "churn", "ses_1")
    assert [one[:3] for one in hub.asked] == [
        ("GET", "/hub/api/users/jane", None),
        ("POST", "/hub/api/users/jane", None),
        ("POST", "/hub/api/users/jane/servers/churn", {"session": "ses_1"}),
    ]
    assert {one[3] for one in hub.asked} == {"token secret"}


@pytest.mark.parametrize(
    "message", ["jane/churn is already running", "jane/churn is pending spawn, please wait"]
)
def test_a_server_that_is_there_or_on_its_way_is_left_alone(
    hub: SmallHub, client: HubClient, message: str
) -> None:
    hub.answers = {"POST": [(400, message)]}
    client.start_server("jane", "churn", "ses_1")


def test_a_start_waits_for_the_last_server_under_its_name_to_end(hub: SmallHub, client: HubClient) -> None:
    hub.answers = {"POST": [(400, "jane/churn is pending stop, please wait")] * 3 + [(201, "")]}
    client.start_server("jane", "churn", "ses_1")
    assert len(hub.asked) == 5
    hub.answers = {"POST": [(400, "jane/churn is pending stop, please wait")] * 200}
    with pytest.raises(Unavailable, match="still ending"):
        client.start_server("jane", "churn", "ses_1")


@pytest.mark.parametrize(
    ("answer", "kind"), [((403, "no"), Refused), ((429, "Too many"), Refused), ((500, "Oops"), Unavailable)]
)
def test_a_hub_that_says_no_is_told_apart_from_one_that_fails(
    hub: SmallHub, client: HubClient, answer: tuple[int, str], kind: type[Exception]
) -> None:
    hub.answers = {"POST": [answer]}
    with pytest.raises(kind, match=answer[1]):
        client.start_server("jane", "churn", "ses_1")


def test_a_stop_is_taken_twice_and_a_pending_start_is_told(hub: SmallHub, client: HubClient) -> None:
    hub.answers = {
        "DELETE": [(204, ""), (404, "No such server"), (400, "jane/churn is not running"), (202, ""),
                   (400, "jane/churn is pending spawn, please wait")]
    }  # fmt: skip
    assert [client.stop_server("jane", "churn") for _ in range(5)] == [True, True, True, True, False]


def test_names_cannot_climb_out_of_their_path(hub: SmallHub, client: HubClient) -> None:
    client.stop_server("../../x", "a/b?c")
    assert hub.asked[0][1] == "/hub/api/users/..%2F..%2Fx/servers/a%2Fb%3Fc"


# httpcore leaves a socket whose connect failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nobody_at_the_socket_is_unavailable() -> None:
    away = HubClient(Path("/tmp/nbk-no-such-socket"), "secret")
    with pytest.raises(Unavailable):
        away.start_server("jane", "churn", "ses_1")
    with pytest.raises(Unavailable):
        away.stop_server("jane", "churn")
    away.close()
