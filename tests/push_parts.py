"""A forge (real `git http-backend` behind TLS), a gateway before it, an office that judges, and git itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from egress_parts import Authority, NameServer, Outside, policy, wait_for
from gateway_parts import TOKEN
from inside_parts import Inside
from nbkeep.audit.search import Wanted as Sought
from nbkeep.audit.search import search
from nbkeep.egress.authority import BUNDLE_NAME
from nbkeep.egress.gateway import Gateway
from nbkeep.egress.keyed import Keys
from nbkeep.egress.leases import Leases
from nbkeep.egress.leaving.body import Bodies
from nbkeep.egress.leaving.gate import Leaving
from nbkeep.egress.rules import Compiled
from nbkeep.egress.spool import Spool
from nbkeep.model.actor import OPERATOR
from nbkeep.model.clock import ManualClock, SystemClock
from nbkeep.model.errors import Unavailable
from nbkeep.pushes.examiner import PushExaminer
from nbkeep.pushes.judge import take_push
from nbkeep.pushes.pktline import line
from nbkeep.pushes.receive import Command
from nbkeep.pushes.refs import WholePacks
from nbkeep.pushes.values import Examined, Page
from nbkeep.rendering.interface import Made
from nbkeep.rendering.kept import Documents
from nbkeep.scanning.values import Finding, Place
from nbkeep.sessions.leaving import sending_rules
from office_parts import OfficeForTests, client_for, make_office

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import httpx

    from nbkeep.egress.leases import Lease
    from nbkeep.egress.leaving.body import Body
    from nbkeep.model.actor import Actor
    from nbkeep.pushes.receive import Pushed

FORGE = "forge.acme.local"
BACKEND = Path("/usr/lib/git-core/git-http-backend")
MOST_BYTES = 8 << 20
needs_git = pytest.mark.skipif(
    shutil.which("git") is None or not BACKEND.exists() or shutil.which("bwrap") is None,
    reason="git with its http-backend, or bubblewrap, is not installed",
)


class _Site(BaseHTTPRequestHandler):
    """Hands everything to git's own CGI program, as web servers do."""

    protocol_version = "HTTP/1.1"
    server: Forge  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        if self.server.is_cutting and self.command == "POST" and self.headers.get("Content-Length") != "4":
            self.close_connection = True
            return
        body = self._body()
        self.server.seen.append((self.command, self.path, body))
        if self.command == "POST" and len(body) > 4 and self.server.answers is not None:
            if self.server.answers:
                self.send_response(self.server.answers)
                self.send_header("Content-Length", "0")
                self.end_headers()
            self.close_connection = True
            return
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "REMOTE_USER": "jane",
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        done = subprocess.run([str(BACKEND)], input=body, env=environment, capture_output=True, check=False)
        head, _, data = done.stdout.partition(b"\r\n\r\n")
        headers = [line.partition(": ")[::2] for line in head.decode().split("\r\n") if line]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self.send_response(status)
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))


class Forge(ThreadingHTTPServer):
    """A forge on loopback. `seen`: method, path and body of each request that came.

    `answers`: a status for all pushes, 0 for none at all. `is_down`: it hangs up at once;
    `is_cutting`: once a push begins.
    """

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Site)
        self.context, self.folder = context, folder
        self.seen: list[tuple[str, str, bytes]] = []
        self.answers: int | None = None
        self.is_down = self.is_cutting = False
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        if not request.recv(1, socket.MSG_PEEK) or self.is_down:
            return
        with self.context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def shutdown_request(self, request: Any) -> None:
        if request.fileno() >= 0:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    @property
    def pushed(self) -> list[bytes]:
        """What came of pushes: bodies with more than the question whether one may."""
        return [body for _, path, body in self.seen if path.endswith("receive-pack") and len(body) > 4]


