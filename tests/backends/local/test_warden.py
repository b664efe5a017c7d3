"""The warden's promises: sessions outlive it, are found again, and tell why they ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nbkeep.backends.local.procs import Process
from nbkeep.backends.warden_client import WardenClient
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.model.session import StopReason
from sandboxes import SECRET, TOKEN, Machine, make_machine, why_not

# What the trusted half sees, told through its only writable folder that the test can read.
LOOK = """
import json, os, socket
seen = {
    "token": os.environ["JUPYTERHUB_API_TOKEN"], "url": os.environ["JUPYTERHUB_SERVICE_URL"],
    "hub": os.environ["JUPYTERHUB_API_URL"], "proc": os.path.exists("/proc/self"), "home": os.environ["HOME"],
    "parts": sorted(os.listdir("/run/nbkeep")), "limits": json.load(open("/run/nbkeep/limits/limits.json")),
    "memory": sorted(os.listdir("/run/nbkeep/limits/memory")) if os.path.isdir("/run/nbkeep/limits/memory") else [],
    "specs": os.listdir("/run/nbkeep/image/share/jupyter/kernels"), "interfaces": socket.if_nameindex(),
    "writable": [path for path in ("/home/user", "/run/nbkeep/state", "/run/nbkeep/limits", "/run/nbkeep/hub",
                                   "/run/nbkeep/image", "/run/nbkeep/server") if os.access(path, os.W_OK)],
}
open("/run/nbkeep/server/.seen", "w").write(json.dumps(seen))
os.rename("/run/nbkeep/server/.seen", "/run/nbkeep/server/seen")
import time; time.sleep(3600)
"""

# A trusted half that takes its time to end, counts how often it was asked, and ends when it is let go.
SAVES = """
import os, signal, time
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
open("/run/nbkeep/server/listens", "w").close()
while not os.path.exists("/run/nbkeep/server/go"):
    open("/run/nbkeep/server/.asked", "w").write(str(len(asked)))
    os.rename("/run/nbkeep/server/.asked", "/run/nbkeep/server/asked")
    time.sleep(0.02)
