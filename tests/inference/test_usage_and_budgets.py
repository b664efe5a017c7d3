"""Calls are counted once, priced as of their time, summed up for whom they concern, and kept within budgets."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from nbkeep.audit.search import Wanted as Searched
from nbkeep.audit.search import search
from nbkeep.doors.worker.sweep import forget_old_model_calls
from nbkeep.inference import change, usage
from nbkeep.inference.budgets import gateway_view
from nbkeep.inference.calls import take_calls
from nbkeep.inference.rules import price_for
from nbkeep.inference.values import Price
from nbkeep.model.actor import OPERATOR, Actor, Role
from nbkeep.model.errors import Refused
from nbkeep.model.money import MICROCENTS
from nbkeep.store.model_tables import ModelSpendingRow
from office_parts import OfficeForTests

EUR = "EUR"


def call(office: OfficeForTests, session_id: str, row_id: str = "cal_1", **other: object) -> dict[str, Any]:
    return {
        "id": row_id, "session_id": session_id, "at": office.clock.now().isoformat(), "provider": "openai",
        "operation": "chat", "model": "gpt-x", "streamed": True, "status": 200, "measure": "measured",
        "tokens_in": 1_000_000, "tokens_out": 100_000, "tokens_cached": 400_000, "reason": "", "duration_s": 1.5,
    } | other  # fmt: skip


def report(office: OfficeForTests, *records: dict[str, Any]) -> Any:
    with office.store.write() as tx:
        return take_calls(tx, office.clock, EUR, records)


def set_up(office: OfficeForTests) -> None:
    with office.store.write() as tx:
        change.add_provider(tx, office.clock, OPERATOR, "openai", "api.openai.com", "openai")
        change.set_price(tx, office.clock, OPERATOR, "openai", "gpt-x", ("2.50", "10", "0.25"), EUR)


def budget(office: OfficeForTests, scope: str, month: str) -> None:
    with office.store.write() as tx:
        change.set_budget(tx, office.clock, OPERATOR, scope, month, EUR)


def seen(
    office: OfficeForTests, actor: Actor, by: tuple[str, ...] = ("user", "model")
) -> list[dict[str, Any]]:
    with office.store.read() as tx:
        return usage.usage(tx, actor, usage.Wanted(), by)


def standings(office: OfficeForTests) -> dict[str, tuple[int, bool]]:
    with office.store.read() as tx:
        found = gateway_view(tx, office.clock, EUR)["standings"]
    return {one["session_id"]: (one["percent"], one["is_spent"]) for one in found}


def told(office: OfficeForTests, kind: str) -> list[dict[str, Any]]:
    with office.store.read() as tx:
        return [one["data"] for one in search(tx, OPERATOR, Searched(type=kind)).records]


def test_a_call_is_counted_once_and_costs_what_it_did_at_its_time(any_office: OfficeForTests) -> None:
    office = any_office
    set_up(office)
    jane = office.user()
    session = office.ready(jane)
    first = call(office, session)
    office.clock.advance(60)
    with office.store.write() as tx:
        change.set_price(tx, office.clock, OPERATOR, "openai", "gpt-x", ("100", "100", "100"), EUR)
    for _ in range(3):
        assert report(office, first, first).accepted == 2
    # 600,000 new input at 2.50, 400,000 cached at 0.25, 100,000 out at 10
    cost = (150 + 10 + 100) * MICROCENTS // 100
    found = seen(office, jane)
    assert [(one["user"], one["model"], one["calls"], one["cost_microcents"]) for one in found] == [
        ("jane", "gpt-x", 1, cost)
    ]
    office.clock.advance(1)
    report(office, call(office, session, "cal_2", model="gpt-x-2026-05-01", tokens_cached=0))
    assert [one["cost_microcents"] for one in seen(office, jane, ("user",))] == [cost + 110 * MICROCENTS]


def test_old_calls_are_forgotten_and_what_their_month_cost_is_not(any_office: OfficeForTests) -> None:
    office = any_office
    set_up(office)
    budget(office, "total", "100")
    jane = office.user()
    session = office.ready(jane)
    report(office, call(office, session, "old"))
    office.clock.advance(office.settings.model_calls_retention_s - 3600)
    report(office, call(office, session, "new"))
    assert forget_old_model_calls(office) == 0
    office.clock.advance(2 * 86400)
    assert forget_old_model_calls(office) == 1
    assert forget_old_model_calls(office) == 0
    assert [one["calls"] for one in seen(office, jane, ("user",))] == [1]
    with office.store.read() as tx:
        assert len(set(tx.scalars(select(ModelSpendingRow.month)))) == 2


def test_what_has_no_price_is_counted_and_said_to_have_none(office: OfficeForTests) -> None:
    set_up(office)
    jane = office.user()
    session = office.ready(jane)
    report(
        office,
        call(office, session, "a", model="other"),
        call(office, session, "b", measure="unknown", model=""),
        call(office, session, "c", measure="estimated"),
        call(office, session, "d", measure="failed", tokens_in=0, tokens_out=0, tokens_cached=0),
    )
    with office.store.read() as tx:
        total = usage.total(tx, jane, usage.Wanted())
    assert (total["calls"], total["unpriced"], total["unknown"], total["estimated"], total["failed"]) == (
        4,
        2,
        1,
        1,
        1,
    )


def test_a_budget_warns_at_80_per_cent_and_refuses_at_100_each_told_once(any_office: OfficeForTests) -> None:
    office = any_office
    set_up(office)
    jane, joe = office.user(), office.user("joe")
    hers, his = office.ready(jane), office.ready(joe)
    budget(office, "user:jane", "3.10")  # a call costs 2.60
    assert standings(office) == {}
    report(office, call(office, hers, "a"))
    assert standings(office) == {hers: (83, False)}
    report(office, call(office, hers, "b"))
    report(office, call(office, hers, "c"))
    assert standings(office) == {hers: (251, True)}
    assert [one["percent"] for one in _own(office, jane)] == [251]
    assert len(told(office, "model.budget-warned")) == len(told(office, "model.budget-spent")) == 1
    assert told(office, "model.budget-warned")[0] == {
        "scope": "user:jane", "user": "jane", "month": f"{office.clock.now():%Y-%m}", "spent": "2.60",
        "budget": "3.10", "currency": EUR,
    }  # fmt: skip
    # More money: it works again, and is told of anew.
    budget(office, "user:jane", "9")
    assert standings(office) == {hers: (86, False)}
    report(office, call(office, hers, "d"))
    assert len(told(office, "model.budget-warned")) == 2
    budget(office, "everyone", "1")
    assert set(standings(office)) == {hers}
    report(office, call(office, his, "e"))
    assert standings(office)[his] == (260, True)
    with office.store.write() as tx:
        change.remove_budget(tx, office.clock, OPERATOR, "everyone")
    budget(office, "total", "10")
    assert standings(office)[his] == (130, True)
    # Another month begins with nothing used.
    office.clock.advance(32 * 86400)
    assert standings(office) == {}


def _own(office: OfficeForTests, actor: Actor) -> list[dict[str, Any]]:
    with office.store.read() as tx:
        return usage.own_budgets(tx, office.clock, actor, EUR)


def test_what_all_used_together_is_told_once_it_matters(office: OfficeForTests) -> None:
    set_up(office)
    jane, joe = office.user(), office.user("joe")
    session = office.ready(joe)
    budget(office, "total", "5.40")
    report(office, call(office, session, "a"))
    assert _own(office, jane) == []
    report(office, call(office, session, "b"))
    assert [(one["scope"], one["percent"]) for one in _own(office, jane)] == [("total", 96)]


def test_a_budget_of_nothing_lets_nothing_out(office: OfficeForTests) -> None:
    set_up(office)
    session = office.ready(office.user())
    budget(office, "everyone", "0")
    assert standings(office) == {session: (100, True)}


def test_everybody_sees_their_own_and_admins_and_auditors_all(office: OfficeForTests) -> None:
    set_up(office)
    jane, joe = office.user(), office.user("joe")
    report(office, call(office, office.ready(jane), "a"), call(office, office.ready(joe), "b"))
    assert [one["user"] for one in seen(office, jane)] == ["jane"]
    for role in (Role.ADMIN, Role.AUDITOR):
        assert {one["user"] for one in seen(office, office.user(role.name.lower(), role))} == {"jane", "joe"}
    with office.store.read() as tx:
        assert usage.usage(tx, jane, usage.Wanted(user="joe")) == []
        with pytest.raises(Refused):
            usage.usage(tx, jane, usage.Wanted(), ("prompt",))
        with pytest.raises(Refused):
            usage.budget_views(tx, office.clock, jane, EUR)


def test_only_admins_change_anything(office: OfficeForTests) -> None:
    set_up(office)
    jane = office.user()
    with office.store.write() as tx:
        for act in (
            lambda: change.add_provider(tx, office.clock, jane, "x", "a.example", "openai"),
            lambda: change.remove_provider(tx, office.clock, jane, "openai"),
            lambda: change.set_price(tx, office.clock, jane, "openai", "m", ("1", None, None), EUR),
            lambda: change.set_budget(tx, office.clock, jane, "user:jane", "1000", EUR),
            lambda: change.remove_budget(tx, office.clock, jane, "total"),
        ):
            with pytest.raises(Refused, match="admin:models"):
                act()


@pytest.mark.parametrize(
    ("name", "host", "kind"),
    [("Open AI", "a.example", "openai"), ("a", "*.example", "openai"), ("a", "10.0.0.1", "openai"),
     ("a", "https://a.example", "openai"), ("a", "a.example:0", "openai"), ("a", "a.example", "mistral"),
     ("a", "", "openai"), ("openai", "b.example", "openai"), ("b", "API.openai.com", "openai")],
)  # fmt: skip
def test_what_is_no_provider_is_refused(office: OfficeForTests, name: str, host: str, kind: str) -> None:
    set_up(office)
    with office.store.write() as tx, pytest.raises(Refused):
        change.add_provider(tx, office.clock, OPERATOR, name, host, kind)


@pytest.mark.parametrize("amount", ["-1", "1e3", "", "1,5", "100000.1", "nan", "1.123456789", "٣"])
def test_what_is_no_money_is_refused(office: OfficeForTests, amount: str) -> None:
    set_up(office)
    with office.store.write() as tx, pytest.raises(Refused):
        change.set_price(tx, office.clock, OPERATOR, "openai", "m", (amount, None, None), EUR)


def test_the_closest_price_counts() -> None:
    prices = [Price(name, at, 0, 0) for at, name in enumerate(("gpt-x", "gpt-*", "gpt-x-m*", "*"))]
    for model, name in (
        ("gpt-x", "gpt-x"), ("gpt-x-2026-05-01", "gpt-x"), ("gpt-x-20260501", "gpt-x"), ("gpt-x-mini", "gpt-x-m*"),
        ("gpt-y", "gpt-*"), ("claude", "*"),
    ):  # fmt: skip
        found = price_for(model, prices)
        assert found is not None
        assert found.model == name
    assert price_for("gpt-x-mini", prices[:1]) is None
