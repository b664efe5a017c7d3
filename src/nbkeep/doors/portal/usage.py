"""What was used and what it cost, by day or month: one's own, or everybody's for those who may see it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from nbkeep.meter import prices, report
from nbkeep.model.days import month_span
from nbkeep.model.errors import Refused
from nbkeep.model.money import money_words, price_words
from nbkeep.quotas.view import standings_of

from .guard import SignedIn
from .render import page

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.app import Office

router = APIRouter(prefix="/usage")
BY = (("month", "Month"), ("day", "Day"))
_MONTHS = 12
_MOST = 500
_WHOLE = frozenset({"tokens", "bytes"})


@router.get("")
def show(
    request: Request, browser: SignedIn, *, user: str = "", month: str = "", by: str = "month"
) -> Response:
    """Show sums by person and resource, of days or of the month, and the prices that hold now."""
    office: Office = request.app.state.office
    actor, currency, now = browser.actor, office.settings.currency, office.clock.now()
    month, user = month.strip()[:20] or f"{now:%Y-%m}", user.strip()[:60]
    span, is_unknown = month_span(month), False
    with office.store.read() as tx:
        try:
            items = report.usage(tx, actor, span, user=user, daily=by == "day")
        except Refused as refusal:
            if refusal.code != "user-not-found":
                raise
            items, is_unknown = [], True
        own = standings_of(tx, now, actor, currency) if actor.may("sessions") else []
        known = prices.list_prices(tx, office.clock, actor, currency)
    values: dict[str, Any] = {
        "items": [_seen(one, currency) for one in items[:_MOST]],
        "is_cut": len(items) > _MOST,
        "is_unknown": is_unknown,
        "total": money_words(sum(one["cost_microcents"] for one in items), currency),
        "filters": {"user": user, "month": month, "by": "day" if by == "day" else "month"},
        "months": months(now, month),
        "by": BY,
        "standings": own,
        "all": report.sees_all(actor),
        "prices": known,
        "price_words": price_words,
    }
    return page(request, "usage.html", values)


def _seen(one: dict[str, Any], currency: str) -> dict[str, Any]:
    quantity = f"{one['quantity']:,.0f}" if one["unit"] in _WHOLE else f"{one['quantity']:,.2f}"
    return {**one, "quantity": quantity, "cost": money_words(one["cost_microcents"], currency)}


def months(now: datetime, chosen: str) -> list[tuple[str, str]]:
    """Return the last months, and the chosen one."""
    first = now.replace(day=1)
    found: list[str] = []
    for _ in range(_MONTHS):
        found.append(f"{first:%Y-%m}")
        first = (first - timedelta(days=1)).replace(day=1)
    return [(one, one) for one in sorted({*found, chosen}, reverse=True)]
