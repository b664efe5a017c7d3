"""Prints one page to PDF: a program for the jail, which starts Chromium there and speaks with it by pipes.

Chromium's own `--print-to-pdf` needs JavaScript. Here it is off; every request but that for the page itself
fails, and the jail has no network and no files to ask for. See pdf.py.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_PROGRAMS = ("/usr/lib/chromium/chromium", "chromium", "chromium-browser", "google-chrome")
_MOST_BYTES = 400 * 2**20  # of one message: a PDF in base64
_DATA_BYTES, _FILE_BYTES = 4 * 2**30, 256 * 2**20
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-zygote",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-breakpad", "--js-flags=--jitless",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=/tmp/profile",
    "--remote-debugging-pipe", "about:blank",
)  # fmt: skip
# Exit statuses, for pdf.py: why there is no PDF.
NO_BROWSER, NOT_PRINTED = 3, 4


def find() -> str | None:
    """Return where Chromium is, or None."""
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)


class _Browser:
    """Chromium, and the pipes to it: JSON messages that end with a null byte."""

    def __init__(self, program: str, timeout_s: float) -> None:
        self._until = time.monotonic() + timeout_s
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        self._buffer = bytearray()
        self._number = 0
        self.session = ""
        self.page = ""

        def arrange() -> None:  # the numbers that it expects
            keep = [os.dup(to_read), os.dup(to_write)]
            os.dup2(keep[0], 3)
            os.dup2(keep[1], 4)
            for name, most in ((resource.RLIMIT_DATA, _DATA_BYTES), (resource.RLIMIT_FSIZE, _FILE_BYTES)):
                resource.setrlimit(name, (most, most))
            cpu = int(timeout_s) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))

        self.process = subprocess.Popen(
            [program, *_OPTIONS],
            preexec_fn=arrange,  # noqa: PLW1509  this program has one thread
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"HOME": "/tmp", "PATH": "/usr/bin:/bin"},  # noqa: S108  the jail's own
        )
        os.close(to_read)
        os.close(to_write)

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
            if not more or begin > _MOST_BYTES or time.monotonic() > self._until:
                raise RuntimeError("it went away")
            self._buffer += more
        message: dict[str, Any] = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        if message.get("method") == "Fetch.requestPaused":
            request = message["params"]
            if request["request"]["url"] == self.page:
                self.send("Fetch.continueRequest", requestId=request["requestId"])
            else:
                self.send("Fetch.failRequest", requestId=request["requestId"], errorReason="BlockedByClient")
        return message


def printed(source: Path, timeout_s: float) -> bytes | None:
    """Return a page as PDF; None where there is no browser. Raises whatever goes wrong with it."""
    program = find()
    if program is None:
        return None
    browser = _Browser(program, timeout_s)
    try:
        target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        session: str = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.session, browser.page = session, source.resolve().as_uri()
        browser.ask("Emulation.setScriptExecutionDisabled", value=True)
        browser.ask("Emulation.setEmulatedMedia", media="print",
                    features=[{"name": "prefers-color-scheme", "value": "light"}])  # fmt: skip
        browser.ask("Fetch.enable", patterns=[{"urlPattern": "*"}])
        browser.ask("Page.enable")
        browser.send("Page.navigate", url=browser.page)
        browser.wait_for("Page.loadEventFired")
        return base64.b64decode(
            browser.ask("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]
        )
    finally:
        browser.process.kill()
        browser.process.wait()


def main(arguments: list[str]) -> int:
    """Print the page to OUT/page.pdf. Arguments: seconds, the page, the folder."""
    seconds, source, out = arguments
    try:
        made = printed(Path(source), float(seconds))
    except Exception as error:  # noqa: BLE001  whatever goes wrong, there is no PDF
        print(type(error).__name__, error, file=sys.stderr)  # noqa: T201  a program
        return NOT_PRINTED
    if made is None:
        return NO_BROWSER
    Path(out, "page.pdf").write_bytes(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
