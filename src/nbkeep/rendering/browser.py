"""Chromium within the jail, driven by pipes: what both presses share. It makes no decision of its own.

Chromium's own `--print-to-pdf` needs JavaScript. Here it is off; every request that a page makes is told to
whoever prints it, and the jail has no network and no files to ask for.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_PROGRAMS = ("/usr/lib/chromium/chromium", "chromium", "chromium-browser", "google-chrome")
_MOST_BYTES = 400 * 2**20  # of one message: a PDF in base64
_DATA_BYTES, _FILE_BYTES = 4 * 2**30, 256 * 2**20
_OPTIONS = (
    "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-breakpad", "--js-flags=--jitless",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=/tmp/profile",
    "--remote-debugging-pipe", "about:blank",
)  # fmt: skip
# Exit statuses of the programs in the jail: why there is no PDF.
NO_BROWSER, NOT_PRINTED = 3, 4


def find() -> str | None:
    """Return where Chromium is, or None."""
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)


class Browser:
    """Chromium, and the pipes to it: JSON messages that end with a null byte.

    `on_request` decides about what a page asks for, by `go_on`, `refuse` or `answer`. Whatever goes wrong
    raises RuntimeError, OSError, KeyError or ValueError; then the browser is not trusted with anything more.
    """

    def __init__(self, program: str, *, cpu_s: int, sandbox: bool) -> None:
        """`cpu_s`: of each of its processes. `sandbox`: pages are in Chromium's own one, within the jail."""
        self.until = 0.0
        """When the page at hand has to be ready, by `time.monotonic`."""
        self.session = ""
        self.on_request: Callable[[dict[str, Any]], None] = self.refuse
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        self._buffer = bytearray()
        self._number = 0

        def arrange() -> None:  # the numbers that it expects
            keep = [os.dup(to_read), os.dup(to_write)]
            os.dup2(keep[0], 3)
            os.dup2(keep[1], 4)
            limits = (
                (resource.RLIMIT_DATA, _DATA_BYTES),
                (resource.RLIMIT_FSIZE, _FILE_BYTES),
                (resource.RLIMIT_CPU, cpu_s),
            )
            for name, most in limits:
                resource.setrlimit(name, (most, most))

        self._process = subprocess.Popen(
            [program, *(() if sandbox else ("--no-sandbox", "--no-zygote")), *_OPTIONS],
            preexec_fn=arrange,  # noqa: PLW1509  this program has one thread
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"HOME": "/tmp", "PATH": "/usr/bin:/bin"},  # noqa: S108  the jail's own
        )
        os.close(to_read)
        os.close(to_write)

    def end(self) -> None:
        """Kill it; what it started goes with the jail."""
        self._process.kill()
        self._process.wait()

    def send(self, method: str, **parameters: Any) -> int:
        """Ask for something; return the number of the question."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        return self._number

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask for something, and return the answer."""
        number = self.send(method, **parameters)
        while True:
            message = self.next()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(method)
                return message.get("result", {})

    def wait_for(self, event: str) -> None:
        """Wait until something has happened."""
        while self.next().get("method") != event:
            pass

    def next(self) -> dict[str, Any]:
        """Return the next message; requests that a page makes are decided on the way."""
        begin = 0
        while (end := self._buffer.find(b"\0", begin)) < 0:
            begin = len(self._buffer)
            more = os.read(self._read, 2**20)
            if not more or begin > _MOST_BYTES or time.monotonic() > self.until:
                raise RuntimeError("it went away")
            self._buffer += more
        message: dict[str, Any] = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        if message.get("method") == "Fetch.requestPaused":
            self.on_request(message["params"])
        return message

    def open(self, url: str, **where: str) -> bytes:
        """Return the page at `url` as PDF, of a new target (`where`: in which context)."""
        target = self.ask("Target.createTarget", url="about:blank", **where)["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Emulation.setScriptExecutionDisabled", value=True)
        self.ask("Emulation.setEmulatedMedia", media="print",
                 features=[{"name": "prefers-color-scheme", "value": "light"}])  # fmt: skip
        self.ask("Fetch.enable", patterns=[{"urlPattern": "*"}])
        self.ask("Page.enable")
        self.send("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")
        data = self.ask("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]
        self.session = ""
        return base64.b64decode(data)

    def go_on(self, asked: dict[str, Any]) -> None:
        """Let a request be made."""
        self.send("Fetch.continueRequest", requestId=asked["requestId"])

    def refuse(self, asked: dict[str, Any]) -> None:
        """Have a request fail."""
        self.send("Fetch.failRequest", requestId=asked["requestId"], errorReason="Aborted")

    def answer(self, asked: dict[str, Any], headers: dict[str, str], body: bytes) -> None:
        """Answer a request in the place of any server."""
        told = [{"name": name, "value": value} for name, value in headers.items()]
        self.send("Fetch.fulfillRequest", requestId=asked["requestId"], responseCode=200,
                  responseHeaders=told, body=base64.b64encode(body).decode())  # fmt: skip