@dataclass
class Reading(Outside):
    """A gateway that reads what goes to the forge, as the process of the gateway does."""

    roots: Path | None = None
    client: httpx.Client | None = None
    is_office_away: bool = False
    most_bytes: int = MOST_BYTES
    asked: list[str] = field(default_factory=list[str])
    was_asked: Callable[[], None] | None = None

    def _make(self) -> Gateway:
        (self.folder / "spool").mkdir(exist_ok=True)
        self.pushed = Spool(self.folder / "pushes.jsonl")
        bodies = Bodies(self.folder / "spool", self.most_bytes, 8 * self.most_bytes)
        examiner = PushExaminer(self._ask, (FORGE,), self.most_bytes, self.pushed)
        leaving = Leaving(self.policies, [examiner], bodies)
        packs = WholePacks(self.policies, (FORGE,))
        self.keys = Keys(Leases(_no_value, ManualClock()), SystemClock(), self.roots, [packs], leaving)
        return Gateway(self.policies, self.names, self.kept, limits=self.limits, keys=self.keys)

    async def _ask(self, session_id: str, repository: str, body: Body) -> dict[str, Any]:
        if self.is_office_away or self.client is None:
            raise Unavailable("office-away", "The office does not answer.")
        self.asked.append(repository)
        where = {"session_id": session_id, "repository": repository}
        data = b"".join(body.pieces())
        answer = await asyncio.to_thread(
            self.client.post, "/internal/v1/gateway/pushes", params=where, content=data
        )
        assert answer.status_code == 200, answer.text
        if self.was_asked is not None:
            self.was_asked()
        return dict(answer.json())

    def report(self) -> list[dict[str, Any]]:
        """Hand over what became of approved pushes, once there is something; return it."""
        wait_for(lambda: len(self.pushed) > 0, "a report of what became of a push")
        assert self.client is not None
        batch = self.call(self.pushed.batch)
        answer = self.client.post("/internal/v1/gateway/pushes/outcomes", json={"records": batch})
        assert answer.json() == {"accepted": len(batch), "refused": []}, answer.text
        self.call(lambda: self.pushed.taken(batch))
        return batch


async def _no_value(lease: Lease) -> tuple[int, str]:
    raise Unavailable("office-away", f"{lease.name} is not known here.")


@dataclass
class Pushing:
    """Jane in a session with a repository, and a forge with an empty one."""

    office: OfficeForTests
    jane: Actor
    session_id: str
    forge: Forge
    outside: Reading
    inside: Inside
    here: Path

    def judge_now(self) -> None:
        """Have the gateway know the policies that are set."""
        with self.office.store.read() as tx:
            leaving = sending_rules(tx, [self.jane.id]).get(self.jane.id, "")
        rule = f"{FORGE}:{self.forge.server_port} {FORGE}:22 127.0.0.1:{self.forge.server_port},22"
        reach = replace(policy(self.session_id, rule), leaving=leaving, version=leaving)

        def change() -> None:
            folder = self.outside.path(self.session_id).parent
            self.outside.policies[self.session_id] = Compiled(reach)
            self.outside.keys.prepare(self.session_id, folder)
            self.outside.gateway.open(self.session_id, folder)
            self.outside.gateway.recheck(self.session_id)

        self.outside.call(change)

    @property
    def url(self) -> str:
        return f"https://{FORGE}:{self.forge.server_port}/risk.git"

    def git(self, *words: str, ok: bool = True, at: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run git as a session's program does."""
        done = self.inside.run("git", "-C", str(at or self.here), *words)
        assert done.returncode == 0 or not ok, done.stderr
        return done

    def commit(self, path: str = "a.py", text: str | bytes = "x = 1\n", message: str = "Work") -> str:
        """Write a file and commit it; return the commit's id."""
        file = self.here / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Push, and return what git says."""
        return self.git("push", *(words or ("origin", "main")), ok=False)

    @property
    def refs(self) -> dict[str, str]:
        """What the forge has: ids by refs."""
        found = subprocess.run(["git", "-C", str(self.forge.folder / "risk.git"), "for-each-ref",
                                "--format=%(refname) %(objectname)"], capture_output=True, text=True, check=True)  # fmt: skip
        return dict(line.split(" ") for line in found.stdout.splitlines())

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the data of all records of a kind, the newest first."""
        with self.office.store.read() as tx:
            found = search(tx, OPERATOR, Sought(type=kind), limit=1000).records
        return [one["data"] for one in found]


def make_forge(folder: Path, authority: Authority) -> Forge:
    """Return a forge with an empty repository risk.git."""
    make_repository(folder / "risk.git")
    return Forge(authority.server_context(FORGE), folder)


def make_repository(repository: Path) -> None:
    """Make an empty repository into which one may push."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(repository)], check=True)
    for name, value in (("http.receivepack", "true"), ("receive.advertisePushOptions", "true"),
                        ("receive.certNonceSeed", "x")):  # fmt: skip
        subprocess.run(["git", "-C", str(repository), "config", name, value], check=True)


def pushing(tmp_path: Path, most_bytes: int = MOST_BYTES) -> Generator[Pushing]:
    """Give all of it; a fixture."""
    (tmp_path / "forge").mkdir()
    place = tempfile.mkdtemp(prefix="nbk", dir="/tmp")
    office = make_office(Path(place))
    jane = office.user("jane")
    session_id = office.ready(jane)
    authority = Authority.make(tmp_path)
    forge = make_forge(tmp_path / "forge", authority)
    loopback = [["127.0.0.1"]]
    names = NameServer(forge_acme_local=loopback)
    outside = Reading(tmp_path, names, roots=authority.file, most_bytes=most_bytes)
    outside.client = client_for(office.app(), TOKEN)
    here = tmp_path / "here"
    subprocess.run(["git", "init", "-q", "-b", "main", str(here)], check=True)
    bundle = outside.path(session_id).parent / BUNDLE_NAME
    home = tmp_path / "home"
    home.mkdir()
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "Jane"), ("EMAIL", "jane@acme.com"))}  # fmt: skip
    inside = Inside(outside, bundle, session_id=session_id, GIT_SSL_CAINFO=str(bundle), HOME=str(home), **who)
    found = Pushing(office, jane, session_id, forge, outside, inside, here)
    try:
        found.judge_now()
        found.git("remote", "add", "origin", found.url)
        yield found
    finally:
        inside.end()
        outside.end()
        forge.shutdown()
        forge.server_close()
        outside.client.close()
        office.close()
        shutil.rmtree(place)


class Repository:
    """A repository of its own, and the pack that a first push of all of it has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)

    def git(self, *words: str, asked: bytes = b"") -> str:
        return self._run(*words, asked=asked).decode()

    def commit(
        self, path: str = "a.py", text: str = "x = 1\n", message: str = "Work", more: tuple[str, ...] = ()
    ) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self._run("add", "-A")
        self._run("commit", "-q", "--allow-empty", "-m", message, *more)

    def pack(self, asked: bytes = b"--all\n", *how: str) -> bytes:
        """Return the pack of what is named, all of it by default."""
        names = self._run("for-each-ref", "--format=%(objectname)") if asked == b"--all\n" else asked
        return self._run("pack-objects", "--revs", "--stdout", "-q", *how, asked=names)

    def _run(self, *words: str, asked: bytes = b"") -> bytes:
        who = ["-c", "user.name=Jane", "-c", "user.email=jane@acme.com"]
        command = ["git", "-C", str(self.folder), *who, *words]
        return subprocess.run(command, input=asked, capture_output=True, check=True).stdout


