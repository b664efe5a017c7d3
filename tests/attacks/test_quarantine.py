"""A session in quarantine sees nothing of its person, and leaves nothing behind, whatever runs in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbkeep.backends.interface import LaunchSpec
from nbkeep.model.errors import NbkeepError, Refused
from sandboxes import Machine, make_machine, why_not

pytestmark = pytest.mark.attack
MARK = "jane-only-48151623"
IS_EMPTY = "import os; raise SystemExit(any(not one.startswith('.') for one in os.listdir('/home/user')))"
PLANTED = "planted-by-the-document-2342"


class Two:
    """Jane's own session with something of hers in home and state, and one in quarantine beside it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.own = machine.spec()
        machine.client.launch(self.own)
        machine.init(self.own).close()
        for folder in (self.home, machine.data_dir / "state/jane"):
            owner = folder.stat()
            (folder / f"{MARK}.txt").write_text(MARK)
            os.chown(folder / f"{MARK}.txt", owner.st_uid, owner.st_gid)
        self.spec = self.launched()

    @property
    def home(self) -> Path:
        return self.machine.home(self.own)

    def launched(self, **changes: object) -> LaunchSpec:
        spec = self.machine.spec(quarantine=True, **changes)
        self.machine.client.give_file(spec.session_id, "paper.ipynb", b'{"cells": []}')
        self.machine.client.launch(spec)
        self.machine.init(spec).close()
        return spec

    def refused(self, code: str) -> str:
        outcome = self.machine.run(self.spec, code)
        assert outcome.code == 0, outcome
        return outcome.output


@pytest.fixture(scope="module", params=["root", "warm", "ordinary"])
def two(request: pytest.FixtureRequest) -> Iterator[Two]:
    if reason := why_not(request.param):
        pytest.skip(reason)
    machine = make_machine(request.param)
    try:
        yield Two(machine)
    finally:
        machine.end()


def test_no_file_of_the_persons_home_or_state_can_be_found_anywhere(two: Two) -> None:
    two.refused(f"""
        import os
        seen = [one for one in os.listdir("/home/user") if not one.startswith(".")]  # a kernel makes .ipython
        assert seen == ["paper.ipynb"], seen
        for folder, _, files in os.walk("/"):
            if folder.startswith(("/proc/sys", "/sys")):
                continue
            for name in files:
                assert {MARK!r} not in name, (folder, name)
        assert not os.path.exists("/run/nbkeep/state")
        for pid in os.listdir("/proc"):
            if pid.isdigit():
                try: assert {MARK!r} not in open(f"/proc/{{pid}}/environ").read()
                except (PermissionError, ProcessLookupError, FileNotFoundError): pass
    """)


def test_no_path_of_the_host_leads_into_the_persons_home(two: Two) -> None:
    two.refused(f"""
        import os
        ways = [{str(two.home)!r}, {str(two.machine.data_dir)!r}, "/proc/1/root{two.home}",
                "/home/user/../../{two.home}", "/home/jane"]
        os.symlink({str(two.home)!r}, "/home/user/way")
        for way in [*ways, "/home/user/way"]:
            try: found = os.listdir(way)
            except OSError: continue
            raise SystemExit(f"{{way}}: {{found}}")
        os.unlink("/home/user/way")
    """)


def test_the_trusted_half_has_neither_the_persons_home_nor_their_state(two: Two) -> None:
    """Its mounts are read on the host: each of its folders lies in the session's own."""
    pid = _inner(two.machine, two.spec, "server")
    mounts = Path(f"/proc/{pid}/mountinfo").read_text()
    assert "/homes/jane" not in mounts
    assert "/state/jane" not in mounts
    assert f"{two.spec.session_id}/state" in mounts


def test_root_gives_it_an_id_that_owns_nothing_of_its_person(two: Two) -> None:
    if not two.machine.is_root:
        pytest.skip("only root gives people ids of their own")
    fresh = two.machine.home(two.spec)
    assert fresh.stat().st_uid != two.home.stat().st_uid
    assert fresh.stat().st_mode & 0o077 == 0


def test_no_socket_of_the_persons_other_session_is_there(two: Two) -> None:
    two.refused("""
        import os, stat
        found = []
        for folder, _, files in os.walk("/run"):
            for name in files:
                path = os.path.join(folder, name)
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    found.append(path)
        ours = ("/run/nbkeep/kernels/", "/run/nbkeep/gateway/")
        raise SystemExit([one for one in found if not one.startswith(ours)] or 0)
    """)


def test_what_it_writes_is_seen_by_no_other_session_and_gone_with_it(two: Two) -> None:
    spec = two.launched()
    told = two.machine.run(spec, f"""
        import os, pathlib
        for one in ("", ".ipython/profile_default/startup/", ".local/lib/python3.11/site-packages/", ".nbkeep/"):
            folder = pathlib.Path("/home/user", one)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "{PLANTED}.py").write_text("{PLANTED}")
        for _ in range(200):
            os.mkdir("d" * 50)
            os.chdir("d" * 50)
    """)  # fmt: skip
    assert told.code == 0, told
    assert PLANTED not in "".join(os.listdir(two.home))
    two.machine.client.stop(spec.session_id, 0)
    assert not two.machine.folder(spec).exists()
    command = ["grep", "-rlaF", PLANTED, str(two.machine.data_dir)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line for line in found.stdout.splitlines() if f"/run/s/{two.spec.session_id}/" not in line] == []
    assert spec.session_id not in Path("/proc/self/mountinfo").read_text()
    assert [str(one) for one in two.machine.data_dir.glob("given/*") if spec.session_id in str(one)] == []


