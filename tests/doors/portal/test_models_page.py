"""The page of models: what was used by whom, how budgets stand, and nothing of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.inference import change
from nbkeep.inference.calls import take_calls
from nbkeep.model.actor import OPERATOR, Role
from portal_parts import HOSTILE

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from portal_parts import Portal


def filled(portal: Portal, jane: Actor, joe: Actor) -> None:
    """Let jane and joe have called models: she has used 86 % of her budget."""
    office = portal.office
    with office.store.write() as tx:
        change.add_provider(tx, office.clock, OPERATOR, "openai", "api.openai.com", "openai")
        change.set_price(tx, office.clock, OPERATOR, "openai", "gpt-x", ("2.50", "10", "0.25"), "EUR")
        change.set_budget(tx, office.clock, OPERATOR, "user:jane", "3", "EUR")
    sessions = {one.name: office.ready(one) for one in (jane, joe)}
    records = [
        {"id": f"cal_{name}_{measure}", "session_id": sessions[name], "at": office.clock.now().isoformat(),
         "provider": "openai", "operation": "chat", "model": model, "streamed": True, "status": 200,
         "measure": measure, "tokens_in": 1_000_000, "tokens_out": 100_000, "tokens_cached": 400_000, "reason": "",
         "duration_s": 1.0}
        for name, model, measure in (("jane", "gpt-x", "measured"), ("jane", HOSTILE, "unknown"),
                                     ("joe", "gpt-x", "estimated"))
    ]  # fmt: skip
    with office.store.write() as tx:
        assert take_calls(tx, office.clock, "EUR", records).accepted == 3


def test_people_see_their_own_and_how_their_budget_stands(portal: Portal) -> None:
    jane = portal.person()
    assert "No provider of models is known" in jane.get("/models")
    filled(portal, jane.actor, portal.office.user("joe"))
    page = jane.get("/models")
    assert 'data-model="gpt-x"' in page
    assert "2.60" in page
    assert "1 not known, 1 without a price" in page
    assert "86 % of it" in page
    assert "joe" not in page
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert 'data-model="gpt-x"' not in jane.get("/models?model=other")


def test_admins_and_auditors_see_all_and_admins_the_budgets(portal: Portal) -> None:
    filled(portal, portal.office.user(), portal.office.user("joe"))
    ops = portal.person("ops", Role.ADMIN)
    admin = ops.get("/models")
    auditor = portal.person("vera", Role.AUDITOR).get("/models")
    for page in (admin, auditor):
        assert "jane" in page
        assert "joe" in page
        assert "1 estimated" in page
    assert 'data-budget-of="user:jane"' in admin
    assert 'data-budget-of="user:jane"' not in auditor
    assert "joe" not in ops.get("/models?user=jane").partition('id="usage"')[2]
