"""The kernel that a session keeps in reserve is what a kernel started afresh is, and nobody's until it is taken."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from forked import field
from platform_parts import wait_for
from sandboxes import why_not

if TYPE_CHECKING:
    from platform_parts import Platform, Session

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not("warm")), reason=why_not("warm"))]


@pytest.fixture(scope="module")
def session(platform: Platform) -> Session:
    told = platform.data_dir / "run/parents/told.json"
    wait_for(lambda: told.exists() and "kernels of base" in told.read_text(), 90, "a parent for kernels")
    wait_for(lambda: "importing" not in told.read_text(), 90, "a parent that is ready")
    person = platform.person()
    person.sign_in()
    made = person.start()
    made.open()
    return made


def first_process(session: Session) -> int:
    noted = session.platform.data_dir / "run/s" / session.id / "sandbox.json"
    return int(json.loads(noted.read_text())["inner"]["pid"])


def processes(session: Session) -> dict[int, Path]:
    """Return what runs in the sandbox beside its first process and the relay, by the number that it has there."""
    first = first_process(session)
    wanted, found = os.readlink(f"/proc/{first}/ns/pid"), dict[int, Path]()
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or os.readlink(entry / "ns/pid") != wanted:
                continue
            if int(entry.name) != first and (entry / "comm").read_text() != "nbkeep-relay\n":
                found[int(field(entry, "NSpid").split()[-1])] = entry
        except (OSError, StopIteration):
            continue
    return found


def kernels(session: Session) -> list[dict[str, Any]]:
    return session.call("GET", "api/kernels").json()


def pid_of(session: Session, kernel: str) -> int:
    return int(session.execute(kernel, "import os; print(os.getpid())"))


def spare_of(session: Session) -> int:
    """Return the number of the one process that is no kernel of the list, once it waits to be taken."""
    mine = {pid_of(session, one["id"]) for one in kernels(session)}

    def look() -> int | None:
        others = set(processes(session)) - mine
        sockets = session.platform.data_dir / "run/s" / session.id / "kernels"
        return others.pop() if len(others) == 1 and list(sockets.glob("k-*/take")) else None

    found = wait_for(look, 90, "a spare kernel")
    assert found is not None
    return found


def end_kernels(session: Session) -> None:
    for one in kernels(session):
        session.call("DELETE", f"api/kernels/{one['id']}")


def started(session: Session, path: str) -> str:
    """Start a notebook's kernel as JupyterLab does; return the kernel's id."""
    asked = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
    return session.call("POST", "api/sessions", asked).raise_for_status().json()["kernel"]["id"]


_SEEN = """
import gc, json, os, sys, threading, zmq
shell = get_ipython()
print(json.dumps({"cwd": os.getcwd(), "env": dict(os.environ), "dh": [str(one) for one in _dh], "path": sys.path[:3],
                  "session": __session__, "argv0": sys.argv[0], "names": sorted(globals()),
                  "in": In, "out": Out, "count": shell.execution_count, "history": list(shell.history_manager.get_range()),
                  "threads": sorted(one.name.rstrip("0123456789") for one in threading.enumerate()),
                  "clients": sum(isinstance(one, zmq.Socket) and one.type == zmq.DEALER and not one.closed
                                 for one in gc.get_objects())}))
