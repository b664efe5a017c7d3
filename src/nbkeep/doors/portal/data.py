"""The catalogue of datasets: what there is, how one reads it, whom to ask; admins publish and take out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.data import change, parse
from nbkeep.data.records import find_dataset, list_datasets
from nbkeep.data.rules import ADMIN, fits
from nbkeep.data.view import dataset_view
from nbkeep.grants.kinds import DATASET
from nbkeep.grants.request import request_grant
from nbkeep.grants.rules import ASK
from nbkeep.grants.take_out import take_out_dataset
from nbkeep.model.classification import CLASSIFICATIONS
from nbkeep.model.errors import Refused
from nbkeep.model.verdict import Allow
from nbkeep.profiles.profiles import list_profiles

from .errors import field_errors
from .guard import Form, SignedIn, text
from .render import page
from .standings import standings

if TYPE_CHECKING:
    from nbkeep.app import Office
    from nbkeep.store.database import Tx

    from .browser import Browser

router = APIRouter(prefix="/data")
_CLASSES = {"public": "public", "internal": "internal", "confidential": "confidential",
            "pii": "pii: personal data"}  # fmt: skip
_FIELDS = ("name", "s3", "classification", "owner", "purpose", "samples", "secret", "region", "endpoint")
_EMPTY = dict.fromkeys(_FIELDS, "") | {"classification": "internal"}


@router.get("")
def show(request: Request, browser: SignedIn) -> Response:
    """Show the catalogue, and to admins the form for a new dataset."""
    return _page(request, browser)


@router.post("")
def add(request: Request, browser: SignedIn, form: Form) -> Response:
    """Publish a dataset."""
    office: Office = request.app.state.office
    given = {name: text(form, name, 2000) for name in _FIELDS}
    try:
        source = parse.source(given["name"], given["s3"], given["classification"], region=given["region"],
                              endpoint=given["endpoint"], samples=given["samples"].split())  # fmt: skip
        with office.store.write() as tx:
            change.add_dataset(tx, office.clock, browser.actor, source, purpose=given["purpose"],
                               owner=given["owner"], secret=given["secret"] or None)  # fmt: skip
    except Refused as refusal:
        return _page(request, browser, form=given, errors=_errors(refusal), status=refusal.status)
    return RedirectResponse("/portal/data?done=created", 303)


@router.post("/{which}/request")
def ask(request: Request, browser: SignedIn, which: str, form: Form) -> Response:
    """Ask for the whole of a dataset."""
    office: Office = request.app.state.office
    try:
        with office.store.write() as tx:
            name = find_dataset(tx, browser.actor, which).name
            request_grant(tx, office.clock, office.settings, browser.actor, name, kind=DATASET.name,
                          reason=text(form, "reason", 2000), duration=text(form, "duration", 40),
                          profile=text(form, "profile", 80))  # fmt: skip
    except Refused as refusal:
        errors = {"": refusal.message, "remedy": refusal.remedy}
        return _page(request, browser, asked=errors, status=refusal.status)
    return RedirectResponse("/portal/grants?done=asked", 303)


@router.post("/{which}/remove")
def remove(request: Request, browser: SignedIn, which: str) -> Response:
    """Take a dataset out."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        take_out_dataset(tx, office.clock, browser.actor, which)
    return RedirectResponse("/portal/data?done=dataset-removed", 303)


def _errors(refusal: Refused) -> dict[str, str]:
    """Return them beside the fields of this form, whose names are not those of the rooms."""
    names = {"sample": "samples", "user": "owner", "host": "endpoint", "egress": "endpoint"}
    return {names.get(name, name): words for name, words in field_errors(refusal).items()}


def _profiles(tx: Tx, browser: Browser, dataset: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the profiles in whose sessions one may read it."""
    return [
        (one.name, one.display_name)
        for one, _ in list_profiles(tx, browser.actor)
        if isinstance(fits(dataset["classification"], one.classification, dataset["name"]), Allow)
    ]


def _page(
    request: Request,
    browser: Browser,
    *,
    form: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    asked: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    office: Office = request.app.state.office
    actor = browser.actor
    with office.store.read() as tx:
        found = [dataset_view(tx, actor, row) for row in list_datasets(tx, actor)]
        if actor.may(ASK):
            has = standings(tx, office, browser, DATASET.name)
            found = [
                one | {"profiles": _profiles(tx, browser, one), "has": has.get(one["name"], [])}
                for one in found
            ]
    values: dict[str, Any] = {
        "datasets": found,
        "classes": [(one, _CLASSES[one]) for one in CLASSIFICATIONS],
        "form": form or _EMPTY,
        "errors": errors or {},
        "asked": asked or {},
        "is_admin": actor.may(ADMIN),
        "asks": actor.may(ASK),
    }
    return page(request, "data.html", values, status=status)
