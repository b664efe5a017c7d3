"""A small whole stand-in of HashiCorp Vault and OpenBao: KV version 2, AppRole, tokens that end, databases; over HTTP."""

from __future__ import annotations

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from database_engine import Engine

ROLE_ID, SECRET_ID = "role-of-nbkeep", "secret-id-of-nbkeep"


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: KvServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve({})

    def do_PUT(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        self._serve(json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}"))

    def _serve(self, said: dict[str, Any]) -> None:
        server, url = self.server, urlsplit(self.path)
        path = url.path.removeprefix("/v1/")
        server.asked.append(path)
        server.once.append(self.headers.get("X-Nbkeep-Once", ""))
        time.sleep(server.slow_s)
        if server.raw is not None and (said_raw := server.raw(path)) is not None:
            self.wfile.write(said_raw)
            self.close_connection = True
            return
        if server.is_sealed:
            self._say(503, {"errors": ["Vault is sealed"]})
        elif self.headers.get("X-Vault-Namespace", "") != server.namespace:
            self._say(403, {"errors": ["permission denied"]})
        elif path == "auth/approle/login":
            if (said.get("role_id"), said.get("secret_id")) != (server.role_id, server.secret_id):
                self._say(400, {"errors": ["invalid role or secret ID"]})
            else:
                self._say(200, {"auth": server.give_token()})
        elif self.headers.get("X-Vault-Token") not in server.tokens:
            self._say(403, {"errors": ["permission denied"]})
        elif path == "auth/token/renew-self":
            self._say(200, {"auth": server.auth(self.headers["X-Vault-Token"])})
        elif path == "auth/token/lookup-self":
            self._say(200, {"data": {}})
        elif server.engine is not None and path.startswith(("database/", "sys/leases/")):
            with server.turn:
                self._say(*server.engine.asked(self.command, path, said, self.headers["X-Vault-Token"]))
        else:
            self._read(path, parse_qs(url.query))

    def _read(self, path: str, query: dict[str, list[str]]) -> None:
        if not path.startswith("secret/data/nbkeep/"):  # what the role's policy lets it read
            self._say(403, {"errors": ["1 error occurred: permission denied"]})
            return
        versions = self.server.kept.get(path, [])
        at = int(query.get("version", ["0"])[0]) or len(versions)
        if not 0 < at <= len(versions) or versions[at - 1] is None:
            self._say(404, {"errors": []})
        else:
            self._say(200, {"data": {"data": versions[at - 1], "metadata": {"version": at}}})

    def _say(self, status: int, body: Any) -> None:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class KvServer(ThreadingHTTPServer):
    """One that runs. `kept`: what lies at a path, each version, None for a deleted one; `asked`: paths, in order.

    `engine`: of databases, where it has one. `raw`: what is sent for a path in place of any answer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.kept: dict[str, list[dict[str, Any] | None]] = {}
        self.tokens: set[str] = set()
        self.asked: list[str] = []
        self.once: list[str] = []  # the header of that name, of each
        self.role_id, self.secret_id, self.namespace = ROLE_ID, SECRET_ID, ""
        self.engine: Engine | None = None
        self.raw: Callable[[str], bytes | None] | None = None
        self.turn = threading.Lock()
        self.token_s, self.slow_s, self.is_sealed = 3600, 0.0, False
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def put(self, path: str, **fields: Any) -> None:
        """Keep another version."""
        self.kept.setdefault(path, []).append(fields)

    def delete(self, path: str) -> None:
        """Delete the newest version."""
        self.kept[path][-1] = None

    def give_token(self) -> dict[str, Any]:
        token = f"hvs.{secrets.token_urlsafe(12)}"
        self.tokens.add(token)
        return self.auth(token)

    def auth(self, token: str) -> dict[str, Any]:
        return {"client_token": token, "lease_duration": self.token_s, "renewable": True}

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that wait no longer
