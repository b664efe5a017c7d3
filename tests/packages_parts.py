"""A package index for tests, and a gateway under a package policy."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import zipfile
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import TYPE_CHECKING, Any

from egress_parts import SESSION, Authority, NameServer, policy, serving
from keyed_parts import Keyed
from nbkeep.egress.authority import upstream_context
from nbkeep.egress.gateway import Gateway
from nbkeep.egress.keyed import Keys
from nbkeep.egress.leases import Leases
from nbkeep.egress.rules import Compiled
from nbkeep.egress.spool import Spool
from nbkeep.model.clock import ManualClock, SystemClock
from nbkeep.model.errors import Unavailable
from nbkeep.packages.parse import policy_from
from nbkeep.packages.treatment import Packages
from nbkeep.packages.values import Facts, in_force_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator
    from pathlib import Path

INDEX, FILES, EVIL = "index.acme.local", "files.acme.local", "evil.acme.local"
JSON = "application/vnd.pypi.simple.v1+json"
LONG_AGO = "2020-01-01T00:00:00Z"


def wheel(name: str, version: str, *, requires: str = "", licence: str = "") -> bytes:
    """Return a package of one module."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        about = f"{name}-{version}.dist-info"
        more = f"Requires-Dist: {requires}\n" if requires else ""
        more += f"License-Expression: {licence}\n" if licence else ""
        file.writestr(f"{name}.py", f"version = {version!r}\n")
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}")
        file.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(
            f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n"
        )
    return made.getvalue()


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Index  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        path = self.path.partition("?")[0]
        status, headers, body = self.server.answers.get(path, (404, {"Content-Type": "text/plain"}, b"no"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()


class Index(ThreadingHTTPServer):
    """An index behind TLS. `answers`: status, headers, body by path; `seen`: method, path, headers."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None, address: str = "127.0.0.1", host: str = FILES) -> None:
        super().__init__((address, 0), _Page)
        self._context, self._host = context, host
        self.pages: dict[str, list[dict[str, Any]]] = {}
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def url(self) -> str:
        """Where its files lie."""
        return f"{'https' if self._context else 'http'}://{self._host}:{self.port}/files"

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self._context is None:
            super().finish_request(request, client_address)
            return
        with self._context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def shutdown_request(self, request: Any) -> None:
        if request.fileno() >= 0:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def asked(self, part: str) -> list[str]:
        """Return the paths that were asked for and have this in them."""
        return [path for _, path, _ in self.seen if part in path]

    def publish(
        self,
        name: str,
        version: str,
        *,
        requires: str = "",
        licence: str = "",
        has_metadata: bool = False,
        **more: Any,
    ) -> str:
        """Put a wheel on the index; return the path of its file. `more`: fields of its entry that differ."""
        module = name.replace("-", "_").replace(".", "_").lower()
        filename, data = (
            f"{module}-{version}-py3-none-any.whl",
            wheel(module, version, requires=requires, licence=licence),
        )
        self.answers[f"/files/{filename}"] = (200, {"Content-Type": "application/zip", "ETag": '"1"'}, data)
        if has_metadata:
            with zipfile.ZipFile(BytesIO(data)) as packed:
                told = packed.read(f"{module}-{version}.dist-info/METADATA")
            self.answers[f"/files/{filename}.metadata"] = (200, {}, told)
            more["core_metadata"] = {"sha256": hashlib.sha256(told).hexdigest()}
        entry = {
            "filename": filename,
            "url": f"{self.url}/{filename}",
            "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
            "upload-time": LONG_AGO,
            "size": len(data),
        } | {key.replace("_", "-"): one for key, one in more.items()}
        project = module.replace("_", "-")
        self.pages.setdefault(project, []).append({key: one for key, one in entry.items() if one is not None})
        page = {"meta": {"api-version": "1.1"}, "name": project, "files": self.pages[project], "versions": []}
        self.show(project, json.dumps(page).encode())
        return f"/files/{filename}"

    def show(self, project: str, data: bytes, kind: str = JSON, **headers: str) -> None:
        """Have a project's page be this."""
        self.answers[f"/simple/{project}/"] = (200, {"Content-Type": kind, **headers}, data)


@dataclass
class Shop(Keyed):
    """A gateway whose session has a package policy. `known`: what its office knows of projects."""

    known: dict[str, Facts] = field(default_factory=dict[str, Facts])
    is_away: bool = False
    now: ManualClock = field(default_factory=ManualClock)

    def _make(self) -> Gateway:
        self.spool = Spool(self.folder / "packages.jsonl")
        self.packages = Packages(
            self.policies, self._ask, self.spool, upstream_context(self.roots), SystemClock()
        )
        leases = Leases(self.office.value, self.beats)
        self.keys = Keys(leases, SystemClock(), self.roots, (self.packages,))
        return Gateway(self.policies, self.names, self.kept, limits=self.limits, keys=self.keys)

    async def _ask(self, name: str) -> Facts:
        if self.is_away:
            raise Unavailable("office-away", "The office does not answer.")
        return self.known.get(name, Facts())

    def rule(
        self,
        port: int,
        session_id: str = SESSION,
        *,
        facts: str = "1",
        reach: str = "",
        refused: str = "",
        **wanted: Any,
    ) -> None:
        """Put a package policy in force, beside these rules; `refused`: what the profile denies."""
        said = {"index": f"https://{INDEX}:{port}/simple", "file_hosts": f"{FILES}:{port}", **wanted}
        made = policy_from(said)
        assert made is not None
        rules = f"{' '.join(made.rules)} 127.0.0.1:{port} {reach}"
        text = in_force_of("pii", made, facts).text()
        self.reach(rules, session_id)
        found = replace(policy(session_id, rules, refused), packages=text, version=text)

        def change() -> None:
            self.policies[session_id] = Compiled(found)
            self.gateway.recheck(session_id)

        self.call(change)

    def get(
        self, index: Index, path: str, host: str = INDEX, *, session_id: str = SESSION, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask a host of the index for a path, as programs of a session do."""
        asked = {"Accept": JSON} | {key.replace("_", "-"): value for key, value in headers.items()}
        return self.ask_tls(index.port, path, asked, host=host, session_id=session_id)

    def listed(self, index: Index, path: str) -> dict[str, str]:
        """Return the files of a page, each with why it is refused ("" when it is not)."""
        status, _, body = self.get(index, path)
        assert status == 200, body
        return {
            one["filename"]: str(one.get("yanked", "")).removeprefix("nbkeep: ")
            for one in json.loads(body)["files"]
        }

    def packages_seen(self) -> list[dict[str, Any]]:
        """Return what was recorded of packages."""
        return self.call(self.spool.batch)


@contextlib.contextmanager
def selling(folder: Path) -> Generator[tuple[Shop, Index]]:
    """Give a gateway, and an index that it leads to."""
    authority = Authority.make(folder)
    loopback = [["127.0.0.1"]]
    names = NameServer(index_acme_local=loopback, files_acme_local=loopback, evil_acme_local=loopback)
    with serving(Index(authority.server_context(INDEX, FILES, EVIL))) as index:
        shop = Shop(folder, names, roots=authority.file)
        try:
            yield shop, index
        finally:
            shop.end()
