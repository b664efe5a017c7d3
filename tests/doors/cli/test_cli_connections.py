"""`nbkeep connection`: as stewards and users use it."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

from cli_parts import be

if TYPE_CHECKING:
    import pytest
    from cli_parts import Nbkeep

    from office_parts import OfficeForTests

KEEP = ("secret", "set", "warehouse-pw", "--host", "warehouse.acme.local:5432", "--postgres", "reader")
ADD = ("connection", "add", "warehouse", "--postgres", "warehouse.acme.local:5432", "--database", "sales",
       "--as", "reader", "--secret", "warehouse-pw")  # fmt: skip


def test_a_connection_from_its_declaration_to_its_end(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.user()
    monkeypatch.setattr(sys, "stdin", io.StringIO("Qz7-never-printed\n"))
    kept = nbkeep(*KEEP)
    assert "as PostgreSQL, role reader" in kept.err
    assert "nbkeep connection add" in kept.err
    added = nbkeep(*ADD)
    assert added.code == 0, added.err
    assert "warehouse is localhost:5432 in sessions, and leads to warehouse.acme.local:5432" in added.err
    assert "Nobody may use it yet: `nbkeep connection grant warehouse user:NAME`." in added.err
    assert "granted to user:jane" in nbkeep("connection", "grant", "warehouse", "user:jane").err
    shown = nbkeep("connection", "show", "warehouse").out
    for words in ("database sales", "reader", "verify", "warehouse-pw", "added by the gateway", "user:jane"):
        assert words in shown
    assert "localhost:5432" in nbkeep("connection", "list").out
    queue = nbkeep(
        "connection", "add", "queue", "--tcp", "mq.acme.local:5672", "--grant", "everyone", "--json"
    )
    assert json.loads(queue.out)["local_port"] == 5672
    assert "granted to nobody" in nbkeep("connection", "ungrant", "warehouse", "user:jane").err
    assert nbkeep("connection", "remove", "warehouse", "--yes", "--reason", "moved").code == 0
    assert [one["name"] for one in json.loads(nbkeep("connection", "list", "--json").out)] == ["queue"]


def test_a_connection_is_asked_for_and_an_admin_decides(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = served.user()
    session = served.ready(jane)
    asking = ("connection", "request", "queue", "--reason", "Events of today", "--for", "2h")
    assert nbkeep("connection", "add", "queue", "--tcp", "mq.acme.local:5672").code == 0
    nobody = nbkeep(*asking, "--session", session)
    assert (nobody.code, "the operator is none" in nobody.err) == (1, True)
    with monkeypatch.context() as hers:
        be(served, jane, hers)
        assert "(not granted to you)" in nbkeep("connection", "list").out
        asked = nbkeep(*asking, "--session", session)
        assert "asks for queue in your sessions of notebook-cpu-small." in asked.err
        request = nbkeep(*asking, "--profile", "notebook-cpu-small", "--json").json["id"]
        assert f"nbkeep grant show {request}" in asked.err
        assert "Give either --session ID or --profile NAME" in nbkeep(*asking).err
        other = nbkeep(
            "connection", "request", "other", "--reason", "x", "--profile", "notebook-cpu-small"
        ).err
        assert "There is no connection other." in other
        assert "nbkeep connection list" in other
    approved = nbkeep("grant", "approve", request, "--for", "1h")
    assert approved.code == 0, approved.err
    with monkeypatch.context() as hers:
        be(served, jane, hers)
        (one,) = json.loads(nbkeep("connection", "list", "--json").out)
        assert (one["is_granted"], one["host"]) == (False, "mq.acme.local")
        assert one["for_a_while"][0]["profile"] == "notebook-cpu-small"
        assert "you in notebook-cpu-small, for" in " ".join(nbkeep("connection", "show", "queue").out.split())
    assert nbkeep("connection", "remove", "queue", "--yes", "--reason", "moved").code == 0
    shown = nbkeep("grant", "show", request).out
    assert "revoked" in shown
    assert "the connection was removed: moved" in shown


def test_what_is_wrong_is_said_in_words(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    del served
    for arguments, code, words in (
        (("connection", "add", "x"), 2, "one of --postgres and --tcp"),
        ((*ADD[:-2],), 1, "Give --secret NAME."),
        (ADD, 1, "There is no secret 'warehouse-pw'"),
        (
            ("connection", "add", "q", "--tcp", "mq.acme.local:25"),
            1,
            "Give --local-port with a number from 1024",
        ),
        (("connection", "show", "nothing"), 1, "There is no connection 'nothing'."),
    ):
        done = nbkeep(*arguments)
        assert done.code == code, done.err
        assert words in done.err.replace("\n", " ")
        assert "Traceback" not in done.err
