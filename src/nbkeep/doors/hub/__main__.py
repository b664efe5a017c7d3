"""The hub as a process: `python -m nbkeep.doors.hub --data-dir DIR`.

May be killed at any moment: servers do not belong to it, and its database and the warden tell the next one
which of them run.
"""

# JupyterHub and traitlets have no types: strictness ends at their edge.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeStubs=false, reportUntypedFunctionDecorator=false
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from pathlib import Path

from jupyterhub.app import JupyterHub

from nbkeep.doors.hub.database import WriteThrough, prepare_databases
from nbkeep.doors.hub.handlers import host_handlers
from nbkeep.model.errors import NbkeepError, Refused
from nbkeep.settings import Settings

CONFIG = Path(__file__).with_name("jupyterhub_config.py")


class Hub(JupyterHub):
    """JupyterHub, with a database that holds it up less, and pages under the public host name only."""

    def init_db(self) -> None:
        """Open the database."""
        prepare_databases()
        super().init_db()

    def init_tornado_application(self) -> None:
        """Make the application; sessions' host names get no page of the hub."""
        super().init_tornado_application()
        self.write_through = WriteThrough(Path(self.db_url.removeprefix("sqlite:///")))
        self.write_through.start()
        if self.subdomain_host:
            self.tornado_application.add_handlers(*host_handlers(self.subdomain_host, self.hub_prefix))


def main(arguments: list[str] | None = None) -> int:
    """Run the hub until it is told to end; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m nbkeep.doors.hub", description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="default: NBKEEP_DATA, or the usual place")
    chosen = parser.parse_args(arguments)
    try:
        settings = Settings.load(chosen.data_dir)
        lock = hold_lock(settings)
    except NbkeepError as error:
        print(f"nbkeep hub: {error}", file=sys.stderr)
        return 1
    with lock:
        os.environ["NBKEEP_DATA"] = str(settings.data_dir)  # the configuration file has no other way to know
        os.umask(0o077)
        os.chdir(settings.run_dir / "hub")
        Hub.launch_instance([f"--config={CONFIG}"])
    return 0


def hold_lock(settings: Settings):  # noqa: ANN201 - an open file, whatever its class
    """Return the held lock of this data directory's hub; raise `Refused` when another process has it."""
    directory = settings.hub_socket.parent
    directory.mkdir(parents=True, exist_ok=True)
    # Trusted halves of other user ids pass through to the socket, and see no other name in here.
    directory.chmod(0o711)
    lock = (directory / "hub.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise Refused("hub-runs-already", f"A hub runs already in {settings.data_dir}.",
                      "Use that one; `nbkeep status` shows it.", status=409) from error  # fmt: skip
    return lock


if __name__ == "__main__":
    sys.exit(main())
