"""`nbkeep liveness`: what officers type, and what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli_parts import Nbkeep

    from office_parts import OfficeForTests


def test_a_provider_is_turned_on_and_off(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    del served
    rows = [line.split()[:2] for line in nbkeep("liveness", "list").out.splitlines()]
    assert ["github", "off"] in rows
    said = " ".join(nbkeep("liveness", "set", "github", "on").err.split())
    assert said.startswith("github is asked from now on: keys that look like its own are sent to it.")
    assert "a GitHub Enterprise of your own" in said
    on = [one["name"] for one in nbkeep("liveness", "list", "--json").json if one["on"]]
    assert on == ["github"]
    assert nbkeep("liveness", "set", "github", "off").code == 0
    for wrong in (("evil.example", "on"), ("github", "maybe"), ("../rules", "on")):
        assert nbkeep("liveness", "set", *wrong).code != 0
