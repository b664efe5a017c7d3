"""A session's place is asked for once it is admitted, and is the one that is launched, without its secrets."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from nbkeep.backends.interface import LaunchSpec
from nbkeep.model.errors import Refused
from nbkeep.sessions.launch import launch
from office_parts import OfficeForTests


def prepared(office: OfficeForTests) -> LaunchSpec:
    """Return the one place that was asked for; the office waits for nobody who asks."""
    deadline = time.monotonic() + 10
    while not office.backend.prepared:
        assert time.monotonic() < deadline, "no place was asked for"
        time.sleep(0.01)
    (found,) = office.backend.prepared
    return found


def test_what_is_prepared_is_what_is_launched_but_for_its_secrets(office: OfficeForTests) -> None:
    session_id = office.requested(office.user())
    place = prepared(office)
    answer = launch(office, user="jane", server_name="notebook-cpu-small", session_id=session_id, profile=None,
                    env={"JUPYTERHUB_API_TOKEN": "t"})  # fmt: skip
    launched = LaunchSpec(**answer["launch"])
    assert launched.server_env["JUPYTERHUB_API_TOKEN"] == "t"
    assert place == replace(launched, server_env={})


def test_a_refused_start_has_nothing_prepared(office: OfficeForTests) -> None:
    with pytest.raises(Refused):
        office.requested(office.user(max_sessions=0))
    time.sleep(0.2)
    assert office.backend.prepared == []


def test_a_node_that_is_gone_meanwhile_keeps_nobody_from_asking_the_hub(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_spec: LaunchSpec) -> None:
        office.backend.is_away = True
        office.backend.status("ses_1")  # raises as any question does now

    monkeypatch.setattr(office.backend, "prepare", away)
    session_id = office.requested(office.user())
    assert office.row(session_id).state == "requested"
    assert session_id in office.hub.servers.values()
