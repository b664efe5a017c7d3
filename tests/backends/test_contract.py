"""What every backend promises the office; the real one and the one that tests use answer alike."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes import InMemoryBackend

from nbkeep.backends.interface import Backend, LaunchSpec
from nbkeep.model.errors import Refused
from nbkeep.model.ids import new_id
from sandboxes import WAITS, Machine, make_machine, why_not
from scan_parts import KEY

MACHINES: dict[int, Machine] = {}


@pytest.fixture(scope="module", params=["memory", "root", "ordinary"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if request.param == "memory":
        yield InMemoryBackend()
        return
    if reason := why_not(request.param):
        pytest.skip(reason)
    machine = make_machine(request.param)
    MACHINES[id(machine.client)] = machine
    yield machine.client
    machine.end()


@pytest.fixture
def spec(backend: Backend) -> Iterator[LaunchSpec]:
    made = LaunchSpec(new_id("ses", datetime.now(UTC)), "jane", 1, "base", 1000, 512 << 20, 100, 320 << 20, 64 << 20,
                      server_args=WAITS)  # fmt: skip
    yield made
    backend.stop(made.session_id, 0)


def test_a_session_is_unknown_alive_and_unknown_again(backend: Backend, spec: LaunchSpec) -> None:
    assert backend.status(spec.session_id) is None
    first = backend.launch(spec)
    assert first.server_url.startswith("http+unix://%2F")
    assert backend.launch(spec) == first
    status = backend.status(spec.session_id)
    assert status is not None
    assert status.alive
    assert [one.session_id for one in backend.sessions() if one.alive] == [spec.session_id]
    backend.stop(spec.session_id, 0)
    backend.stop(spec.session_id, 0)
    assert backend.status(spec.session_id) is None


def test_an_unknown_image_is_refused_and_leaves_nothing(backend: Backend, spec: LaunchSpec) -> None:
    with pytest.raises(Refused) as refused:
        backend.launch(replace(spec, image="other"))
    assert refused.value.code == "image-missing"
    assert backend.status(spec.session_id) is None


def test_a_home_stays_when_its_session_ends_and_goes_only_when_asked(
    backend: Backend, spec: LaunchSpec
) -> None:
    backend.launch(spec)
    with pytest.raises(Refused):
        backend.delete_volume("jane")
    backend.stop(spec.session_id, 0)
    assert backend.volume("jane") is not None
    assert backend.volume_usage("jane").folders[0].path == ""
    assert backend.changed_files("jane", datetime.now(UTC) + timedelta(days=1)).files == []
    backend.delete_volume("jane")
    backend.delete_volume("jane")
    assert backend.volume("jane") is None


def test_an_unknown_home_has_no_size_and_no_usage(backend: Backend) -> None:
    assert backend.volume("nobody") is None
    with pytest.raises(Refused):
        backend.volume_usage("nobody")
    with pytest.raises(Refused) as refused:
        backend.changed_files("nobody", datetime.now(UTC))
    assert refused.value.status == 404
    with pytest.raises(Refused):
        backend.resize_volume("nobody", 1 << 30)


def test_a_file_of_a_home_is_copied_while_a_session_runs_and_afterwards(
    backend: Backend, spec: LaunchSpec, tmp_path: Path
) -> None:
    backend.launch(spec)
    put(backend, "jane", "work/a b.csv", b"1,2\n")
    assert copied(backend, tmp_path, "work/a b.csv") == b"1,2\n"
    backend.stop(spec.session_id, 0)
    assert copied(backend, tmp_path, "work/a b.csv") == b"1,2\n"
    for path, most_bytes, status in (("work/none", 100, 404), ("work/a b.csv", 3, 409)):
        with pytest.raises(Refused) as refused:
            copied(backend, tmp_path, path, most_bytes)
        assert (refused.value.code, refused.value.status) == ("not-copied", status)
    with pytest.raises(Refused) as nobody, (tmp_path / "into").open("wb") as into:
        backend.copy_file("nobody", "a", into, 100)
    assert nobody.value.status == 404
    backend.delete_volume("jane")


def test_a_session_in_quarantine_makes_its_user_no_home(backend: Backend, spec: LaunchSpec) -> None:
    closed = replace(spec, user="closed", quarantine=True)
    backend.give_file(closed.session_id, "a.ipynb", b"{}")
    backend.give_file(closed.session_id, "a.ipynb", b"{ }")
    backend.give_file(closed.session_id, "empty.txt", b"")
    with pytest.raises(Refused):
        backend.give_file(closed.session_id, "../a", b"")
    backend.launch(closed)
    assert backend.volume("closed") is None
    backend.stop(closed.session_id, 0)
    assert backend.status(closed.session_id) is None


def test_what_was_left_behind_is_found_and_deleted_as_it_was_seen(backend: Backend, spec: LaunchSpec) -> None:
    backend.launch(spec)
    left = "work/.ipynb_checkpoints/a-checkpoint.py"
    put(backend, "jane", "work/a.py", b"key = load()\n")
    put(backend, "jane", left, f"key = '{KEY}'\n".encode())
    put(backend, "jane", "work/b.py", b"badge = 'ACME-482910'\n")
    put(backend, "jane", "work/b.py~", b"badge = 'ACME-482910'\n")
    rules = "[[rules]]\nid = 'badge'\nregex = 'ACME-[0-9]{6}'\n"
    found = backend.leftovers("jane", rules)
    assert found.is_whole
    assert [(one.path, one.kind, one.of, one.may_go) for one in found.files] == [
        (left, "checkpoint", "work/a.py", True),
        ("work/b.py~", "backup", "work/b.py", False),
    ]
    assert [one.rule for file in found.files for one in file.values] == ["aws-access-key-id", "badge"]
    assert KEY not in repr(found)
    assert len(backend.leftovers("jane", "").files) == 1
    seen = found.files[0]
    own = {b"work/a.py".hex(): seen.version, b"../a~".hex(): "x"}
    assert set(backend.delete_leftovers("jane", {**own, seen.key: "of another day"})) == {*own, seen.key}
    put(backend, "jane", left, f"key = '{KEY}'  # more\n".encode())
    assert backend.delete_leftovers("jane", {seen.key: seen.version}) != {}
    [now] = backend.leftovers("jane", "").files
    assert backend.delete_leftovers("jane", {now.key: now.version}) == {}
    assert backend.delete_leftovers("jane", {now.key: now.version}) == {}
    assert backend.leftovers("jane", "").files == []
    for act in (lambda: backend.leftovers("nobody", ""), lambda: backend.delete_leftovers("nobody", {})):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.status == 404
    backend.stop(spec.session_id, 0)
    backend.delete_volume("jane")


def put(backend: Backend, user: str, path: str, data: bytes) -> None:
    """Write a file into a home, as a program in it would."""
    if isinstance(backend, InMemoryBackend):
        backend.held[user, path] = data
        return
    home = MACHINES[id(backend)].data_dir / "homes" / user
    owner = home.stat()
    file = home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    for one in (file.parent.parent, file.parent, file):
        os.chown(one, owner.st_uid, owner.st_gid)


def copied(backend: Backend, folder: Path, path: str, most_bytes: int = 1000) -> bytes:
    with (folder / "into").open("w+b") as into:
        backend.copy_file("jane", path, into, most_bytes)
    return (folder / "into").read_bytes()


def test_a_user_without_saved_state_has_none_and_that_of_a_running_session_is_not_deleted(
    backend: Backend, spec: LaunchSpec
) -> None:
    assert list(backend.states("jane")) == []
    backend.delete_state("jane", spec.session_id)
    backend.launch(spec)
    with pytest.raises(Refused) as refused:
        backend.delete_state("jane", spec.session_id)
    assert (refused.value.code, refused.value.status) == ("session-runs", 409)


def test_nobody_need_be_there_to_be_asked_to_end(backend: Backend, spec: LaunchSpec) -> None:
    backend.ask_to_end(spec.session_id)
    assert backend.status(spec.session_id) is None


def test_capacity_and_host_say_something(backend: Backend) -> None:
    assert backend.capacity().cpu_millis >= 1000
    assert backend.gpu_use() == []  # no session has any
    assert backend.host()
