"""Open safely: a document beside what it would do, and run where there is nothing to take."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from nbkeep.foresight.report import HEADINGS, where
from nbkeep.foresight.values import KINDS, WEIGHTS
from nbkeep.inspections import records, rules
from nbkeep.inspections.inspect import inspect_own_file, inspect_upload
from nbkeep.inspections.view import found_of, inspection_view
from nbkeep.model.errors import NbkeepError, Refused, invalid
from nbkeep.sessions.quarantine import Document, offered, request_in_quarantine

from .browser import browser_of, check_unforged
from .errors import field_errors
from .framed import framed, policy_with_frames
from .guard import Browser, NotSignedIn, SignedIn, text
from .render import page
from .sessions import ask_hub

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.foresight.values import Act, Foreseen

router = APIRouter(prefix="/open-safely")
_BESIDE_THE_FILE = 64 << 10  # names and marks of a form
_MOST_SHOWN = 300


async def _with_file(request: Request) -> AsyncGenerator[tuple[Browser, FormData]]:
    """Return who sends a form with a file: none is taken before it is known whose, and how large."""
    office: Office = request.app.state.office
    browser = await run_in_threadpool(browser_of, request, office)
    if browser is None:
        raise NotSignedIn
    request.state.browser = browser
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > rules.MOST_BYTES + _BESIDE_THE_FILE:
        raise invalid("file", f"A file that is looked into has at most {rules.MOST_BYTES >> 20} MiB.",
                      "Clear large outputs, or name it in your home folder.")  # fmt: skip
    form = await request.form(max_files=1, max_fields=10)
    try:
        check_unforged(request, office, browser, text(form, "csrf"))
        yield browser, form
    finally:
        await form.close()


WithFile = Annotated[tuple[Browser, FormData], Depends(_with_file)]


@router.get("")
def show(request: Request, browser: SignedIn, path: str = "", session: str = "") -> Response:
    """Show the form, filled with a path of the home; all of one's sessions (`session`) have that home."""
    del session
    browser.actor.require(rules.SCOPE)
    return _form(request, browser, path[:4096])


@router.post("")
def look(request: Request, given: WithFile) -> Response:
    """Look into a file, and show what was found."""
    browser, form = given
    office: Office = request.app.state.office
    path, file = text(form, "path", 5000), form.get("file")
    try:
        if isinstance(file, UploadFile) and file.filename:
            found = inspect_upload(office, browser.actor, file.filename, file.file.read(rules.MOST_BYTES + 1))
        elif path:
            found = inspect_own_file(office, browser.actor, path)
        else:
            raise invalid(
                "path",
                "There is nothing to look into.",
                "Name a file of your home folder, or choose one to upload.",
            )
    except NbkeepError as refusal:
        return _form(request, browser, path, refusal)
    return RedirectResponse(f"/portal/open-safely/{found}", 303)


@router.get("/{inspection_id}")
def show_one(request: Request, browser: SignedIn, inspection_id: str) -> Response:
    """Show what a document would do, beside the document."""
    office: Office = request.app.state.office
    with office.store.read() as tx:
        row = records.find_inspection(tx, office.clock.now(), browser.actor, inspection_id)
        profile = offered(tx, office.settings, browser.actor)
    found, address = found_of(row), f"/portal/open-safely/{row.id}/document"
    values: dict[str, Any] = {
        "i": inspection_view(row, whole=False),
        "groups": _groups(found, row.page_sha256, address),
        "not_read": [{"where": where(one.spot), "reason": one.reason} for one in found.not_read],
        "problem": found.problem,
        "document": address if row.page_sha256 else "",
        "profile": profile,
    }
    headers = policy_with_frames(office.settings, address)
    return page(request, "inspection.html", values, headers=headers)


@router.get("/{inspection_id}/document")
def document(request: Request, browser: SignedIn, inspection_id: str) -> Response:
    """Return the document for the frame of its page: no script, no origin of ours."""
    office: Office = request.app.state.office
    try:
        with office.store.read() as tx:
            row = records.find_inspection(tx, office.clock.now(), browser.actor, inspection_id)
        data = records.documents_of(office.settings).read(row.page_sha256 or row.sha256)
    except NbkeepError as error:
        # In words of its own: the portal's pages are shown in no frame.
        answer = framed(office.settings, str(error).encode(), "text/plain")
        answer.status_code = error.status
        return answer
    return framed(office.settings, data, "text/html" if row.page_sha256 else "text/plain")


@router.post("/{inspection_id}/quarantine")
def quarantine(request: Request, browser: SignedIn, inspection_id: str) -> Response:
    """Start a session that gets nothing but this document, and go to its page, which opens it."""
    office: Office = request.app.state.office
    with office.store.read() as tx:
        row = records.find_inspection(tx, office.clock.now(), browser.actor, inspection_id)
    kept = records.documents_of(office.settings)
    session_id = request_in_quarantine(office, browser.actor, kept, Document(row.name, row.sha256))
    ask = BackgroundTask(ask_hub, office, browser.actor, session_id)
    return RedirectResponse(f"/portal/sessions/{session_id}?opening=1", 303, background=ask)


@router.post("/{inspection_id}/forget")
def forget(request: Request, browser: SignedIn, inspection_id: str) -> Response:
    """Forget an inspection and the copy that was kept for it."""
    records.forget_inspection(request.app.state.office, browser.actor, inspection_id)
    return RedirectResponse("/portal/open-safely?done=deleted", 303)


def _form(request: Request, browser: Browser, path: str, refusal: NbkeepError | None = None) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        rows = records.list_inspections(tx, office.clock.now(), browser.actor)
        items = [inspection_view(one, whole=False) for one in rows]
    errors: dict[str, str] = {}
    if isinstance(refusal, Refused):
        errors = field_errors(refusal)
        if refusal.status == 404:
            errors = {"path": refusal.message}
    elif refusal is not None:
        errors = {"": refusal.message, "remedy": refusal.remedy}
    values: dict[str, Any] = {
        "path": path,
        "items": items,
        "errors": errors,
        "most_mib": rules.MOST_BYTES >> 20,
    }
    return page(request, "open_safely.html", values, status=refusal.status if refusal else 200)


def _groups(found: Foreseen, has_page: str, address: str) -> list[dict[str, Any]]:
    """Return the acts by weight and kind, as the page lists them."""
    made: list[dict[str, Any]] = []
    for weight in WEIGHTS:
        acts = [one for one in found.acts if one.weight == weight]
        order = list(KINDS)
        shown = sorted(acts[:_MOST_SHOWN], key=lambda one: order.index(one.kind))
        kinds = [
            {"title": KINDS[kind], "acts": [_act(one, has_page, address) for one in ones]}
            for kind, ones in groupby(shown, key=lambda one: one.kind)
        ]
        if acts:
            heading, _, about = HEADINGS[weight].partition(": ")
            more = max(0, len(acts) - _MOST_SHOWN)
            made.append({"weight": weight, "heading": heading, "about": about, "count": len(acts)})
            made[-1] |= {"kinds": kinds, "more": more}
    return made


def _act(one: Act, has_page: str, address: str) -> dict[str, Any]:
    link = f"{address}#cell-{one.spot.cell}" if has_page and one.spot.cell else ""
    return {
        "where": where(one.spot),
        "what": one.what,
        "code": "" if one.code in one.what else one.code,
        "link": link,
    }