"""


def test_a_start_takes_it_and_it_is_as_one_started_afresh(session: Session) -> None:
    session.call("PUT", "api/contents/work", {"type": "directory"}).raise_for_status()
    end_kernels(session)
    spare = spare_of(session)
    assert kernels(session) == []  # nobody's: in no list
    assert session.call("GET", "api/status").json()["kernels"] == 0
    seen: dict[bool, dict[str, Any]] = {}
    for takes in (True, False):  # the second one at once: there is no other yet
        kernel = started(session, f"work/{takes}.ipynb")
        assert (pid_of(session, kernel) == spare) is takes
        seen[takes] = json.loads(session.execute(kernel, _SEEN))
        assert seen[takes]["cwd"] == "/home/user/work"
        assert seen[takes]["dh"] == ["/home/user/work"]
        assert seen[takes]["session"].endswith(f"work/{takes}.ipynb")
        assert seen[takes]["env"].pop("JPY_SESSION_NAME") == seen[takes].pop("session")
    assert seen[True] == seen[False]


def test_its_variables_and_what_is_random_are_its_own(session: Session) -> None:
    draw = "import random, numpy, uuid; print(random.random(), numpy.random.random(), uuid.uuid4())"
    end_kernels(session)
    drawn: list[str] = []
    for number in range(3):
        spare = spare_of(session)
        kernel = started(session, f"random{number}.ipynb")
        assert pid_of(session, kernel) == spare
        assert session.execute(kernel, "print('mine' in globals())").strip() == "False"
        session.execute(kernel, f"mine = {number}")
        drawn += session.execute(kernel, draw).split()
    assert len(set(drawn)) == 9
    told = {session.execute(one["id"], "print(mine)").strip() for one in kernels(session)}
    assert told == {"0", "1", "2"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_one_that_was_killed_or_hangs_is_in_nobodys_way(session: Session, number: signal.Signals) -> None:
    end_kernels(session)
    spare = spare_of(session)
    os.kill(int(processes(session)[spare].name), number)
    kernel = started(session, "after.ipynb")
    assert session.execute(kernel, "print(6 * 7)").strip() == "42"
    assert pid_of(session, kernel) != spare
    wait_for(lambda: spare not in processes(session), 20, "the end of the old one")
    assert spare_of(session) not in {spare, pid_of(session, kernel)}


def test_a_death_of_one_that_was_taken_is_told_as_of_any_kernel(session: Session) -> None:
    end_kernels(session)
    spare = spare_of(session)
    kernel = started(session, "dies.ipynb")
    assert pid_of(session, kernel) == spare
    os.kill(int(processes(session)[spare].name), signal.SIGKILL)

    def again() -> bool:
        try:
            return pid_of(session, kernel) != spare
        except (AssertionError, OSError, ValueError):
            return False

    wait_for(again, 60, "the kernel that was started in its place", every_s=0.5)

    def told() -> bool:
        deaths = session.call("GET", "nbkeep/api/status").json()["deaths"]
        return any(one["kernel_id"] == kernel for one in deaths)

    wait_for(told, 30, "word of the death")


def test_settings_and_startup_files_that_were_made_meanwhile_count(session: Session) -> None:
    """Settings of IPython's own are read at a kernel's first step: where there are any, there is no spare."""
    end_kernels(session)
    spare = spare_of(session)
    profile = session.platform.data_dir / "homes" / session.owner.name / ".ipython/profile_default"
    startup, settings = profile / "startup/first.py", profile / "ipython_config.py"
    # As in any kernel, no event loop runs yet.
    startup.write_text(
        "import asyncio, os\nbegan_in = os.getcwd()\nasyncio.run(asyncio.sleep(0))\nprint('begun')\n"
    )
    try:
        kernel = started(session, "work/startup.ipynb")
        assert pid_of(session, kernel) == spare
        # What it has printed is none of a cell's.
        assert session.execute(kernel, "print(began_in)").strip() == "/home/user/work"
        assert session.execute(kernel, "print(asyncio.__name__)").strip() == "asyncio"
        spare = spare_of(session)
        settings.write_text("c.InteractiveShellApp.exec_lines = ['from_settings = 42']\n")
        kernel = started(session, "work/settings.ipynb")
        assert session.execute(kernel, "print(from_settings)").strip() == "42"
        wait_for(lambda: spare not in processes(session), 20, "the end of the one without settings")
    finally:
        startup.unlink()
        settings.unlink(missing_ok=True)


def test_one_of_a_parent_that_was_replaced_is_ended_and_replaced(session: Session) -> None:
    end_kernels(session)
    old = spare_of(session)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and is_parent(entry, session.platform):
            os.kill(int(entry.name), signal.SIGKILL)
    wait_for(lambda: old not in processes(session), 30, "the end of the old parent's spare")
    kernel = started(session, "later.ipynb")
    assert session.execute(kernel, "print(6 * 7)").strip() == "42"
    assert spare_of(session) != old


def is_parent(process: Path, platform: Platform) -> bool:
    """Tell whether this is a warm parent for kernels (below bubblewrap, which names the data directory)."""
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        above = Path(f"/proc/{field(process, 'PPid')}/cmdline").read_bytes()
    except (OSError, StopIteration):
        return False
    return b"/opt/nbkeep/parent.py" in words and b"kernel" in words and bytes(platform.data_dir) in above


def test_it_ends_with_its_session(platform: Platform) -> None:
    person = platform.person()
    person.sign_in()
    session = person.start()
    session.open()
    spare = spare_of(session)
    process = processes(session)[spare]
    session.stop()
    time.sleep(0.1)
    assert not process.exists()
