"""The whole product, started for tests with its own command, and people who use it over HTTP."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from nbkeep.doors.supervisor.services import PROXY_PACKAGE
from sandboxes import command_as, images

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
PASSWORD = "Vk3-mulberry-tram-91"
NBKEEP = Path(sys.executable).with_name("nbkeep")


def wait_for(look: Callable[[], T], seconds: float = 30, what: str = "it", every_s: float = 0.05) -> T:
    """Return the first true answer of `look`; fail when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(every_s)
    return found


class _Loopback(httpx.HTTPTransport):
    """Reaches every name on this machine, as browsers do with *.localhost; the Host header keeps the name."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        there = request.url.copy_with(host="127.0.0.1")
        return super().handle_request(
            httpx.Request(request.method, there, headers=request.headers, stream=request.stream,
                          extensions=request.extensions)
        )  # fmt: skip


@dataclass
class Platform:
    """One installation. `up` and `down` are the commands that people type; `uid`: as whom, where root types."""

    data_dir: Path
    port: int
    uid: int | None = None
    _clients: dict[str, httpx.Client] = field(default_factory=dict[str, httpx.Client])

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def run(self, *arguments: str, seconds: float = 150) -> subprocess.CompletedProcess[str]:
        """Run `nbkeep …` for this installation."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("NBKEEP_")}
        env |= {"NBKEEP_DATA": str(self.data_dir)}
        command = [str(NBKEEP), *arguments]
        if self.uid is not None:
            env |= {"HOME": str(self.data_dir)}
            command = command_as(self.uid, self.data_dir, *command)
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=seconds, env=env,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def up(self) -> subprocess.CompletedProcess[str]:
        done = self.run("up", "--port", str(self.port))
        assert done.returncode == 0, done.stdout + done.stderr + self.logs()
        return done

    def down(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run("down", *options)

    def logs(self) -> str:
        return self.run("logs", "-n", "30").stdout

    def story(self) -> str:
        """Return what its services are and last said, for whoever reads a failure."""
        try:
            return "".join(self.run(*one, seconds=30).stdout for one in (("status",), ("logs", "-n", "60")))
        except subprocess.TimeoutExpired as error:
            return str(error)

    def state(self) -> dict[str, Any]:
        return json.loads(self.run("status", "--json").stdout)

    def pid(self, service: str) -> int:
        """Return the process of a service, or of the supervisor itself."""
        state = json.loads((self.data_dir / "run/supervisor.json").read_text())
        if service == "supervisor":
            return state["pid"]
        return next(one["pid"] for one in state["services"] if one["name"] == service)

    def kill(self, service: str) -> int:
        """Kill a service as nothing can be prepared for; return the process that it was."""
        pid = self.pid(service)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_ready(self, seconds: float = 60) -> None:
        wait_for(lambda: self.run("status").returncode == 0, seconds, "all services to be ready")

    @property
    def office(self) -> httpx.Client:
        """The REST API as its operator, over the socket."""
        token = (self.data_dir / "secrets/operator-token").read_text().strip()
        return self._socket("office", {"Authorization": f"Bearer {token}"}, "http://localhost/api/v1")

    @property
    def hub(self) -> httpx.Client:
        """JupyterHub's REST API as the office has it."""
        token = (self.data_dir / "secrets/office-hub-token").read_text().strip()
        return self._socket("hub", {"Authorization": f"token {token}"}, "http://localhost/hub/api")

    def person(self, name: str = "", role: str = "notebook.user") -> Person:
        """Invite somebody, who follows the link and chooses a password."""
        name = name or f"p{uuid4().hex[:8]}"
        body = {"email": f"{name}@example.org", "name": name, "role": role}
        made = self.office.post("/users", json=body)
        assert made.status_code in {200, 201}, made.text
        person = Person(self, name)
        link = made.json()["link"]
        form = {"username": name, "password": PASSWORD, "again": PASSWORD}
        taken = person.web.post(link, data=form, headers={"Origin": self.url})
        assert taken.status_code == 303, taken.text
        return person

    def _socket(self, name: str, headers: Mapping[str, str], base_url: str) -> httpx.Client:
        if name not in self._clients:
            # Without kept connections: the tests restart what is at the other end.
            limits = httpx.Limits(max_keepalive_connections=0)
            transport = httpx.HTTPTransport(uds=str(self.data_dir / f"run/{name}/{name}.sock"), limits=limits)
            self._clients[name] = httpx.Client(
                transport=transport, base_url=base_url, headers=headers, timeout=60
            )
        return self._clients[name]

    def keep(self, name: str, client: httpx.Client) -> None:
        """Close a client with the others."""
        self._clients[f"{name}-{len(self._clients)}"] = client

    def close(self) -> None:
        """Close the connections that tests opened."""
        for client in self._clients.values():
            client.close()


@dataclass
class Person:
    """Somebody with a browser of their own, without its pictures."""

    platform: Platform
    name: str
    web: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        self.web = httpx.Client(transport=_Loopback(limits=limits), timeout=60)
        self.platform.keep(self.name, self.web)

    def get(self, url: str, **options: Any) -> httpx.Response:
        """Get a page of the portal (a path) or of anywhere, following redirects."""
        if url.startswith("/"):
            url = self.platform.url + url
        return self.web.get(url, follow_redirects=True, **options)

    def sign_in(self, password: str = PASSWORD) -> httpx.Response:
        """Sign in through portal and hub, as a browser does; return the last page."""
        page = self.get("/portal/")
        assert "/hub/login" in str(page.url), page.url
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        form = {"username": self.name, "password": password, "_xsrf": xsrf.group(1) if xsrf else ""}
        return self.web.post(
            page.url, data=form, headers={"Origin": self.platform.url}, follow_redirects=True
        )

    def start(self, profile: str = "notebook-cpu-small", name: str = "") -> Session:
        """Start a session by the portal's form and wait until it is ready."""
        page = self.get("/portal/")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert csrf, page.text[:2000]
        form = {"profile": profile, "name": name or f"s{uuid4().hex[:6]}", "csrf": csrf.group(1)}
        answer = self.web.post(f"{self.platform.url}/portal/sessions", data=form,
                               headers={"Origin": self.platform.url, "Sec-Fetch-Site": "same-origin"})  # fmt: skip
        assert answer.status_code == 303, answer.text
        session_id = urlsplit(answer.headers["location"]).path.rsplit("/", 1)[1]
        session = Session(self, session_id, form["name"])
        wait_for(
            lambda: session.state in {"ready", "failed", "stopped", "suspended"},
            60,
            "the session to be ready",
        )
        assert session.state == "ready", session.view
        return session


@dataclass
class Session:
    """A session as its owner sees it."""

    owner: Person
    id: str
    name: str

    @property
    def platform(self) -> Platform:
        return self.owner.platform

    @property
    def url(self) -> str:
        return f"http://{self.owner.name}.localhost:{self.platform.port}/user/{self.owner.name}/{self.name}/"

    @property
    def view(self) -> dict[str, Any]:
        return self.platform.office.get(f"/sessions/{self.id}").raise_for_status().json()

    @property
    def state(self) -> str:
        return str(self.view["state"])

    def open(self, visitor: Person | None = None) -> httpx.Response:
        """Open JupyterLab; return the last page."""
        return (visitor or self.owner).get(self.url + "lab")

    def call(self, method: str, path: str, body: Any = None, visitor: Person | None = None) -> httpx.Response:
        """Call Jupyter's REST API as JupyterLab does."""
        web = (visitor or self.owner).web
        place = urlsplit(self.url).path  # somebody with several sessions has a cookie of each
        xsrf = [cookie.value for cookie in web.cookies.jar
                if cookie.name == "_xsrf" and cookie.path.startswith("/user/") and place.startswith(cookie.path)]  # fmt: skip
        headers = {"X-XSRFToken": xsrf[-1] or "", "Origin": self.url.split("/user")[0]} if xsrf else {}
        return web.request(method, self.url + path, json=body, headers=headers)

    def kernel(self) -> str:
        """Start a kernel and return its id."""
        specs = self.call("GET", "api/kernelspecs").raise_for_status().json()
        made = self.call("POST", "api/kernels", {"name": specs["default"]})
        assert made.status_code == 201, made.text
        return made.json()["id"]

    def channel(self, kernel: str, visitor: Person | None = None, origin: str = "") -> ClientConnection:
        """Open a websocket to a kernel as the owner's or somebody else's browser; `origin`: of which page."""
        jar = (visitor or self.owner).web.cookies.jar
        place = urlsplit(self.url)
        host = f".{place.hostname}"  # not that of its owner, where it is in quarantine
        cookies = "; ".join(f"{one.name}={one.value}" for one in jar
                            if host.endswith(f".{one.domain.lstrip('.')}") and place.path.startswith(one.path))  # fmt: skip
        wire = socket.create_connection(("127.0.0.1", self.platform.port))
        uri = f"ws://{place.netloc}{place.path}api/kernels/{kernel}/channels?session_id={uuid4().hex}"
        return connect(uri, sock=wire, additional_headers={"Cookie": cookies},
                       origin=Origin(origin or f"http://{place.netloc}"), max_size=None, open_timeout=60)  # fmt: skip

    def execute(self, kernel: str, code: str, seconds: float = 60) -> str:
        """Run a cell and return what it printed, or its error."""
        with self.channel(kernel) as channel:
            header = {"msg_id": uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s",
                      "version": "5.3", "date": ""}  # fmt: skip
            content: dict[str, Any] = {"code": code, "silent": False, "store_history": True, "allow_stdin": False,
                       "user_expressions": {}, "stop_on_error": True}  # fmt: skip
            channel.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content,
                                     "channel": "shell", "buffers": []}))  # fmt: skip
            return _output(channel, header["msg_id"], time.monotonic() + seconds)

    def stop(self) -> None:
        """Stop it and wait until it is over."""
        stop = self.platform.office.post(f"/sessions/{self.id}/stop", json={"reason": "the test is over"})
        stop.raise_for_status()
        wait_for(lambda: self.state in {"suspended", "stopped", "failed"}, 200, "the session to stop")


