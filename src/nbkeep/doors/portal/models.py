"""What was used of models, and what it cost: one's own, or everybody's for those who may see it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from nbkeep.inference import usage
from nbkeep.inference.values import ADMIN
from nbkeep.model.money import money_words, price_words

from .guard import SignedIn
from .render import page

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.app import Office

router = APIRouter(prefix="/models")
_MOST = 200
PERIODS = (("month", "This month"), ("7d", "Last 7 days"), ("30d", "Last 30 days"), ("", "All that is kept"))
_NOTES = {
    "estimated": "estimated",
    "unknown": "not known",
    "unmetered": "not metered",
    "failed": "failed",
    "refused": "refused",
    "unpriced": "without a price",
}


@router.get("")
def show(
    request: Request,
    browser: SignedIn,
    *,
    user: str = "",
    model: str = "",
    session: str = "",
    period: str = "month",
) -> Response:
    """Show sums by day, person and model, how budgets stand, and which prices hold."""
    office: Office = request.app.state.office
    filters = {"user": user.strip()[:60], "model": model.strip()[:100], "session": session.strip()[:24]}
    wanted = usage.Wanted(**filters, since=_since(period, office.clock.now()))
    actor, currency = browser.actor, office.settings.currency
    sees_all = usage.sees_all(actor)
    with office.store.read() as tx:
        items = usage.usage(tx, actor, wanted, limit=_MOST)
        total = usage.total(tx, actor, wanted)
        values: dict[str, Any] = {
            "providers": usage.list_providers(tx, actor),
            "prices": usage.list_prices(tx, actor, currency),
            "own": usage.own_budgets(tx, office.clock, actor, currency),
            "budgets": usage.budget_views(tx, office.clock, actor, currency) if actor.may(ADMIN) else [],
        }
    values |= {
        "items": [{**one, "cost": _cost(one, currency), "notes": _notes(one)} for one in items],
        "total": {**total, "cost": _cost(total, currency), "notes": _notes(total)},
        "is_cut": len(items) == _MOST,
        "filters": {**filters, "period": period},
        "periods": PERIODS,
        "all": sees_all,
        "price_words": price_words,
    }
    return page(request, "models.html", values)


def _since(period: str, now: datetime) -> datetime | None:
    if period == "month":
        return now.replace(day=1)
    return now - timedelta(days=int(period[:-1])) if period in {"7d", "30d"} else None


def _cost(one: dict[str, Any], currency: str) -> str:
    if one["unpriced"] and not one["cost_microcents"]:
        return "no price"
    return money_words(one["cost_microcents"], currency)


def _notes(one: dict[str, Any]) -> str:
    return ", ".join(f"{one[name]} {words}" for name, words in _NOTES.items() if one[name])
