"""What may leave: policies by scope and gate, a form to set them, and what decides for a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import Form, SignedIn, text
from nbkeep.doors.portal.render import page
from nbkeep.guard import change, view
from nbkeep.guard.rules import choices
from nbkeep.guard.values import ADMIN, EVERYWHERE
from nbkeep.guard.words import FOUND_WORDS, GATE_WORDS
from nbkeep.model.classification import CLASSIFICATIONS
from nbkeep.model.errors import Refused
from nbkeep.model.gates import Found, Gate

if TYPE_CHECKING:
    from starlette.datastructures import FormData

    from nbkeep.app import Office
    from nbkeep.doors.portal.browser import Browser
    from nbkeep.store.database import Tx

router = APIRouter(prefix="/admin/policies")
_SAME, _UNSET = "", "unset"


@router.get("")
def show(request: Request, browser: SignedIn) -> Response:
    """Show what is set; with a gate in the query, what decides there."""
    return _page(request, browser)


@router.post("")
def set_policies(request: Request, browser: SignedIn, form: Form) -> Response:
    """Set and unset decisions of one scope, at the gates that are ticked."""
    browser.actor.require(ADMIN)
    office: Office = request.app.state.office
    chosen = {found.value: text(form, found.value, 20) for found in Found}
    wanted = {found: word for found, word in chosen.items() if word not in {_SAME, _UNSET}}
    gone = [found for found, word in chosen.items() if word == _UNSET]
    gates = _ticked(form, "gates")
    notes: list[str] = []
    try:
        with office.store.write() as tx:
            scope = change.scope_from(tx, text(form, "scope", 100), deleted=not wanted)
            if wanted or not gone:
                notes = change.set_policy(tx, office.clock, browser.actor, scope, gates, wanted)
            if gone:
                named = [one.value for one in change.read_gates(gates)]  # none ticked is not all of them
                change.unset_policy(tx, office.clock, browser.actor, scope, named, gone)
    except Refused as refusal:
        return _page(request, browser, form, refusal)
    if notes:
        return _page(request, browser, notes=notes)
    return RedirectResponse("/portal/admin/policies?done=saved", 303)


@router.post("/unset")
def unset_all(request: Request, browser: SignedIn, form: Form) -> Response:
    """Unset all of one scope."""
    browser.actor.require(ADMIN)
    office: Office = request.app.state.office
    with office.store.write() as tx:
        scope = change.scope_from(tx, text(form, "scope", 100), deleted=True)
        change.unset_policy(tx, office.clock, browser.actor, scope)
    return RedirectResponse("/portal/admin/policies?done=saved", 303)


def _page(
    request: Request,
    browser: Browser,
    form: FormData | None = None,
    refusal: Refused | None = None,
    notes: list[str] | None = None,
) -> Response:
    office: Office = request.app.state.office
    asked = _asked(request)
    with office.store.read() as tx:
        found = view.list_policies(tx, browser.actor)
        names = view.scope_names(tx, browser.actor)
        answer = _answer(tx, browser, asked) if asked["gate"] else None
    values: dict[str, Any] = {
        "scopes": _scopes(found),
        "names": names | {"classes": list(CLASSIFICATIONS)},
        "gates": [(gate.value, GATE_WORDS[gate]) for gate in Gate],
        "kinds": [
            (one.value, FOUND_WORDS[one], [word.value for word in choices(Gate.EXPORT, one)]) for one in Found
        ],
        "given": _given(form),
        "errors": field_errors(refusal) if refusal else {},
        "notes": notes or [],
        "asked": asked,
        "answer": answer,
        "is_admin": browser.actor.may(ADMIN),
    }
    return page(request, "admin/policies.html", values, status=refusal.status if refusal else 200)


def _answer(tx: Tx, browser: Browser, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        return view.explain(
            tx,
            browser.actor,
            asked["gate"],
            profile=asked["profile"],
            projects=[asked["project"]] if asked["project"] else [],
            classification=asked["classification"],
            found=asked["found"],
        )
    except Refused as refusal:
        return {"words": refusal.message, "remedy": refusal.remedy, "because": [], "rules": []}


def _asked(request: Request) -> dict[str, Any]:
    query = request.query_params
    single = {name: query.get(name, "")[:100] for name in ("gate", "profile", "project", "classification")}
    return {**single, "found": query.getlist("found")[:10]}


def _given(form: FormData | None) -> dict[str, Any]:
    if form is None:
        return {"scope": "", "gates": [], **{found.value: _SAME for found in Found}}
    return {
        "scope": text(form, "scope", 100),
        "gates": _ticked(form, "gates"),
        **{found.value: text(form, found.value, 20) for found in Found},
    }


def _ticked(form: FormData, name: str) -> list[str]:
    return [one for one in form.getlist(name)[:20] if isinstance(one, str)]


def _scopes(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a table for each scope, that for everything first and whole: with the defaults."""
    tables: dict[str, dict[str, Any]] = {
        EVERYWHERE: {"scope": EVERYWHERE, "kind": EVERYWHERE, "name": "", "is_deleted": False, "set": {}}
    }
    for one in found:
        tables.setdefault(one["scope"], {**one, "set": {}})["set"][one["gate"]] = one
    for table in tables.values():
        table["rows"] = [
            _row(gate, table["set"].get(gate), with_default=table["scope"] == EVERYWHERE)
            for gate in Gate
            if table["scope"] == EVERYWHERE or gate in table["set"]
        ]
    return list(tables.values())


def _row(gate: Gate, said: dict[str, Any] | None, *, with_default: bool) -> dict[str, Any]:
    decisions, defaults = (said or {}).get("decisions", {}), view.defaults()[gate]
    cells = [
        {
            "found": kind.value,
            "decision": decisions.get(kind, ""),
            "default": defaults[kind] if with_default else "",
        }
        for kind in Found
    ]
    return {"gate": gate.value, "words": GATE_WORDS[gate], "said": said, "cells": cells}