def _output(channel: Any, asked: str, deadline: float) -> str:
    text = ""
    while True:
        message = json.loads(channel.recv(timeout=deadline - time.monotonic()))
        if message["parent_header"].get("msg_id") != asked:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            text += content["text"]
        elif kind == "error":
            text += f"{content['ename']}: {content['evalue']}"
        elif kind == "execute_result":
            text += content["data"].get("text/plain", "")
        elif kind == "status" and content["execution_state"] == "idle":
            return text


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def query(url: str) -> dict[str, str]:
    """Return an address's parameters."""
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}


def make_platform(database_url: str = "") -> Platform:
    """Return an installation with the image `base` that does not run yet; skip where a part is not installed.

    `database_url`: of an empty PostgreSQL database; "" is SQLite in the installation's own folder.
    """
    if not shutil.which("bwrap"):
        pytest.skip("no bubblewrap here: install it with `make system`")
    if not (PROXY_PACKAGE / "node_modules").is_dir():
        pytest.skip("the proxy is not installed here: run `make setup`")
    data_dir = Path(tempfile.mkdtemp(prefix="nbk", dir="/tmp"))
    data_dir.chmod(0o711)
    (data_dir / "images").symlink_to(images())
    # The tests' sessions are many and idle: a machine with 2 CPUs holds them all. Idle ones are suspended at once;
    # that they are frozen first is for the tests of that.
    config = "cpu_overcommit = 100.0\nmemory_overcommit = 100.0\nfrozen_s = 0\n"
    if database_url:
        config += f'database_url = "{database_url}"\n'
    (data_dir / "config.toml").write_text(config)
    return Platform(data_dir, free_port())


def remove_platform(platform: Platform) -> None:
    """End and delete an installation."""
    platform.close()
    done = platform.down()
    if done.returncode:
        platform.down("--keep-sessions")
    shutil.rmtree(platform.data_dir, ignore_errors=True)