def test_a_second_one_begins_as_empty_as_the_first(two: Two) -> None:
    spec = two.launched()
    two.machine.run(spec, "open('/home/user/left', 'w').write('x')")
    two.machine.client.stop(spec.session_id, 0)
    two.machine.client.launch(spec)
    told = two.machine.run(spec, IS_EMPTY)
    two.machine.client.stop(spec.session_id, 0)
    assert told.code == 0, told


def test_no_name_makes_its_home_that_of_somebody(two: Two) -> None:
    """Neither a person called like a session, nor one called like the folder, shares anything with it."""
    spec = two.machine.spec()
    twin = two.machine.spec(session_id=spec.session_id, quarantine=True)
    person = two.machine.spec(user=spec.session_id, uid_index=7)
    try:
        two.machine.client.launch(person)
        two.machine.client.launch(twin)
        two.machine.init(twin).close()
        home = two.machine.home(person)
        (home / MARK).write_text("x")
        told = two.machine.run(twin, IS_EMPTY)
        assert told.code == 0, told
        two.machine.client.stop(twin.session_id, 0)
        assert (home / MARK).exists()
    finally:
        for one in (twin, person):
            two.machine.client.stop(one.session_id, 0)
        two.machine.client.delete_volume(person.user)


@pytest.mark.parametrize("name", ["..", ".bashrc", "a/b", "../x", "", "a\nb", "x" * 300])
def test_what_is_given_goes_into_the_home_itself_or_nowhere(two: Two, name: str) -> None:
    spec = two.machine.spec(quarantine=True)
    with pytest.raises(Refused):
        two.machine.client.give_file(spec.session_id, name, b"x")
    with pytest.raises(NbkeepError):
        two.machine.client.give_file("../../homes/jane", "a", b"x")
    assert not (two.machine.data_dir / "given" / spec.session_id).exists()


def test_a_given_file_goes_to_no_session_that_is_not_in_quarantine(two: Two) -> None:
    spec = two.machine.spec(user="john", uid_index=2)
    two.machine.client.give_file(spec.session_id, "paper.ipynb", b"x")
    two.machine.client.launch(spec)
    assert not (two.machine.data_dir / "homes/john/paper.ipynb").exists()
    two.machine.client.stop(spec.session_id, 0)
    assert not (two.machine.data_dir / "given" / spec.session_id).exists()


def test_the_persons_home_can_be_put_to_rest_and_deleted_beside_it(two: Two) -> None:
    """It is no user of that home: nothing of it is held."""
    spec = two.machine.spec(user="rest", uid_index=5)
    two.machine.client.launch(spec)
    two.machine.client.stop(spec.session_id, 0)
    closed = two.launched(user="rest", uid_index=5)
    two.machine.client.delete_volume("rest")
    assert two.machine.client.volume("rest") is None
    two.machine.client.stop(closed.session_id, 0)


def test_what_died_with_the_platform_is_cleaned_by_the_next_one() -> None:
    kind = "root" if not why_not("root") else "ordinary"
    if reason := why_not(kind):
        pytest.skip(reason)
    machine = make_machine(kind)
    try:
        two = Two(machine)
        machine.run(two.spec, f"open('/home/user/{PLANTED}', 'w').write('x')")
        machine.kill_warden()
        for half in ("server", "sandbox"):
            os.kill(_inner(machine, two.spec, half), signal.SIGKILL)
        machine.start()
        deadline = time.monotonic() + 20
        while any(one.alive and one.session_id == two.spec.session_id for one in machine.client.sessions()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        machine.client.stop(
            two.spec.session_id, 0
        )  # as the office's comparison does, seconds after its start
        assert not machine.folder(two.spec).exists()
        assert two.spec.session_id not in Path("/proc/self/mountinfo").read_text()
        assert (two.home / f"{MARK}.txt").exists()
    finally:
        machine.end()


def test_its_gateway_socket_is_all_that_leads_out(two: Two) -> None:
    """There is no interface, and no declared connection is listened for."""
    two.refused("""
        import socket
        for port in (5432, 15432, 8000):
            try: socket.create_connection(("127.0.0.1", port), 1)
            except OSError: continue
            raise SystemExit(f"{port} answers")
        try: socket.create_connection(("192.0.2.1", 80), 1)
        except OSError: raise SystemExit(0)
        raise SystemExit("a host answers")
    """)


def _inner(machine: Machine, spec: LaunchSpec, half: str) -> int:
    return int(json.loads((machine.folder(spec) / f"{half}.json").read_text())["inner"]["pid"])
