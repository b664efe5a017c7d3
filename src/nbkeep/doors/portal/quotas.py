"""Quotas: one's own with what is left, and asking for more; for admins what is set, overridden, asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.model.errors import NbkeepError, invalid
from nbkeep.model.units import parse_duration_s
from nbkeep.quotas import ask, change, view
from nbkeep.quotas.values import ADMIN, USE

from .guard import Form, SignedIn, text
from .render import page

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.app import Office
    from nbkeep.store.database import Tx

    from .browser import Browser

router = APIRouter(prefix="/quotas")
NO_ANSWER = {"id": "", "limit": "", "for": "1d", "reason": ""}
WHO = (("everyone", "Each person"), ("user", "A person"), ("project", "A project"))


@router.get("")
def show(request: Request, browser: SignedIn, *, ask_for: str = "", user: str = "") -> Response:
    """Show own quotas; with `admin:quotas` or `audit:read` all, and one person's (`user`)."""
    return _page(request, browser, {"ask_for": ask_for[:100], "user": user.strip()[:60]})


@router.post("")
def set_quota(request: Request, browser: SignedIn, form: Form) -> Response:
    """Set limits for somebody."""
    office: Office = request.app.state.office
    given = {name: text(form, name, 400) for name in ("kind", "name", "limits")}
    browser.actor.require(ADMIN)
    try:
        if given["kind"] == "everyone" and given["name"]:
            raise invalid("subject", f"Is it for {given['name'][:60]}, or for each person?",
                          "Choose a person or a project, or leave the name empty.")  # fmt: skip
        with office.store.write() as tx:
            subject = _subject(tx, given["kind"], given["name"])
            limits = given["limits"].replace(",", " ").split()
            change.set_quotas(tx, office.clock, browser.actor, subject, limits)
    except NbkeepError as error:
        return _page(request, browser, {"set": given}, error)
    return RedirectResponse("/portal/quotas?done=saved", 303)


@router.post("/remove")
def remove(request: Request, browser: SignedIn, form: Form) -> Response:
    """Take a quota away."""
    office: Office = request.app.state.office
    browser.actor.require(ADMIN)
    with office.store.write() as tx:
        subject = _subject(tx, text(form, "kind", 20), text(form, "name", 254).removeprefix("project "))
        change.remove_quotas(tx, office.clock, browser.actor, subject, [text(form, "quota", 100)])
    return RedirectResponse("/portal/quotas?done=deleted", 303)


@router.post("/override")
def override(request: Request, browser: SignedIn, form: Form) -> Response:
    """Raise limits of somebody for a while, or lift all."""
    office: Office = request.app.state.office
    given = {name: text(form, name, 600) for name in ("kind", "name", "limits", "for", "reason")}
    browser.actor.require(ADMIN)
    try:
        with office.store.write() as tx:
            change.override(
                tx, office.clock, browser.actor, _subject(tx, given["kind"], given["name"]),
                until=_until(office, given["for"]), reason=given["reason"],
                limits=given["limits"].replace(",", " ").split(),
            )  # fmt: skip
    except NbkeepError as error:
        return _page(request, browser, {"override": given}, error)
    return RedirectResponse("/portal/quotas?done=saved", 303)


@router.post("/overrides/{override_id}/end")
def end_override(request: Request, browser: SignedIn, override_id: str) -> Response:
    """Take an override back."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        change.end_override(tx, office.clock, browser.actor, override_id)
    return RedirectResponse("/portal/quotas?done=saved", 303)


@router.post("/ask")
def ask_for_more(request: Request, browser: SignedIn, form: Form) -> Response:
    """Ask for more."""
    office: Office = request.app.state.office
    quota, reason = text(form, "quota", 200), text(form, "reason", 1000)
    key, _, whose = quota.partition(" ")
    try:
        with office.store.write() as tx:
            ask.ask(
                tx, office.clock, browser.actor, key, reason=reason,
                project=whose.removeprefix("project ") if whose.startswith("project ") else None,
            )  # fmt: skip
    except NbkeepError as error:
        return _page(request, browser, {"ask_for": quota, "reason": reason}, error)
    return RedirectResponse("/portal/quotas?done=asked", 303)


@router.post("/requests/{request_id}/give")
def give(request: Request, browser: SignedIn, request_id: str, form: Form) -> Response:
    """Give what was asked for, for a while."""
    office: Office = request.app.state.office
    given = NO_ANSWER | {"id": request_id, "limit": text(form, "limit", 100), "for": text(form, "for", 40)}
    browser.actor.require(ADMIN)
    try:
        with office.store.write() as tx:
            ask.give(
                tx, office.clock, browser.actor, request_id, until=_until(office, given["for"]),
                limit=given["limit"],
            )  # fmt: skip
    except NbkeepError as error:
        return _page(request, browser, {"answer": given}, error)
    return RedirectResponse("/portal/quotas?done=more-given", 303)


@router.post("/requests/{request_id}/deny")
def deny(request: Request, browser: SignedIn, request_id: str, form: Form) -> Response:
    """Say no."""
    office: Office = request.app.state.office
    reason = text(form, "reason", 1000)
    browser.actor.require(ADMIN)
    try:
        with office.store.write() as tx:
            ask.deny(tx, office.clock, browser.actor, request_id, reason=reason)
    except NbkeepError as error:
        return _page(request, browser, {"answer": NO_ANSWER | {"id": request_id, "reason": reason}}, error)
    return RedirectResponse("/portal/quotas?done=denied", 303)


def _subject(tx: Tx, kind: str, name: str) -> change.Subject:
    return change.find_subject(
        tx,
        user=name if kind == "user" else None,
        project=name if kind == "project" else None,
        everyone=kind == "everyone",
    )


def _until(office: Office, duration: str) -> datetime:
    if not duration:
        raise invalid("for", "For how long?", "Write it like 8h or 7d.")
    return office.clock.now() + timedelta(seconds=parse_duration_s(duration, "for"))


def _page(
    request: Request, browser: Browser, values: dict[str, object], error: NbkeepError | None = None
) -> Response:
    office: Office = request.app.state.office
    actor, now, currency = browser.actor, office.clock.now(), office.settings.currency
    is_admin, sees_all = actor.may(ADMIN), view.sees_all(actor)
    empty = {"kind": "everyone", "name": "", "limits": "", "for": "1d", "reason": ""}
    wanted = str(values.get("user", "")) if sees_all else ""
    with office.store.read() as tx:
        own = view.standings_of(tx, now, actor, currency) if actor.may(USE) else []
        others, is_unknown = [], False
        if wanted:
            try:
                others = view.standings_of(tx, now, actor, currency, user=wanted)
            except NbkeepError:
                is_unknown = True
        mine = view.requests_view(tx, ask.requests(tx, actor, own=True))
        waiting = view.requests_view(tx, ask.requests(tx, actor)) if sees_all else []
        quotas = view.list_quotas(tx, actor, currency) if sees_all else []
        overrides = view.list_overrides(tx, now, actor) if sees_all or actor.may(USE) else []
    return page(
        request,
        "quotas.html",
        {
            "own": own, "user": wanted, "others": others, "is_unknown": is_unknown, "mine": mine,
            "waiting": waiting, "quotas": quotas, "overrides": overrides, "is_admin": is_admin,
            "all": sees_all, "who": WHO, "error": error, "ask_for": values.get("ask_for", ""),
            "reason": values.get("reason", ""), "set": values.get("set", empty),
            "override": values.get("override", empty), "answer": values.get("answer", NO_ANSWER),
        },
        status=error.status if error else 200,
    )  # fmt: skip
