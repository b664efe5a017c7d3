"""The whole configuration as one file: take it, compare another one, apply it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from nbkeep.configuration import apply as configuration
from nbkeep.configuration.document import as_yaml
from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import Form, SignedIn
from nbkeep.doors.portal.render import page
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from nbkeep.app import Office

router = APIRouter(prefix="/admin/config")


@router.get("")
def show(request: Request, browser: SignedIn) -> Response:
    """Show the configuration, ready to be edited."""
    return _page(request, browser, _export(request, browser))


@router.get("/file")
def download(request: Request, browser: SignedIn) -> Response:
    """Give the configuration as a file."""
    headers = {"content-disposition": 'attachment; filename="nbkeep.yaml"'}
    return Response(_export(request, browser), media_type="application/yaml", headers=headers)


@router.post("")
def apply(request: Request, browser: SignedIn, form: Form) -> Response:
    """Show what an edited configuration would change, or make it so."""
    browser.actor.require(configuration.RIGHT)  # before it is parsed: megabytes take long
    office: Office = request.app.state.office
    document = str(form.get("document", "")).replace("\r\n", "\n")
    dry_run = form.get("do") != "apply"
    try:
        changes = configuration.apply(
            office.store,
            office.clock,
            office.settings,
            browser.actor,
            configuration.read(document),
            dry_run=dry_run,
        )
    except Refused as refusal:
        return _page(request, browser, document, errors=field_errors(refusal), status=refusal.status)
    if not dry_run:
        document = _export(request, browser)
    return _page(request, browser, document, changes=changes, applied=not dry_run)


def _export(request: Request, browser: SignedIn) -> str:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        return as_yaml(configuration.export(tx, office.clock, office.settings, browser.actor))


def _page(
    request: Request,
    browser: SignedIn,
    document: str,
    *,
    errors: dict[str, str] | None = None,
    changes: list[configuration.Change] | None = None,
    applied: bool = False,
    status: int = 200,
) -> Response:
    browser.actor.require(configuration.RIGHT)
    values: dict[str, Any] = {
        "document": document,
        "errors": errors or {},
        "changes": changes,
        "applied": applied,
    }
    return page(request, "admin/config.html", values, status=status)
