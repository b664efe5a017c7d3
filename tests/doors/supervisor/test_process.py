"""Processes are known by number and start time."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbkeep.backends.local.procs import boot_id
from nbkeep.doors.supervisor.configfile import set_values, with_values
from nbkeep.doors.supervisor.prepare import SECRETS, prepare
from nbkeep.doors.supervisor.process import Process, noted, start, this_process
from nbkeep.doors.supervisor.rotation import rotate
from nbkeep.doors.supervisor.state import SupervisorState, running_supervisor, write_state
from nbkeep.settings import Settings


def test_a_started_process_is_found_by_its_note(tmp_path: Path) -> None:
    child = start(["sleep", "60"], tmp_path / "note", tmp_path / "log", os.environ, tmp_path)
    try:
        while (found := noted(tmp_path / "note")) is None:
            pass
        assert found.pid == child.pid
        found.send(signal.SIGKILL)
        child.wait()
        assert noted(tmp_path / "note") is None
    finally:
        child.kill()
        child.wait()


def test_a_number_that_was_given_anew_is_another_process() -> None:
    mine = this_process()
    assert mine.is_alive
    assert not Process(mine.pid, mine.start_ticks - 1).is_alive


def test_notes_of_another_boot_name_nobody_although_number_and_start_time_fit(tmp_path: Path) -> None:
    mine, note = this_process(), tmp_path / "note"
    line = Path("/proc/self/stat").read_text()
    note.write_text(f"{line}{boot_id()}\n")
    assert noted(note) == mine
    note.write_text(f"{line}another-boot\n")
    assert noted(note) is None
    settings = Settings(data_dir=Path(f"/tmp/nbk{os.getpid()}b"))
    settings.run_dir.mkdir(parents=True)
    try:
        for boot, found in ((boot_id(), True), ("another-boot", False)):
            write_state(settings, SupervisorState(mine.pid, mine.start_ticks, boot, "u", "l"))
            assert (running_supervisor(settings) is not None) == found
    finally:
        shutil.rmtree(settings.data_dir)


def test_a_note_that_says_nothing_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("garbage")
    assert noted(tmp_path / "note") is None
    assert noted(tmp_path / "absent") is None


def test_secrets_are_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=Path(f"/tmp/nbk{os.getpid()}p"))
    try:
        prepare(settings)
        first = {name: settings.secret(name) for name in SECRETS}
        for path in (settings.secrets_dir, *settings.secrets_dir.iterdir()):
            path.chmod(0o755)  # as a restored backup may
        prepare(settings)
        assert {name: settings.secret(name) for name in SECRETS} == first
        assert len(set(first.values())) == len(SECRETS)
        modes = {stat.S_IMODE((settings.secrets_dir / name).stat().st_mode) for name in SECRETS}
        assert modes == {0o600}
        assert stat.S_IMODE(settings.secrets_dir.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(settings.data_dir)


def test_a_long_log_is_moved_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "hub.log"
    with log.open("ab", buffering=0) as writer:
        for content in (b"one", b"two", b"three"):
            writer.write(content * 10)
            rotate(tmp_path, most_bytes=5, kept=2)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    assert (tmp_path / "hub.log.1").read_bytes().startswith(b"three")
    assert (tmp_path / "hub.log.2").read_bytes().startswith(b"two")
    assert not (tmp_path / "hub.log.3").exists()


def test_a_changed_setting_leaves_the_rest_of_the_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('# ours\ncurrency = "USD"\n\n[gpus]\na100 = 2\n')
    set_values(file, {"listen": "127.0.0.1:81"})
    assert file.read_text() == '# ours\ncurrency = "USD"\n\nlisten = "127.0.0.1:81"\n[gpus]\na100 = 2\n'
    assert with_values("", {"a": 'x"y'}) == 'a = "x\\"y"\n'


def test_two_commands_at_once_leave_one_whole_file_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    ports = [f"127.0.0.1:{port}" for port in range(8000, 8200)]
    with ThreadPoolExecutor(8) as pool:
        written = [pool.submit(set_values, file, {"listen": address}) for address in ports]
    assert [one.result() for one in written] == [None] * len(ports)
    assert file.read_text() in {f'listen = "{address}"\n' for address in ports}
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
