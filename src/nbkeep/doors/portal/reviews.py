"""Documents that others want to let leave: what waits for me, and a page on which I decide about one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.model.errors import Refused, invalid
from nbkeep.model.gates import Found
from nbkeep.releases.decide import approve_release, deny_release, send_back_release
from nbkeep.releases.rules import REVIEW

from . import release_words
from .errors import field_errors
from .framed import is_shown, policy_with_frames
from .guard import Form, SignedIn, text
from .release_documents import SECRETS
from .releases import listed, seen
from .render import page

if TYPE_CHECKING:
    from starlette.datastructures import FormData

    from nbkeep.app import Office

    from .browser import Browser

router = APIRouter(prefix="/reviews")
_WAITING, _ALL = "to-review", "all"
_COMMENT = "comment-"
_FREE = 3  # comments on cells in which nothing was found
_MOST_CELLS = 100  # that have a field for a comment beside them
_OVER = ("release-not-waiting", "self-review", "not-a-reviewer")
_APPROVE, _REDACTED, _SEND_BACK, _DENY = "approve", "approve-redacted", "send-back", "deny"


@router.get("")
def show(request: Request, browser: SignedIn, which: str = "", state: str = "", cursor: str = "") -> Response:
    """Show what waits for my review, the oldest first; or all that I may look at, the newest first."""
    office: Office = request.app.state.office
    browser.actor.require(REVIEW)
    is_all = which == _ALL
    values = listed(
        office,
        browser.actor,
        "/portal/reviews",
        _ALL if is_all else _WAITING,
        state if is_all else "",
        cursor,
        oldest_first=not is_all,
    )
    for name in ("first_url", "next_url"):
        if is_all and values[name]:
            values[name] += ("&" if "?" in values[name] else "?") + f"which={_ALL}"
    return page(request, "reviews.html", values | {"is_all": is_all})


@router.get("/{release_id}")
def show_one(request: Request, browser: SignedIn, release_id: str) -> Response:
    """Show a document that waits for my decision; what does not is shown on its own page."""
    one = seen(request.app.state.office, browser.actor, release_id)
    if not one["may"]["deny"]:
        return RedirectResponse(f"/portal/releases/{one['id']}", 303)
    return _page(request, one, {"reason": "", "comments": {}, "free": []})


@router.post("/{release_id}")
def decide(request: Request, browser: SignedIn, release_id: str, form: Form) -> Response:
    """Approve, approve redacted, send back or deny: what the form says was looked at, and nothing else."""
    given = _given(form)
    try:
        done = _decide(request.app.state.office, browser, release_id, form, given)
    except Refused as refusal:
        if refusal.status == 404 or refusal.code in _OVER:
            raise
        one = seen(request.app.state.office, browser.actor, release_id)
        return _page(request, one, given, refusal)
    return RedirectResponse(f"/portal/reviews?done={done}", 303)


def _decide(office: Office, browser: Browser, release_id: str, form: FormData, given: dict[str, Any]) -> str:
    decision, reason, comments = text(form, "decision", 20), given["reason"], _comments(given)
    actor, clock = browser.actor, office.clock
    if comments and decision != _SEND_BACK:
        raise invalid("comment", "What you wrote about cells reaches its author only if you send it back.",
                      "Send it back, or clear the comments and say in the reason what matters.")  # fmt: skip
    with office.store.write() as tx:
        if decision in {_APPROVE, _REDACTED}:
            is_redacted = decision == _REDACTED
            approve_release(
                tx,
                clock,
                office.settings,
                actor,
                release_id,
                # Of the page that was looked at: another document has another hash.
                sha256=text(form, "redacted_sha256" if is_redacted else "plain_sha256", 64),
                redacted=is_redacted,
                reason=reason,
            )
            return "release-approved"
        if decision == _SEND_BACK:
            send_back_release(tx, clock, actor, release_id, reason=reason, comments=comments)
            return "release-sent-back"
        if decision == _DENY:
            deny_release(tx, clock, actor, release_id, reason)
            return "denied"
    raise invalid("decision", "Nothing was decided.", "Approve it, send it back, or deny it.")


def _given(form: FormData) -> dict[str, Any]:
    """Return what was typed: the reason, comments by cell, and those whose cell was typed, too."""
    beside = {
        name.removeprefix(_COMMENT): text(form, name, 5000) for name in form if name.startswith(_COMMENT)
    }
    free = [(text(form, f"cell-{at}", 10), text(form, f"words-{at}", 5000)) for at in range(_FREE)]
    return {"reason": text(form, "reason", 5000), "comments": beside, "free": free}


def _comments(given: dict[str, Any]) -> list[dict[str, object]]:
    written = [*given["comments"].items(), *given["free"]]
    comments: list[dict[str, object]] = []
    for cell, words in written:
        if not words:
            continue
        if cell and not (cell.isascii() and cell.isdecimal() and len(cell) < 8):
            raise invalid("comment", f"{cell[:20]!r} is not the number of a cell.", "Cells count from 1.")
        comments.append({"cell": int(cell or 0), "text": words})
    return comments


def _page(
    request: Request, one: dict[str, Any], given: dict[str, Any], refusal: Refused | None = None
) -> Response:
    office: Office = request.app.state.office
    values: dict[str, Any] = {
        "r": one,
        "judged": release_words.judged(one),
        "cells": release_words.by_cell(one),
        "most_cells": _MOST_CELLS,
        "given": given,
        "free": [*given["free"], *[("", "")] * _FREE][:_FREE],
        "views": _views(one),
        "keeps": [(word, one["keep"].get(name, False)) for name, word in release_words.KEEPS],
        "errors": field_errors(refusal) if refusal else {},
    }
    headers = policy_with_frames(office.settings, f"/portal/releases/{one['id']}/shown/")
    status = refusal.status if refusal else 200
    return page(request, "review.html", values, status=status, headers=headers)


def _views(one: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what can be looked at: its name, its word, and why it cannot be ("" where it can)."""
    views = [("preview", "What it contains", "" if one["may"]["preview"] else "There is no preview.")]
    for name, word in (("plain", "As it leaves"), ("redacted", "Redacted")):
        about = one[name]
        if about is None:
            why = (one["not_redacted"] if name == "redacted" else one["problem"]) or "There is none."
        elif name == "plain" and Found.SECRET in one["found"]:
            why = SECRETS
        else:
            why = "" if is_shown(about.get("media_type", "")) else "This kind of file is not shown here."
        views.append((name, word, why))
    is_first = "" if one["may"]["compare"] else "Nothing that it can be compared with has left before."
    return [*views, ("changes", "Changes since it last left", is_first)]
