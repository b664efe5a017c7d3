"""Commits on their way to a forge: what waits, of mine and for my review, and a page to decide about one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.guard.values import Because, Judgement
from nbkeep.guard.words import sentence
from nbkeep.model.errors import Refused, Unavailable, invalid
from nbkeep.model.gates import Decision, Found, Gate, strictest
from nbkeep.pushes.decide import approve_push, deny_push, send_back_push, withdraw_push
from nbkeep.pushes.records import find_push, list_pushes
from nbkeep.pushes.rules import REVIEW
from nbkeep.pushes.values import State
from nbkeep.pushes.view import page_of, push_view
from nbkeep.rendering.kept import Documents

from .errors import field_errors
from .guard import Form, SignedIn, text
from .render import page

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.model.actor import Actor
    from nbkeep.pushes.values import Page

    from .browser import Browser

router = APIRouter(prefix="/pushes")
_SHOWN = 30
_MINE, _TO_REVIEW, _ALL = "mine", "to-review", "all"
_OVER = ("push-not-waiting", "self-review", "not-a-reviewer")
_STATES = {
    State.WAITING: ("Waits for a reviewer", "warn"),
    State.APPROVED: ("Push it again", "good"),
    State.SENDING: ("Under way", "warn"),
    State.PUSHED: ("Pushed", "good"),
    State.DENIED: ("Denied", "bad"),
    State.SENT_BACK: ("Sent back", "warn"),
    State.WITHDRAWN: ("Withdrawn", ""),
    State.LAPSED: ("Lapsed", ""),
}


@router.get("")
def show(request: Request, browser: SignedIn, which: str = "", cursor: str = "") -> Response:
    """Show what waits for my review where I review, else what I pushed; the newest first."""
    office: Office = request.app.state.office
    actor = browser.actor
    reviews = actor.may(REVIEW)
    which = (
        which if which in {_MINE, _ALL} and (reviews or which == _MINE) else _TO_REVIEW if reviews else _MINE
    )
    now = office.clock.now()
    with office.store.read() as tx:
        found = list_pushes(tx, actor, now, show=which, limit=_SHOWN, cursor=cursor or None)
        items = [_with_words(push_view(actor, now, *one, whole=False)) for one in found.items]
    first = f"/portal/pushes?{urlencode({'which': which})}"
    following = f"{first}&{urlencode({'cursor': found.next})}" if found.next else ""
    values: dict[str, Any] = {
        "items": items, "which": which, "reviews": reviews, "first_url": first, "next_url": following,
        "cursor": cursor,
    }  # fmt: skip
    return page(request, "pushes.html", values)


@router.get("/{push_id}")
def show_one(request: Request, browser: SignedIn, push_id: str) -> Response:
    """Show one push to its author, and to who may decide about it, with what it would send."""
    return _page(request, browser.actor, push_id, "")


@router.post("/{push_id}")
def decide(request: Request, browser: SignedIn, push_id: str, form: Form) -> Response:
    """Approve, send back or deny: exactly what the form says was looked at."""
    reason = text(form, "reason", 5000)
    try:
        done = _decide(request.app.state.office, browser, push_id, text(form, "decision", 20), reason,
                       text(form, "fingerprint", 64))  # fmt: skip
    except Refused as refusal:
        if refusal.status == 404 or refusal.code in _OVER:
            raise
        return _page(request, browser.actor, push_id, reason, refusal)
    return RedirectResponse(f"/portal/pushes?done={done}", 303)


@router.post("/{push_id}/withdraw")
def withdraw(request: Request, browser: SignedIn, push_id: str) -> Response:
    """End a request before anything was sent."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        withdraw_push(tx, office.clock, browser.actor, push_id)
    return RedirectResponse(f"/portal/pushes/{push_id}?done=withdrawn", 303)


def _decide(
    office: Office, browser: Browser, push_id: str, decision: str, reason: str, fingerprint: str
) -> str:
    actor, clock = browser.actor, office.clock
    with office.store.write() as tx:
        match decision:
            case "approve":
                approve_push(
                    tx, clock, office.settings, actor, push_id, fingerprint=fingerprint, reason=reason
                )
                return "push-approved"
            case "send-back":
                send_back_push(tx, clock, actor, push_id, reason)
                return "push-sent-back"
            case "deny":
                deny_push(tx, clock, actor, push_id, reason)
                return "denied"
            case _:
                raise invalid("decision", "Nothing was decided.", "Approve it, send it back, or deny it.")


def _page(
    request: Request, actor: Actor, push_id: str, reason: str, refusal: Refused | None = None
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        row, user = find_push(tx, actor, push_id)
        one = _with_words(push_view(actor, office.clock.now(), row, user))
    values: dict[str, Any] = {
        "p": one,
        "contents": _contents(office, actor, one),
        "judged": _judged(one),
        "is_mine": one["user"] == actor.name,
        "reason": reason,
        "errors": field_errors(refusal) if refusal else {},
    }
    return page(request, "push.html", values, status=refusal.status if refusal else 200)


def _contents(office: Office, actor: Actor, one: dict[str, Any]) -> Page | None:
    if not one["may"]["look"]:
        return None
    try:
        found = page_of(office.store, office.clock, Documents(office.settings.pushes_dir), actor, one["id"])
    except Unavailable:
        return None
    for commit in found["commits"]:
        at = commit["at"]
        commit["moment"] = datetime.fromtimestamp(int(at), UTC).isoformat() if _is_moment(at) else ""
    return found


def _is_moment(text: str) -> bool:
    """Tell whether seconds since 1970 are a time that can be shown: whoever commits writes what they like."""
    return text.isascii() and text.isdigit() and len(text) < 11


def _judged(one: dict[str, Any]) -> str:
    because = tuple(
        Because(Found(each["found"]), Decision(each["decision"]), each["scope"]) for each in one["because"]
    )
    return sentence(Judgement(strictest(each.decision for each in because), because), Gate.PUSH)


def _with_words(one: dict[str, Any]) -> dict[str, Any]:
    word, tone = _STATES[State(one["state"])]
    found = ", ".join(f"{count} {title}" for title, count in list(one["finding_counts"].items())[:3])
    return one | {"word": word, "tone": tone, "found_words": found or "nothing"}
