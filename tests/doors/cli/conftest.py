"""A real office on its unix socket, and the command line talking to it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from cli_parts import Nbkeep, Result

from nbkeep.doors.api import create_app
from nbkeep.doors.cli.app import run
from office_parts import OfficeForTests, office

__all__ = ["office"]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the person who runs the tests: no account, no address."""
    for name in [name for name in os.environ if name.startswith("NBKEEP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def served(office: OfficeForTests) -> Iterator[OfficeForTests]:
    """The real application behind the office's socket."""
    socket = office.settings.office_socket
    socket.parent.mkdir(parents=True)
    config = uvicorn.Config(create_app(office), uds=str(socket), ws="none", lifespan="off", log_level="error")  # pyright: ignore[reportArgumentType]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(100):
        if server.started:
            break
        time.sleep(0.05)
    assert server.started
    yield office
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def nbkeep(
    served: OfficeForTests, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Nbkeep:
    """Run one command line as the operator, inside this process."""
    monkeypatch.setenv("NBKEEP_DATA", str(served.settings.data_dir))

    def call(*args: str) -> Result:
        capsys.readouterr()
        code = run(list(args))
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call
