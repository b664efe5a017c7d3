"""The office as a process: `python -m nbkeep.doors.office --data-dir DIR`.

Brings the database up to date, runs the loops and serves every door on `run/office/office.sock`. May be
killed at any moment: what was not committed did not happen, and sessions do not belong to it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from nbkeep import version
from nbkeep.app import open_office
from nbkeep.audit import events, journal
from nbkeep.backends.warden_client import WardenClient
from nbkeep.doors.api import create_app
from nbkeep.doors.worker import run_loops
from nbkeep.model.actor import SYSTEM
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.sessions.hub_client import HubClient
from nbkeep.settings import Settings
from nbkeep.store.claim import Claim
from nbkeep.telemetry import traces

if TYPE_CHECKING:
    from collections.abc import Generator

    from nbkeep.app import Office

_CLAIM_EVERY_S = 5.0  # how long two may work at once after the database was restarted
_GRACE_S = 5  # how long answers under way may take when the office is asked to end

_log = logging.getLogger("nbkeep.office")


def main(arguments: list[str] | None = None) -> int:
    """Run the office until it is told to end; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m nbkeep.doors.office", description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="default: NBKEEP_DATA, or the usual place")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Its access lines would put invitation links, which are in paths, into the log.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = Settings.load(chosen.data_dir)
        with only_one(settings), Claim(settings.store_url, settings.data_dir) as claim:
            asyncio.run(serve(settings, claim))
    except NbkeepError as error:
        print(f"nbkeep office: {error}", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def only_one(settings: Settings) -> Generator[None]:
    """Hold the lock of this data directory's office; raise `Refused` when another process has it.

    The kernel gives the lock back when the process ends, however it ends.
    """
    directory = settings.office_socket.parent
    directory.mkdir(parents=True, exist_ok=True)
    # Trusted halves of other user ids pass through to the socket, and see no other name in here.
    directory.chmod(0o711)
    with (directory / "office.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused("office-runs-already", f"An office runs already in {settings.data_dir}.",
                          "Use that one; `nbkeep status` shows it.", status=409) from error  # fmt: skip
        yield


async def serve(settings: Settings, claim: Claim) -> None:
    """Serve until a signal comes: SIGTERM and SIGINT end the office gently; so does the loss of the claim."""
    backend = WardenClient(settings.warden_socket, settings.secret("warden-token"))
    hub = HubClient(settings.hub_socket, settings.secret("office-hub-token"))
    office = open_office(settings, backend, hub)
    traces.switch_on(settings.traces_endpoint, "office")
    try:
        with office.store.write() as tx:
            journal.append(tx, office.clock, SYSTEM, events.PlatformStarted(version=version()))
        await _run(office, claim)
    finally:
        traces.switch_off()
        office.close()


class _Server(uvicorn.Server):
    """Says when it begins to end, so that its grace is spent on work under way and not on who only waits."""

    def __init__(self, office: Office, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._office = office

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._office.ending.set()
        await super().shutdown(sockets)


async def _run(office: Office, claim: Claim) -> None:
    listener = listen(office.settings.office_socket)
    server = _Server(
        office,
        uvicorn.Config(
            create_app(office),
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        ),
    )
    # An office without loops is none, and neither is one without its claim.
    tasks = [asyncio.create_task(run_loops(office)), asyncio.create_task(_hold(claim))]
    for task in tasks:
        task.add_done_callback(lambda _: setattr(server, "should_exit", True))
    try:
        await server.serve(sockets=[listener])
    finally:
        # One after the other: until the last round of the loops is over, the claim is held.
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _hold(claim: Claim) -> None:
    """Return when the database has come back from an interruption as another office's."""
    while True:
        if not await asyncio.to_thread(claim.is_held):
            _log.error("Another office works on this database now. This one ends: stop one of the two.")
            return
        await asyncio.sleep(_CLAIM_EVERY_S)


def listen(path: Path) -> socket.socket:
    """Return a listening socket that every user of this machine may connect to: all calls need a token.

    What a killed office left there is replaced in one step, so that the path is never absent.
    """
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.fspath(fresh))
    fresh.chmod(0o666)
    listener.listen(512)
    fresh.rename(path)
    return listener


if __name__ == "__main__":
    sys.exit(main())
