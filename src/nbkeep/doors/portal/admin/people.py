"""People: invite, look at, change role, limits and status, make a reset link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.doors.portal.errors import field_errors
from nbkeep.doors.portal.guard import Form, SignedIn, text
from nbkeep.doors.portal.render import page
from nbkeep.doors.portal.seen import seen
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.units import parse_size_bytes
from nbkeep.people import invitations, link_mail, records, users
from nbkeep.sessions.listing import Filter, list_sessions

if TYPE_CHECKING:
    from nbkeep.app import Office

router = APIRouter(prefix="/admin/users")
_PAGE = 50
_RECENT = 5
ROLES = (
    (Role.USER.value, "User: works in notebooks"),
    (Role.REVIEWER.value, "Reviewer: works, and approves what leaves"),
    (Role.AUDITOR.value, "Auditor: reads the audit, changes nothing"),
    (Role.OFFICER.value, "Security officer: reads all that is on record, builds evidence"),
    (Role.ADMIN.value, "Admin: runs the platform"),
)


@router.get("")
def show(request: Request, browser: SignedIn, find: str = "", status: str = "", cursor: str = "") -> Response:
    """Show one page of people, and the form to invite."""
    return _list(request, browser, find=find, status=status, cursor=cursor)


@router.post("")
def invite(request: Request, browser: SignedIn, form: Form) -> Response:
    """Invite somebody, and send their link by mail, or show it this once."""
    office: Office = request.app.state.office
    browser.actor.require("admin:users")
    settings = office.settings
    home = text(form, "home_size", 20)
    by_mail = link_mail.is_possible(settings) and not text(form, "show_link", 10)
    try:
        token_of = link_mail.token_maker(settings) if by_mail else None
        size = parse_size_bytes(home, "home_size") if home else settings.default_home_size_bytes
        with office.store.write() as tx:
            user, link = users.invite(
                tx, office.clock, browser.actor, text(form, "email", 300),
                name=text(form, "name", 60) or None,
                role=text(form, "role", 40) or Role.USER.value,
                max_sessions=_count(text(form, "max_sessions", 10), settings.default_max_sessions),
                home_size_bytes=size,
                valid_s=settings.invitation_valid_s, token_of=token_of,
            )  # fmt: skip
            if by_mail:
                link_mail.send(tx, office.clock, user, link)
    except Refused as refusal:
        given = {key: text(form, key, 300) for key in _EMPTY}
        return _list(request, browser, errors=field_errors(refusal), form=given, code=refusal.status)
    return _link(request, user.name, user.email, link, mailed=by_mail)


@router.get("/{name}")
def one(request: Request, browser: SignedIn, name: str) -> Response:
    """Show one person."""
    return _one(request, browser, name)


@router.post("/{name}")
def change(request: Request, browser: SignedIn, name: str, form: Form) -> Response:
    """Change role and limits; the page shows what they are now."""
    office: Office = request.app.state.office
    given = {key: text(form, key, 500) for key in ("role", "max_sessions", "reason")}
    try:
        with office.store.write() as tx:
            users.change_user(
                tx, office.clock, browser.actor, name, role=given["role"] or None, reason=given["reason"],
                max_sessions=_count(given["max_sessions"], 0),
            )  # fmt: skip
    except Refused as refusal:
        return _one(request, browser, name, errors=field_errors(refusal), form=given, code=refusal.status)
    return RedirectResponse(f"/portal/admin/users/{name}?done=saved", 303)


@router.post("/{name}/status")
def set_status(request: Request, browser: SignedIn, name: str, form: Form) -> Response:
    """Disable or enable somebody."""
    office: Office = request.app.state.office
    try:
        with office.store.write() as tx:
            users.change_user(tx, office.clock, browser.actor, name, status=text(form, "status", 20),
                              reason=text(form, "reason", 500))  # fmt: skip
    except Refused as refusal:
        return _one(request, browser, name, errors=field_errors(refusal), code=refusal.status)
    return RedirectResponse(f"/portal/admin/users/{name}?done=saved", 303)


@router.post("/{name}/reset-link")
def reset_link(request: Request, browser: SignedIn, name: str, form: Form) -> Response:
    """Make a link that sets a new password, and send it by mail, or show it this once."""
    office: Office = request.app.state.office
    browser.actor.require("admin:users")
    by_mail = bool(text(form, "by_mail", 10))
    try:
        token_of = link_mail.token_maker(office.settings) if by_mail else None
        with office.store.write() as tx:
            link = invitations.make_reset_link(
                tx, office.clock, browser.actor, name, office.settings.invitation_valid_s, token_of
            )
            user = records.get_user(tx, browser.actor, name)
            if by_mail:
                link_mail.send(tx, office.clock, user, link)
    except Refused as refusal:
        if refusal.status == 404:
            raise
        return _one(request, browser, name, errors=field_errors(refusal), code=refusal.status)
    return _link(request, user.name, user.email, link, mailed=by_mail)


_EMPTY = {"email": "", "name": "", "role": Role.USER.value, "max_sessions": "", "home_size": ""}


def _count(given: str, default: int) -> int:
    if not given:
        return default
    if not given.isascii() or not given.isdigit():
        raise invalid("max-sessions", f"{given!r} is not a number.", "Give a whole number; 0 allows none.")
    return int(given)


def _link(
    request: Request, name: str, email: str, link: invitations.Link, *, mailed: bool = False
) -> Response:
    office: Office = request.app.state.office
    url = "" if mailed else link_mail.link_address(office.settings, link.kind, link.token)
    values = {"name": name, "email": email, "kind": "reset" if link.kind == invitations.RESET else "join",
              "url": url, "expires_at": link.expires_at, "mailed": mailed}  # fmt: skip
    return page(request, "admin/link.html", values)


def _list(
    request: Request,
    browser: SignedIn,
    *,
    find: str = "",
    status: str = "",
    cursor: str = "",
    errors: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    code: int = 200,
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found = records.list_users(
            tx, browser.actor, limit=_PAGE, cursor=cursor or None, text=find, status=status or None
        )
        counts = records.count_users(tx, browser.actor)
    filters = {"find": find, "status": status}
    first = f"/portal/admin/users?{urlencode(filters)}"
    values: dict[str, Any] = {
        "users": found.rows,
        "counts": counts,
        "filters": filters,
        "first_url": first,
        "next_url": f"{first}&{urlencode({'cursor': found.next})}" if found.next else "",
        "cursor": cursor,
        "roles": ROLES,
        "defaults": office.settings,
        "sends_mail": link_mail.is_possible(office.settings),
        "errors": errors or {},
        "form": form or _EMPTY,
    }
    return page(request, "admin/users.html", values, status=code)


def _one(
    request: Request,
    browser: SignedIn,
    name: str,
    *,
    errors: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    code: int = 200,
) -> Response:
    office: Office = request.app.state.office
    browser.actor.require("admin:users")
    with office.store.read() as tx:
        user = records.get_user(tx, browser.actor, name)
        recent = list_sessions(tx, browser.actor, Filter(user=name), limit=_RECENT).items
    values: dict[str, Any] = {
        "user": user,
        "sessions": [seen(office, row, owner) for row, owner in recent],
        "sends_mail": link_mail.is_possible(office.settings),
        "roles": ROLES,
        "errors": errors or {},
        "form": form or {"role": user.role, "max_sessions": str(user.max_sessions), "reason": ""},
    }
    return page(request, "admin/user.html", values, status=code)