def hold(office: OfficeForTests, session_id: str, title: str = "AWS access key ID") -> str:
    """Have a push held as if it had been examined; return its id. In it something hostile is called by its name."""
    command = Command("0" * 40, "a" * 40, "refs/heads/<b>main</b>")
    finding = Finding("<i>a</i>.py", Place(), 1, 1, "aws-access-key-id", "secret", title, "critical", "AKIA…PD", commit="c" * 40)  # fmt: skip
    shown = Page(
        commits=[{"id": "c" * 40, "kind": "commit", "name": "", "author": "Jane <jane@acme.com>", "at": "1790000000",
                  "message": [["Add <script>alert(1)</script> it\n", ""]]}],
        files=[{"path": "<i>a</i>.py", "commit": "c" * 40, "id": "d" * 40, "size_bytes": 10, "hidden": "",
                "parts": [{"cell": 0, "part": "", "line": 1, "pieces": [["key = ", ""], ["AKIA…PD", title]]}]}],
    )  # fmt: skip

    def examine(
        body: Path, pushed: Pushed, repository: str, work: Path, *, page: bool, rules: str
    ) -> Examined:
        del body, pushed, work, page, rules
        return Examined(Made(findings=[finding]), "e" * 64, [repository, command.ref], 0, 1, 1, shown)

    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body"
        text = f"{command.old} {command.new} {command.ref}\0report-status".encode()
        body.write_bytes(line(text) + b"0000PACK")
        documents = Documents(office.settings.pushes_dir)
        answer = take_push(office.store, office.clock, office.settings, documents, session_id,
                           f"https://{FORGE}/risk.git", body, Path(folder), examine)  # fmt: skip
    assert answer.push_id, answer
    return answer.push_id
