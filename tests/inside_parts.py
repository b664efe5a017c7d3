"""The way out of a session for programs of a test: a relay, and the environment that leads to it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

from egress_parts import SESSION
from nbkeep_runtime.sandbox.processes import base_env
from nbkeep_runtime.sandbox.relay import Relay

if TYPE_CHECKING:
    from pathlib import Path

    from egress_parts import Outside


class Inside:
    """A relay that runs, and the environment that a session's programs have."""

    def __init__(
        self, outside: Outside, trusted_file: Path, *, session_id: str = SESSION, **more: str
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        relay = Relay(("127.0.0.1", self.port), str(outside.path(session_id)))
        self._wanted = True

        def serve() -> None:
            relay.run(lambda: self._wanted)
            relay.close()

        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()
        trusted = dict.fromkeys(
            ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"), str(trusted_file)
        )
        proxies = {
            name: value.replace("3128", str(self.port))
            for name, value in base_env().items()
            if name.lower().endswith("_proxy")
        }
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **trusted, **proxies, **more}

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=120, check=False)

    def end(self) -> None:
        self._wanted = False
        with contextlib.suppress(OSError):  # it waits for somebody to come, and asks once a second else
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._thread.join(10)
