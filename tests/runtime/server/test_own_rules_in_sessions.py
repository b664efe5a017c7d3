"""An organisation's own rules hold in a session from its next heartbeat on; what lacks them examines nothing."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from server_peers import decisions, everything_allowed
from session_server import RunningServer, eventually

from own_rules_parts import BADGE, RULES

pytest.importorskip("re2")


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningServer]:
    with RunningServer(NBKEEP_HEARTBEAT_S="0.2") as running:
        yield running


@pytest.fixture
def server(shared: RunningServer) -> Iterator[RunningServer]:
    yield shared
    shared.office.leaving = everything_allowed()
    shared.office.own_rules = ""
    heard(shared)


def heard(server: RunningServer) -> None:
    """Wait until the session's server has heard of what the office says now."""
    beats = len(server.office.heartbeats)
    eventually(lambda: len(server.office.heartbeats) > beats + 1)


def told(server: RunningServer) -> dict[str, Any]:
    return server.json("GET", "nbkeep/api/findings", params={"path": "a.txt"})


def save(server: RunningServer, content: str) -> Any:
    body = {"type": "file", "format": "text", "content": content}
    return server.request("PUT", "api/contents/a.txt", json=body)


def test_rules_hold_from_the_next_heartbeat_on_and_no_longer_than_they_are_set(server: RunningServer) -> None:
    assert save(server, f"badge {BADGE}\n").status_code < 300
    assert told(server)["findings"] == []
    server.office.own_rules = RULES
    heard(server)
    [one] = told(server)["findings"]
    assert (one["rule"], one["line"]) == ("acme-badge", 1)
    assert BADGE not in json.dumps(one) + server.log()
    server.office.leaving["save"] = decisions(secret="deny")
    heard(server)
    assert save(server, f"badge {BADGE} again\n").status_code == 422
    server.office.own_rules = ""
    heard(server)
    assert save(server, f"badge {BADGE} again\n").status_code < 300
    assert told(server)["findings"] == []


def test_what_is_to_be_examined_by_rules_that_are_not_here_or_broken_is_unread(server: RunningServer) -> None:
    """Attack: an office that is away, or a row that somebody has changed: nothing counts as clean."""
    save(server, "x = 1\n")
    assert told(server)["unread"] == []
    server.office.gives_rules, server.office.own_rules = False, RULES
    server.office.leaving["save"] = decisions(unread="deny")
    heard(server)
    assert "have not arrived yet" in told(server)["unread"][0]["reason"]
    assert save(server, "x = 2\n").status_code == 422
    server.office.gives_rules, server.office.own_rules = True, "[[rules]]\nid = 'x'\nregex = '(?=a)'\n"
    heard(server)
    assert save(server, "x = 3\n").status_code == 422
    server.office.own_rules = RULES
    heard(server)
    assert save(server, "x = 4\n").status_code < 300
