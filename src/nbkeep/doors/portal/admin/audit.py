"""The audit journal: search it, look at a record, verify the chain, take a copy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from nbkeep.audit.export import MEDIA_TYPES, SUFFIXES, Format, export
from nbkeep.audit.search import Wanted, search
from nbkeep.audit.signing import keys_of
from nbkeep.audit.verify import verify_journal
from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import SignedIn
from nbkeep.doors.portal.render import fragment, page
from nbkeep.forwarding.destinations import statuses
from nbkeep.model.errors import Refused, invalid

if TYPE_CHECKING:
    from nbkeep.app import Office

router = APIRouter(prefix="/admin/audit")
_PAGE = 50
_BRIEF = 160  # characters of a record that a row shows; the rest unfolds


@router.get("")
def show(
    request: Request,
    browser: SignedIn,
    *,
    actor: str = "",
    type: str = "",
    session: str = "",
    text: str = "",
    since: str = "",
    until: str = "",
    cursor: str = "",
) -> Response:
    """Show one page of records, newest first."""
    browser.actor.require("audit:read")
    office: Office = request.app.state.office
    filters = {"actor": actor, "type": type, "session": session, "text": text, "since": since, "until": until}
    errors: dict[str, str] = {}
    records: list[dict[str, Any]] = []
    following: str | None = None
    try:
        wanted = Wanted(actor.strip(), type.strip(), session.strip(), text.strip(), _moment(since, "since"),
                        _moment(until, "until"))  # fmt: skip
        with office.store.read() as tx:
            found = search(tx, browser.actor, wanted, limit=_PAGE, cursor=cursor or None)
        records, following = found.records, found.next
    except Refused as refusal:
        errors = field_errors(refusal)
    with office.store.read() as tx:
        forwards = statuses(tx, browser.actor)
    first = f"/portal/admin/audit?{urlencode(filters)}"
    values: dict[str, Any] = {
        "records": [_readable(record) for record in records],
        "filters": filters,
        "forwards": forwards,
        "errors": errors,
        "first_url": first,
        "next_url": f"{first}&{urlencode({'cursor': following})}" if following else "",
        "cursor": cursor,
    }
    return page(request, "admin/audit.html", values, status=400 if errors else 200)


@router.post("/verify")
def verify(request: Request, browser: SignedIn) -> Response:
    """Check the whole chain and say so."""
    office: Office = request.app.state.office
    values = {"report": verify_journal(office.store, browser.actor, keys=keys_of(office.settings).public())}
    if "hx-request" in request.headers:
        return HTMLResponse(fragment(request, "parts/verified.html", values))
    return page(request, "admin/verified.html", values)


@router.post("/export")
def take_copy(
    request: Request,
    browser: SignedIn,
    *,
    format: Annotated[Format, Form()] = "jsonl",
    actor: Annotated[str, Form()] = "",
    type: Annotated[str, Form()] = "",
    session: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "",
    since: Annotated[str, Form()] = "",
    until: Annotated[str, Form()] = "",
) -> Response:
    """Give what the filters let through. That a copy was taken is recorded."""
    office: Office = request.app.state.office
    wanted = Wanted(actor.strip(), type.strip(), session.strip(), text.strip(), _moment(since, "since"),
                    _moment(until, "until"))  # fmt: skip
    lines = export(
        office.store, office.clock, browser.actor, wanted, form=format, keys=keys_of(office.settings)
    )
    name = f"nbkeep-audit-{office.clock.now():%Y%m%dT%H%M%SZ}.{SUFFIXES[format]}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse((line + "\n" for line in lines), media_type=MEDIA_TYPES[format], headers=headers)


def _moment(given: str, field: str) -> datetime | None:
    if not given.strip():
        return None
    try:
        at = datetime.fromisoformat(given.strip())
    except ValueError as error:
        raise invalid(
            field, f"{given[:40]!r} is not a moment.", "Write it like 2026-05-01 or 2026-05-01T12:30."
        ) from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _readable(record: dict[str, Any]) -> dict[str, Any]:
    parts = [
        f"{key}: {_plain(value)}" for key, value in record["data"].items() if value not in ("", None, [], {})
    ]
    brief = " · ".join(parts)
    whole = orjson.dumps(record, option=orjson.OPT_INDENT_2).decode()
    return record | {"brief": brief if len(brief) <= _BRIEF else brief[:_BRIEF] + "…", "whole": whole}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