os._exit(0)
"""


@pytest.fixture(scope="module", params=["root", "ordinary"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    if reason := why_not(request.param):
        pytest.skip(reason)
    made = make_machine(request.param)
    yield made
    made.end()


def until(true: Callable[[], bool], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def test_a_launch_twice_gives_the_same_answer_and_one_session(machine: Machine) -> None:
    spec = machine.spec()
    first, second = machine.client.launch(spec), machine.client.launch(spec)
    assert first == second
    assert [one.session_id for one in machine.client.sessions()] == [spec.session_id]
    machine.client.stop(spec.session_id, 0)
    assert machine.client.status(spec.session_id) is None
    machine.client.stop(spec.session_id, 0)


def test_what_runs_first_of_all_finds_the_proxy_and_the_connections_that_were_declared(
    machine: Machine,
) -> None:
    spec = machine.spec(local_ports={"warehouse": 15432, "queue": 15672})
    machine.client.launch(spec)
    found = machine.run(spec, """
        import socket
        for port in (3128, 15432, 15672):
            socket.create_connection(("localhost", port), 60).close()
    """)  # fmt: skip
    machine.client.stop(spec.session_id, 0)
    assert found.code == 0, found


def test_who_asks_while_a_session_is_stopped_is_not_kept_waiting(machine: Machine) -> None:
    spec = machine.spec()
    machine.client.launch(spec)
    with ThreadPoolExecutor(2) as pool:
        stopping = pool.submit(machine.client.stop, spec.session_id, 1)
        time.sleep(0.3)
        asked = WardenClient(machine.data_dir / "run/warden/warden.sock", TOKEN)
        status = pool.submit(asked.status, spec.session_id).result()
        assert status is None or status.alive  # it still has its second, or is gone
        stopping.result()
        assert asked.status(spec.session_id) is None
    asked.close()


def test_a_session_that_saves_is_asked_once_looked_at_meanwhile_and_waited_for(machine: Machine) -> None:
    spec = machine.spec(server_args=["-n1", "-r1", SAVES])
    machine.client.launch(spec)
    server = machine.folder(spec) / "server"
    until((server / "listens").exists, 60)
    machine.client.ask_to_end(spec.session_id)
    with ThreadPoolExecutor(1) as pool:
        stop = pool.submit(machine.client.stop, spec.session_id, 300)
        try:
            until(lambda: (server / "asked").read_text() == "1", 60)
            machine.client.ask_to_end(spec.session_id)
            for _ in range(20):
                assert machine.status(spec).alive
            assert (server / "asked").read_text() == "1"
            assert not stop.done()
        finally:
            (server / "go").touch()
        stop.result(60)
    assert machine.client.status(spec.session_id) is None


def test_a_session_that_saves_too_long_is_ended(machine: Machine) -> None:
    spec = machine.spec(server_args=["-n1", "-r1", SAVES])
    machine.client.launch(spec)
    until((machine.folder(spec) / "server/listens").exists, 60)
    machine.client.stop(spec.session_id, 0.5)
    assert machine.client.status(spec.session_id) is None


def test_nothing_is_left_after_a_stop(machine: Machine) -> None:
    spec = machine.spec()
    machine.client.launch(spec)
    machine.init(spec).close()
    sandbox = machine.folder(spec) / "sandbox.json"
    pid = json.loads(sandbox.read_text())["inner"]["pid"]
    machine.client.stop(spec.session_id, 0)
    assert Process.of(pid) is None
    assert not machine.folder(spec).exists()
    assert not list(Path("/sys/fs/cgroup").glob(f"*/nbkeep/{spec.session_id}*"))


def test_the_trusted_half_sees_what_it_needs_and_no_more(machine: Machine) -> None:
    hub = str(machine.data_dir / "run/hub/hub.sock").replace("/", "%2F")
    env = {"JUPYTERHUB_API_TOKEN": SECRET, "JUPYTERHUB_API_URL": f"http+unix://{hub}/hub/api"}
    spec = machine.spec(server_args=["-n1", "-r1", LOOK], server_env=env)
    machine.client.launch(spec)
    file = machine.folder(spec) / "server/seen"
    until(file.exists)
    seen = json.loads(file.read_text())
    assert seen["token"] == SECRET
    assert seen["url"] == "http+unix://%2Frun%2Fnbkeep%2Fserver%2Fserver.sock"
    assert seen["hub"] == "http+unix://%2Frun%2Fnbkeep%2Fhub%2Fhub.sock/hub/api"
    assert seen["proc"] is False
    assert seen["home"] == "/run/nbkeep/private"
    assert seen["parts"] == [
        "hub", "image", "kernels", "limits", "office", "private", "server", "state", "warm",
    ]  # fmt: skip
    assert seen["limits"]["memory_limit_bytes"] == spec.memory_bytes
    assert bool(seen["memory"]) == (seen["limits"]["cgroup"] != "none")
    assert seen["specs"] == ["python3"]
    assert [name for _, name in seen["interfaces"]] == ["lo"]
    assert seen["writable"] == ["/home/user", "/run/nbkeep/state", "/run/nbkeep/server"]
    machine.client.stop(spec.session_id, 0)


def test_the_token_is_in_no_file_and_no_command_line(machine: Machine) -> None:
    spec = machine.spec()
    machine.client.launch(spec)
    machine.init(spec).close()
    for path in machine.data_dir.rglob("*"):
        if path.is_file() and path.parts[3] != "images":
            assert SECRET.encode() not in path.read_bytes(), path
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert SECRET.encode() not in path.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
    machine.client.stop(spec.session_id, 0)


def test_sessions_live_through_a_killed_warden_and_are_found_again(machine: Machine) -> None:
    spec = machine.spec()
    machine.client.launch(spec)
    init = machine.init(spec)
    machine.kill_warden()
    assert init.ask("usage")["ok"]
    machine.start()
    found = machine.client.status(spec.session_id)
    assert found is not None
    assert found.alive
    assert init.ask("usage")["ok"]
    init.close()
    machine.client.stop(spec.session_id, 0)
    assert machine.client.sessions() == []


def test_a_server_that_dies_at_once_is_seen_by_itself(machine: Machine) -> None:
    spec = machine.spec(server_args=["-n1", "-r1", "raise SystemExit('no such setting')"])
    machine.client.launch(spec)
    ended = machine.exit(spec)
    assert ended.half == "server"
    assert ended.reason == StopReason.SERVER_DIED
    assert ended.code == 1
    assert "no such setting" in ended.detail
    until(lambda: not machine.client.sessions()[0].alive)
    machine.client.stop(spec.session_id, 0)


def test_a_sandbox_that_dies_is_told_and_takes_the_server_along(machine: Machine) -> None:
    spec = machine.spec()
    machine.client.launch(spec)
    machine.init(spec).close()
    halves = {name: json.loads((machine.folder(spec) / f"{name}.json").read_text())["inner"]
              for name in ("sandbox", "server")}  # fmt: skip
    Process(**halves["sandbox"]).send(signal.SIGKILL)
    ended = machine.exit(spec, within_s=2)
    assert (ended.half, ended.signal, ended.reason) == (
        "sandbox",
        9,
        StopReason.SANDBOX_DIED,
    )
    until(lambda: not Process(**halves["server"]).is_alive)
    assert machine.exit(spec) == ended
    machine.client.stop(spec.session_id, 0)


@pytest.mark.root
def test_a_home_is_mounted_while_a_session_is_there_and_rests_afterwards(machine: Machine) -> None:
    home = machine.data_dir / "homes/resting"
    first, second = machine.spec(user="resting"), machine.spec(user="resting")
    machine.client.launch(first)
    if not home.is_mount():
        machine.client.stop(first.session_id, 0)
        pytest.skip("homes are plain folders here")
    machine.client.launch(second)
    assert machine.run(first, "open('notes', 'w').write('kept' * 2_000_000)").code == 0
    machine.client.stop(first.session_id, 0)
    time.sleep(2.5)
    assert home.is_mount()
    machine.client.stop(second.session_id, 0)
    until(lambda: not home.is_mount())
    image = str(machine.data_dir / "homes/resting.xfs")
    until(
        lambda: (
            image not in subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout
        )
    )
    # What is asked about a resting home is answered from the home.
    assert next(one for one in machine.client.volume_usage("resting").folders if not one.path).bytes > 7 << 20
    changed = machine.client.changed_files("resting", datetime.now(UTC) - timedelta(hours=1))
    assert [one.bytes for one in changed.files if one.path == "notes"] == [8_000_000]
    until(lambda: not home.is_mount())
    again = machine.spec(user="resting")
    machine.client.launch(again)
    assert machine.run(again, "print(len(open('notes').read()))").output.strip() == "8000000"
    machine.client.stop(again.session_id, 0)


@pytest.mark.root
def test_a_warden_that_ends_leaves_mounted_only_what_running_sessions_use(machine: Machine) -> None:
    stays, goes = machine.spec(user="stays"), machine.spec(user="goes")
    machine.client.launch(stays)
    if not (machine.data_dir / "homes/stays").is_mount():
        machine.client.stop(stays.session_id, 0)
        pytest.skip("homes are plain folders here")
    machine.client.launch(goes)
    machine.client.stop(goes.session_id, 0)
    machine.client.close()
    machine.warden.terminate()
    machine.warden.wait(20)
    mounted = [name for name in ("stays", "goes") if (machine.data_dir / "homes" / name).is_mount()]
    machine.start()
    assert mounted == ["stays"]
    assert machine.status(stays).alive
    machine.client.stop(stays.session_id, 0)


def test_a_session_can_start_again_after_it_died(machine: Machine) -> None:
    spec = machine.spec(server_args=["-n1", "-r1", "raise SystemExit(1)"])
    machine.client.launch(spec)
    machine.exit(spec)
    again = machine.spec(session_id=spec.session_id)
    machine.client.launch(again)
    assert machine.status(spec).alive
    machine.client.stop(spec.session_id, 0)


def test_a_missing_image_is_refused_with_the_command_that_builds_it(machine: Machine) -> None:
    with pytest.raises(Refused, match="nbkeep image build other"):
        machine.client.launch(machine.spec(image="other"))
    assert machine.client.sessions() == []


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A B"])
def test_names_that_are_paths_are_refused(machine: Machine, name: str) -> None:
    with pytest.raises(Refused):
        machine.client.launch(machine.spec(user=name))
    with pytest.raises(Refused):
        machine.client.launch(machine.spec(session_id=f"ses_{name}"))


def test_a_second_warden_refuses_and_disturbs_nothing(machine: Machine) -> None:
    command = machine.command(
        sys.executable, "-m", "nbkeep.backends.local.warden", "--data-dir", str(machine.data_dir)
    )
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 3
    assert "Another warden" in second.stderr
    assert machine.client.sessions() == []


def test_a_wrong_token_is_refused(machine: Machine) -> None:
    stranger = WardenClient(machine.data_dir / "run/warden/warden.sock", "wrong")
    with pytest.raises(Refused, match="token"):
        stranger.sessions()
    stranger.close()


# httpcore leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_warden_that_is_away_is_unavailable(short_dir: Path) -> None:
    client = WardenClient(short_dir / "none.sock", "x")
    with pytest.raises(Unavailable, match="does not answer"):
        client.sessions()
    client.close()


def test_doctor_has_a_remedy_for_whatever_does_not_hold(machine: Machine) -> None:
    facts = machine.client.host()
    assert {
        "bubblewrap",
        "user-namespaces",
        "seccomp",
        "cgroups",
        "homes",
        "gpu",
        "node",
        "disk",
        "clock",
    } <= {fact.id for fact in facts}
    assert all(fact.remedy for fact in facts if fact.status in {"weaker", "missing"})
    assert machine.client.capacity().cpu_millis >= 1000


SPOOLS = """
import json
lines = [json.dumps({"id": str(number), "type": "x"}) + "\\n" for number in range(450)]
open("/run/nbkeep/server/events.sent", "w").write(str(len("".join(lines[:3]))))
open("/run/nbkeep/server/events.jsonl", "w").write("".join(lines) + '[1]\\n{"id": "cut')
open("/run/nbkeep/server/written", "w")
import time; time.sleep(3600)
"""


def test_reports_that_a_session_could_not_deliver_outlive_it_until_they_are_forgotten(
    machine: Machine,
) -> None:
    spec = machine.spec(server_args=["-n1", "-r1", SPOOLS])
    machine.client.launch(spec)
    until((machine.folder(spec) / "server/written").exists)
    assert machine.client.left_reports() is None
    machine.client.stop(spec.session_id, 0)
    assert not machine.folder(spec).exists()
    seen: list[str] = []
    while (left := machine.client.left_reports()) is not None:
        assert machine.client.left_reports() == left
        assert left.session_id == spec.session_id
        seen += [report["id"] for report in left.reports]
        machine.client.forget_reports(left.session_id, left.mark)
        machine.client.forget_reports(left.session_id, left.mark)
    assert seen == [str(number) for number in range(3, 450)]
    assert not list((machine.data_dir / "run/left").iterdir())


def test_a_link_in_place_of_the_reports_is_not_followed(machine: Machine) -> None:
    (machine.data_dir / "secret").write_text('{"id": "stolen"}\n')
    plant = f"import os; os.symlink('{machine.data_dir}/secret', '/run/nbkeep/server/events.jsonl')"
    spec = machine.spec(server_args=["-n1", "-r1", f"{plant}\nimport time; time.sleep(3600)"])
    machine.client.launch(spec)
    until((machine.folder(spec) / "server/events.jsonl").is_symlink)
    machine.client.stop(spec.session_id, 0)
    assert machine.client.left_reports() is None
    assert not machine.folder(spec).exists()
