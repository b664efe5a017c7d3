"""The gateway as a process of its own, with a fake office, for the sessions of a data directory."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from egress_parts import wait_for
from office_of_gateways import TOKEN, GatewaysOffice

if TYPE_CHECKING:
    from pathlib import Path

    from sandboxes import Machine


class GatewayProcess:
    """Runs as the machine's user does, below its data directory."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.data_dir = machine, machine.data_dir
        office = self.data_dir / "run/office"
        office.mkdir(parents=True, exist_ok=True)
        for folder in (self.data_dir / "run", office):
            folder.chmod(0o755)
        self.office = GatewaysOffice(office / "office.sock")
        (office / "office.sock").chmod(0o666)
        secret = self.data_dir / "secrets/gateway-token"
        secret.write_text(TOKEN)
        owner = self.data_dir.stat().st_uid
        os.chown(secret, owner, owner)
        self.start()

    def start(self) -> None:
        log = (self.data_dir / "gateway.out").open("ab")
        self.process = subprocess.Popen(
            self.machine.command(
                sys.executable, "-m", "nbkeep.doors.gateway", "--data-dir", str(self.data_dir)
            ),
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent"},
            stdout=log,
            stderr=log,
        )
        log.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def has_opened(self, session_id: str) -> None:
        path = self.socket(session_id)
        wait_for(path.exists, f"{path}: {(self.data_dir / 'gateway.out').read_text()}")

    def socket(self, session_id: str) -> Path:
        return self.data_dir / "run/s" / session_id / "gateway/gateway.sock"

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.office.end()
