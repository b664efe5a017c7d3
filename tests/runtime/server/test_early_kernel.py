"""A new session's first kernel is asked for before its server is made, and nothing stays of one that nobody takes."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nbkeep_runtime.server import kernel_folders
from nbkeep_runtime.server.sandbox import Sandbox
from nbkeep_runtime.server.settings import ServerSettings
from nbkeep_runtime.server.spares import SpareKernels, ask_early


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    for name in ("kernels", "warm"):
        (tmp_path / name).mkdir()
    return ServerSettings(
        session_id="ses_1", session_token="t", user="jane", base_url="/", socket=tmp_path / "s",
        kernels_dir=tmp_path / "kernels", warm_dir=tmp_path / "warm", spare_kernel=True,
    )  # fmt: skip


@pytest.fixture
def warden(settings: ServerSettings) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(settings.warm_socket))
        listener.listen(4)
        listener.settimeout(10)
        yield listener


def test_it_is_asked_for_with_a_folder_and_a_key_of_its_own(
    settings: ServerSettings, warden: socket.socket
) -> None:
    early = ask_early(settings)
    assert early is not None
    talk, _ = warden.accept()
    with talk, talk.makefile("rb") as lines:
        asked = json.loads(lines.readline())
    assert asked == {
        "connection_file": str(early.connection_file),
        "cwd": "/home/user",
        "env": {},
        "spare": True,
    }
    told = json.loads(early.connection_file.read_text())
    assert told["key"] == early.key
    assert told["ip"] == kernel_folders.sockets(early.connection_file)
    early.give_up()
    assert list(settings.kernels_dir.iterdir()) == []


def test_one_that_the_warden_refuses_leaves_nothing_and_the_next_is_asked_for_as_ever(
    settings: ServerSettings, warden: socket.socket
) -> None:
    early = ask_early(settings)
    assert early is not None

    async def keep() -> None:
        spares = SpareKernels(settings, Sandbox(settings.init_socket), early)
        spares.start()
        talk, _ = await asyncio.to_thread(warden.accept)
        with talk:
            talk.sendall(b'{"ok": false, "error": "no parent is ready"}\n')
            async with asyncio.timeout(10):
                while early.connection_file.exists():  # noqa: ASYNC110  # nothing tells of a file's end
                    await asyncio.sleep(0.01)
        assert await spares.take("/home/user", {}) is None
        await spares.end()

    asyncio.run(keep())
    assert list(settings.kernels_dir.iterdir()) == []


def test_one_that_nobody_came_to_is_forgotten_with_its_session(
    settings: ServerSettings, warden: socket.socket
) -> None:
    async def end() -> None:
        await SpareKernels(settings, Sandbox(settings.init_socket), ask_early(settings)).end()

    asyncio.run(end())
    assert list(settings.kernels_dir.iterdir()) == []
    talk, _ = warden.accept()
    with talk:
        talk.settimeout(10)
        assert talk.makefile("rb").read().endswith(b"\n")  # to its end: the warden is let go


@pytest.mark.parametrize("changes", [{"resumes": True}, {"spare_kernel": False}])
def test_none_is_asked_for_where_variables_come_back_or_no_reserve_is_kept(
    settings: ServerSettings, warden: socket.socket, changes: dict[str, bool]
) -> None:
    assert ask_early(replace(settings, **changes)) is None
    warden.settimeout(0.1)
    with pytest.raises(TimeoutError):
        warden.accept()
    assert list(settings.kernels_dir.iterdir()) == []


def test_without_a_warden_that_listens_there_is_none(settings: ServerSettings) -> None:
    assert ask_early(settings) is None
    assert list(settings.kernels_dir.iterdir()) == []
