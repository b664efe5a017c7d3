"""Classes of data: what sessions that carry one may still reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.data.class_rules import ADMIN, is_closed_by_setting, list_class_rules, set_class_rules
from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import Form, SignedIn, listed, text
from nbkeep.doors.portal.render import page
from nbkeep.model.errors import Refused
from nbkeep.profiles.words import classification_words

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.doors.portal.browser import Browser

router = APIRouter(prefix="/admin/classifications")
_LISTS = ("egress_only", "egress_denylist")


@router.get("")
def show(request: Request, browser: SignedIn) -> Response:
    """Show all classes, each with its form."""
    return _page(request, browser)


@router.post("/{name}")
def change(request: Request, browser: SignedIn, name: str, form: Form) -> Response:
    """Change the rules of one."""
    office: Office = request.app.state.office
    given: dict[str, Any] = {field: listed(form, field) for field in _LISTS}
    closed = is_closed_by_setting(office.settings, name)
    given["public_internet"] = not closed and text(form, "closes_internet") != "on"
    try:
        with office.store.write() as tx:
            set_class_rules(tx, office.clock, office.settings, browser.actor, name, given)
    except Refused as refusal:
        return _page(request, browser, name, given, refusal)
    return RedirectResponse(f"/portal/admin/classifications?done=saved#{name}", 303)


def _page(
    request: Request,
    browser: Browser,
    name: str = "",
    given: dict[str, Any] | None = None,
    refusal: Refused | None = None,
) -> Response:
    browser.actor.require(ADMIN)
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found = list_class_rules(tx, office.settings, browser.actor)
    if given is not None and name not in {one["name"] for one in found} and refusal is not None:
        raise refusal
    classes = [
        {
            **one,
            **{field: "\n".join(one[field]) for field in _LISTS},
            **((given or {}) if one["name"] == name else {}),
            "words": classification_words(one["name"]),
            "is_fixed": is_closed_by_setting(office.settings, one["name"]),
            "errors": field_errors(refusal) if refusal and one["name"] == name else {},
        }
        for one in found
    ]
    return page(
        request, "admin/classifications.html", {"classes": classes}, status=refusal.status if refusal else 200
    )
