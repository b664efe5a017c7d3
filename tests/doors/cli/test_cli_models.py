"""`nbkeep model`: set up by admins, and what was used, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nbkeep.inference.calls import take_calls

if TYPE_CHECKING:
    from cli_parts import Nbkeep, Result

    from office_parts import OfficeForTests


def call(office: OfficeForTests, session_id: str, row_id: str, **other: object) -> dict[str, Any]:
    return {
        "id": row_id, "session_id": session_id, "at": office.clock.now().isoformat(), "provider": "openai",
        "operation": "chat", "model": "gpt-x", "streamed": True, "status": 200, "measure": "measured",
        "tokens_in": 1_000_000, "tokens_out": 0, "tokens_cached": 0, "reason": "", "duration_s": 1.5,
    } | other  # fmt: skip


def test_providers_prices_and_budgets_from_their_setting_to_their_end(
    nbkeep: Nbkeep, served: OfficeForTests
) -> None:
    served.user()
    lines = (
        "provider add openai --host API.openai.example --kind openai",
        "provider add lite --host ai.acme.example:8443/llm/ --kind anthropic",
        "provider list",
        "price set openai gpt-x --input 2.50 --output 10 --cached 0.25",
        "price set openai gpt-x --input 0.123 --output 5",
        "price list",
        "price list --history",
        "budget set --user jane --month 50",
        "budget set --everyone --month 5.5",
        "budget set --total --month 1000",
        "budget list",
        "budget remove --everyone",
        "provider remove lite --yes",
    )
    said: list[Result] = []
    for line in lines:
        said.append(nbkeep("model", *line.split()))
        served.clock.advance(1)
    assert [one.code for one in said] == [0] * len(said), [one.err for one in said]
    assert "api.openai.example:443 are metered" in said[0].err
    assert "ai.acme.example:8443/llm" in said[2].out
    assert "2.50 in, 10.00 out, 0.25 cached" in said[3].err
    assert said[5].out.count("gpt-x") == 1
    assert "0.123" in said[5].out
    assert said[6].out.count("gpt-x") == 2
    assert "all together" in said[10].out
    assert [one["scope"] for one in nbkeep("model", "budget", "list", "--json").json] == [
        "total",
        "user:jane",
    ]
    assert [one["name"] for one in nbkeep("model", "provider", "list", "--json").json] == ["openai"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("provider add x --host *.example --kind openai", "is not the place of an API"),
        ("provider add x --host a.example --kind other", "kind"),
        ("provider remove x --yes", "There is no model provider 'x'"),
        ("price set x gpt --input 1", "There is no model provider 'x'"),
        ("budget set --month 5", "Give one of --user NAME, --everyone and --total"),
        ("budget set --user nobody --month 5", "There is no user 'nobody'"),
        ("budget set --total --month much", "is not an amount of money for month"),
        ("budget remove --total", "There is no budget for total"),
        ("usage --by prompt", "is nothing to group by"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(nbkeep: Nbkeep, command: str, words: str) -> None:
    done = nbkeep("model", *command.split())
    assert done.code == 1
    assert words in done.err


def test_usage_says_what_is_in_its_numbers_and_what_is_not(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    assert "No calls of models" in nbkeep("model", "usage").err
    nbkeep("model", "provider", "add", "openai", "--host", "api.openai.example", "--kind", "openai")
    nbkeep("model", "price", "set", "openai", "gpt-x", "--input", "2.50")
    session = served.ready(served.user())
    records = [
        call(served, session, "a"),
        call(served, session, "b", measure="estimated"),
        call(served, session, "c", model="", measure="unknown", tokens_in=5),
    ]
    with served.store.write() as tx:
        take_calls(tx, served.clock, "EUR", records)
    shown = nbkeep("model", "usage")
    assert shown.code == 0, shown.err
    assert "1 estimated" in shown.out
    assert "(not told)" in shown.out
    assert "1 unknown, 1 unpriced" in shown.out
    assert "2,000,005" in shown.out
    assert "5.00" in shown.out
    found = nbkeep("model", "usage", "--user", "jane", "--session", session, "--by", "model", "--json").json
    assert [(one["model"], one["calls"]) for one in found["items"]] == [("gpt-x", 2), ("", 1)]
    assert nbkeep("model", "usage", "--user", "joe", "--json").json["items"] == []
    assert nbkeep("model", "usage", "--model", "gpt*", "--json").json["total"]["calls"] == 2
