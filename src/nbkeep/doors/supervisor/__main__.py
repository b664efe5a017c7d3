"""The supervisor as a process: `python -m nbkeep.doors.supervisor --data-dir DIR`; `nbkeep up` starts it.

May be killed at any moment: its services go on without it, and the next one finds them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbkeep.backends.local.procs import boot_id
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.settings import Settings

from .keeper import Keeper
from .prepare import prepare
from .process import this_process
from .rotation import rotate
from .services import services
from .state import ServiceState, SupervisorState, write_state

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

_ROTATE_EVERY_S = 30.0
ALREADY = 3  # exit code: another supervisor has this data directory


def main(arguments: list[str] | None = None) -> int:
    """Keep the platform alive until told to end; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m nbkeep.doors.supervisor", description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="default: NBKEEP_DATA, or the usual place")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = Settings.load(chosen.data_dir)
        prepare(settings)
        with only_one(settings):
            asyncio.run(supervise(settings))
    except NbkeepError as error:
        print(f"nbkeep supervisor: {error}", file=sys.stderr)
        return ALREADY if error.code == "runs-already" else 1
    return 0


@contextlib.contextmanager
def only_one(settings: Settings) -> Generator[None]:
    """Hold this data directory's lock; raise `Refused` when another supervisor has it."""
    with (settings.run_dir / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused("runs-already", f"nbkeep runs already in {settings.data_dir}.",
                          "`nbkeep status` shows it.", status=409) from error  # fmt: skip
        yield


async def supervise(settings: Settings) -> None:
    """Start or find the services and keep them alive; SIGTERM and SIGINT end them and return."""
    mine = this_process()
    state = SupervisorState(mine.pid, mine.start_ticks, boot_id(), settings.public_url, settings.listen)
    known = services(settings)
    state.services = [ServiceState(one.name) for one in known]

    def changed() -> None:
        write_state(settings, state)

    changed()
    keepers = [Keeper(one, its, settings, changed) for one, its in zip(known, state.services, strict=True)]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # The hub looks for running servers when it starts, so the warden comes first; the others need no order.
    tasks = [asyncio.create_task(keepers[0].keep())]
    await _either(keepers[0].is_ready.wait(), stop.wait())
    if not stop.is_set():
        tasks += [asyncio.create_task(keeper.keep()) for keeper in keepers[1:]]
    tasks.append(asyncio.create_task(_rotate(settings)))
    await _either(stop.wait(), *tasks)  # a keeper never returns: if one does, it is by an error, and all end
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for keeper in reversed(keepers):
        await keeper.end()
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _either(*waits: Coroutine[Any, Any, Any] | asyncio.Task[None]) -> None:
    tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(one) for one in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _rotate(settings: Settings) -> None:
    while True:
        await asyncio.sleep(_ROTATE_EVERY_S)
        rotate(settings.logs_dir)
        rotate(settings.logs_dir / "sessions", kept=1)  # what a session does decides what is written there


if __name__ == "__main__":
    sys.exit(main())
