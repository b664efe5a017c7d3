"""The dashboard: sessions, spend, GPUs, storage, models and alarms at a glance, each number also as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from nbkeep.dashboard.gather import gather
from nbkeep.dashboard.values import csv, number, words
from nbkeep.doors.portal.guard import SignedIn
from nbkeep.doors.portal.render import page
from nbkeep.doors.portal.usage import months
from nbkeep.model.errors import Refused
from nbkeep.model.money import money_words

if TYPE_CHECKING:
    from nbkeep.app import Office

router = APIRouter(prefix="/admin/dashboard")
_RANKED = 10  # as many bars as can be read; the CSV has all


@router.get("")
def show(request: Request, browser: SignedIn, month: str = "") -> Response:
    """Show everything of a month, and what runs now."""
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found = gather(tx, office.clock, browser.actor, month.strip()[:20], office.settings.currency)
    values: dict[str, Any] = {
        "d": found,
        "months": months(office.clock.now(), found.month),
        "most": _RANKED,
        "number": number,
        "words_of": words,
        "short": _short,
        "money_words": money_words,
    }
    return page(request, "admin/dashboard.html", values)


@router.get("/{name}.csv")
def take_csv(request: Request, browser: SignedIn, name: str, month: str = "") -> Response:
    """Give all the numbers of one chart."""
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found = gather(tx, office.clock, browser.actor, month.strip()[:20], office.settings.currency)
    sheet = found.sheet(name)
    if sheet is None:
        raise Refused("page-not-found", "There are no such numbers.", "Go back to the dashboard.", status=404)
    text = "".join(f"{one}\r\n" for one in csv(sheet, found.currency))
    headers = {"content-disposition": f'attachment; filename="nbkeep-{sheet.name}-{found.month}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _short(count: int) -> str:
    """Return a count with three digits that matter.

    >>> _short(999), _short(28_301_411), _short(2_000_000_000)
    ('999', '28.3 M', '2 G')
    """
    for step, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= step:
            return f"{count / step:.{1 if count < 100 * step else 0}f}".removesuffix(".0") + f" {unit}"
    return str(count)
