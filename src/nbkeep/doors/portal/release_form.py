"""The form that asks to let a document leave. Bad input is said at its field, and nothing typed is lost."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.model.errors import Refused
from nbkeep.model.units import format_duration
from nbkeep.releases.records import find_release, projects_of
from nbkeep.releases.request import request_release
from nbkeep.releases.rules import ASK, SHARING
from nbkeep.releases.values import Wanted
from nbkeep.rendering.interface import Keep

from . import release_words
from .errors import field_errors
from .guard import Form, SignedIn, text
from .render import page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.datastructures import FormData

    from nbkeep.app import Office

    from .browser import Browser

router = APIRouter(prefix="/releases")
_TEXTS = ("path", "gate", "form", "project", "reason", "people", "until", "title", "description", "tags")
_KEEPS = tuple(one.name for one in fields(Keep))
_EVERYONE, _ANYONE = "everyone", "anyone"
_IN_FORM = {"to": "audience", "expires_at": "until"}
_NOT_THERE = {"user-not-found": "people", "project-not-found": "project", "share-with-anyone": "audience"}


@router.get("/new")
def show(
    request: Request, browser: SignedIn, path: str = "", gate: str = "", form: str = "", again: str = ""
) -> Response:
    """Show the form, filled with a file of the home, a way and a form, or with what was asked for before."""
    browser.actor.require(ASK)
    given = _empty() | {
        "path": path[:4096],
        "gate": gate if gate in dict_of_gates() else "export",
        "form": form if form in dict(release_words.FORMS) else "",
    }
    if again:
        given = _asked_before(request.app.state.office, browser, again)
    return _page(request, browser, given)


@router.post("")
def ask(request: Request, browser: SignedIn, form: Form) -> Response:
    """Ask to let a document leave, and show what becomes of it."""
    office: Office = request.app.state.office
    given = _given(form)
    try:
        with office.store.write() as tx:
            row = request_release(tx, office.clock, office.settings, browser.actor, _wanted(given))
    except Refused as refusal:
        return _page(request, browser, given, refusal)
    return RedirectResponse(f"/portal/releases/{row.id}?done=release-asked", 303)


def dict_of_gates() -> dict[str, str]:
    """Return the ways out, in words."""
    return {name: word for name, word, _ in release_words.GATES}


def _wanted(given: dict[str, Any]) -> Wanted:
    """Return what is asked for. What was typed for a share counts for nothing else: it is not shown there."""
    is_shared = given["gate"] in set(SHARING)
    people = (f"user:{one}" for one in given["people"].replace(",", " ").split())
    projects = (f"project:{one}" for one in given["projects"])
    audience = [one for one in (_EVERYONE, _ANYONE) if given[one]]
    return Wanted(
        path=given["path"],
        gate=given["gate"],
        form=given["form"],
        keep=Keep(**{name: name in given["keep"] for name in _KEEPS}),
        reason=given["reason"],
        audience=_once([*people, *projects, *audience]) if is_shared else (),
        until=given["until"] if is_shared else "",
        title=given["title"] if is_shared else "",
        description=given["description"] if is_shared else "",
        tags=_once(given["tags"].replace(",", " ").split()) if is_shared else (),
        project=given["project"],
    )


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _given(form: FormData) -> dict[str, Any]:
    ticked = {name: _ticked(form, name) for name in ("keep", "projects")}
    marks = {name: bool(text(form, name, 10)) for name in (_EVERYONE, _ANYONE)}
    return {name: text(form, name, 5000) for name in _TEXTS} | ticked | marks


def _ticked(form: FormData, name: str) -> list[str]:
    return [one for one in form.getlist(name) if isinstance(one, str)]


def _empty() -> dict[str, Any]:
    kept = [one.name for one in fields(Keep) if one.default is True]
    texts = dict.fromkeys(_TEXTS, "")
    return texts | {"gate": "export", "keep": kept, "projects": [], _EVERYONE: False, _ANYONE: False}


def _asked_before(office: Office, browser: Browser, release_id: str) -> dict[str, Any]:
    """Return the form as it was when the same document was asked for; raises `Refused` (404)."""
    with office.store.read() as tx:
        row, _ = find_release(tx, browser.actor, release_id)
    whom: list[str] = row.audience
    return _empty() | {
        "path": row.path,
        "gate": row.gate,
        "form": row.form,
        "project": row.project,
        "reason": row.reason,
        "people": ", ".join(one.removeprefix("user:") for one in whom if one.startswith("user:")),
        "projects": [one.removeprefix("project:") for one in whom if one.startswith("project:")],
        _EVERYONE: _EVERYONE in whom,
        _ANYONE: _ANYONE in whom,
        "until": format_duration(row.lasts_s) if row.lasts_s else "",
        "title": row.title,
        "description": row.description,
        "tags": ", ".join(row.tags),
        "keep": [name for name in _KEEPS if row.keep.get(name)],
    }


def _errors(refusal: Refused, given: dict[str, Any]) -> dict[str, str]:
    if refusal.code in _NOT_THERE:
        is_for = refusal.code == "project-not-found" and bool(given["projects"])
        return {"audience" if is_for else _NOT_THERE[refusal.code]: refusal.message}
    return {_IN_FORM.get(name, name): words for name, words in field_errors(refusal).items()}


def _page(
    request: Request, browser: Browser, given: dict[str, Any], refusal: Refused | None = None
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        own = list(projects_of(tx, browser.actor.id))
    values: dict[str, Any] = {
        "form": given,
        "errors": _errors(refusal, given) if refusal else {},
        "gates": release_words.GATES,
        "forms": release_words.FORMS,
        "keeps": release_words.KEEPS,
        "projects": own,
        "choices": [("", "Choose one" if len(own) > 1 else "None"), *((one, one) for one in own)],
        "with_anyone": office.settings.share_with_anyone,
        "longest": format_duration(office.settings.share_max_s),
        "longest_gallery": format_duration(office.settings.gallery_max_s),
    }
    return page(request, "release_new.html", values, status=refusal.status if refusal else 200)
