"""`nbkeep project`: as admins use it."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest
    from cli_parts import Nbkeep

    from office_parts import OfficeForTests

SECRET = ("secret", "set", "openai", "--host", "api.openai.example", "--header", "Authorization: Bearer {}")


def test_a_project_from_its_creation_to_its_end(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.user()
    served.user("bob")
    added = nbkeep("project", "add", "orion", "--description", "Demand forecasts", "--lead", "jane")
    assert added.code == 0, added.err
    assert "`nbkeep secret grant SECRET project:orion`" in added.err
    assert "bob is in orion. Nothing is granted to it yet." in nbkeep("project", "join", "orion", "bob").err
    monkeypatch.setattr(sys, "stdin", io.StringIO("Qz7-never-printed\n"))
    kept = nbkeep(*SECRET, "--grant", "project:orion")
    assert kept.code == 0, kept.err
    queue = nbkeep("connection", "add", "queue", "--tcp", "mq.acme.local:5672", "--grant", "project:orion")
    assert queue.code == 0, queue.err
    shown = nbkeep("project", "show", "orion").out
    for words in ("Demand forecasts", "jane", "bob", "secret openai, connection queue"):
        assert words in shown
    listed = nbkeep("project", "list").out
    assert "orion" in listed
    assert "bob leads orion" in nbkeep("project", "join", "orion", "bob", "--lead").err
    assert "bob is not in orion" in nbkeep("project", "leave", "orion", "bob").err
    refused = nbkeep("project", "remove", "orion")
    assert refused.code == 1
    assert "Granted to orion: secret openai (of operator), connection queue." in refused.err
    assert "--yes" in refused.err
    removed = nbkeep("project", "remove", "orion", "--yes", "--reason", "done")
    assert removed.code == 0, removed.err
    assert "Lost to its 1 member: secret openai, connection queue." in removed.err
    assert json.loads(nbkeep("project", "list", "--json").out) == []
    assert json.loads(nbkeep("secret", "show", "openai", "--json").out)["grants"] == []


def test_what_is_wrong_is_said_in_words(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    assert nbkeep("project", "add", "vega").code == 0
    for arguments, code, words in (
        (("project", "add", "Orion"), 1, "is not a name for a project"),
        (("project", "add", "vega"), 1, "There is a project named 'vega'."),
        (("project", "add", "orion", "--lead", "nobody"), 1, "There is no user 'nobody'."),
        (("project", "show", "orion"), 1, "There is no project 'orion'."),
        (("project", "join", "vega", "nobody"), 1, "There is no user 'nobody'."),
        (("project", "remove", "vega"), 2, "Add --yes if you are sure."),
        (("connection", "add", "q", "--tcp", "a.example:5672", "--grant", "project:orion"), 1,
         "There is no project 'orion'."),
        (("connection", "add", "q", "--tcp", "a.example:5672", "--grant", "team:orion"), 1,
         "Write user:NAME, project:NAME, role:ROLE or everyone"),
    ):  # fmt: skip
        done = nbkeep(*arguments)
        assert done.code == code, done.err
        assert words in done.err.replace("\n", " ")
        assert "Traceback" not in done.err
    assert json.loads(nbkeep("connection", "list", "--json").out) == []
