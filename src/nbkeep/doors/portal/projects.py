"""Projects: those that one is in, who else is, what is granted to them; for leads and admins to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nbkeep.model.errors import Refused
from nbkeep.people import projects
from nbkeep.people.project_hosts import FIELDS as HOST_FIELDS
from nbkeep.people.project_hosts import set_project_hosts
from nbkeep.people.project_records import find_project, list_projects
from nbkeep.people.project_rules import ADMIN
from nbkeep.people.project_view import project_view, project_views

from .errors import field_errors
from .guard import Form, SignedIn, listed, text
from .render import page

if TYPE_CHECKING:
    from nbkeep.app import Office

    from .browser import Browser

router = APIRouter(prefix="/projects")
_EMPTY = {"name": "", "description": "", "lead": ""}


@router.get("")
def show(request: Request, browser: SignedIn) -> Response:
    """Show one's projects, and to admins all and the form for a new one."""
    return _list(request, browser)


@router.post("")
def add(request: Request, browser: SignedIn, form: Form) -> Response:
    """Create a project."""
    office: Office = request.app.state.office
    given = {name: text(form, name, 1000) for name in _EMPTY}
    try:
        with office.store.write() as tx:
            projects.add_project(
                tx,
                office.clock,
                browser.actor,
                given["name"],
                description=given["description"],
                lead=given["lead"] or None,
            )
    except Refused as refusal:
        return _list(request, browser, form=given, errors=_errors(refusal, "lead"), status=refusal.status)
    return RedirectResponse(f"{_path(given['name'])}?done=project-created", 303)


@router.get("/{name}")
def show_one(request: Request, browser: SignedIn, name: str) -> Response:
    """Show a project."""
    return _one(request, browser, name)


@router.post("/{name}/hosts")
def set_hosts(request: Request, browser: SignedIn, name: str, form: Form) -> Response:
    """Change what it says of hosts."""
    office: Office = request.app.state.office
    given = {field: listed(form, field) for field in HOST_FIELDS}
    try:
        with office.store.write() as tx:
            set_project_hosts(tx, office.clock, browser.actor, name, given)
    except Refused as refusal:
        errors = field_errors(refusal)
        return _one(request, browser, name, hosts=given, errors=errors, status=refusal.status)
    return RedirectResponse(f"{_path(name)}?done=saved", 303)


@router.post("/{name}/members")
def join(request: Request, browser: SignedIn, name: str, form: Form) -> Response:
    """Add a member, or say whether somebody leads."""
    office: Office = request.app.state.office
    user = text(form, "user", 100)
    is_lead = {"yes": True, "no": False}.get(text(form, "is_lead", 3))
    try:
        with office.store.write() as tx:
            projects.join_project(tx, office.clock, browser.actor, name, user, is_lead=is_lead)
    except Refused as refusal:
        # For who may not see it, this answers as if it were not there.
        return _one(request, browser, name, user=user, errors=_errors(refusal, "user"), status=refusal.status)
    return RedirectResponse(f"{_path(name)}?done={'saved' if is_lead is not None else 'joined'}", 303)


@router.post("/{name}/members/{user}/take")
def leave(request: Request, browser: SignedIn, name: str, user: str) -> Response:
    """Take a member out, or leave."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        projects.leave_project(tx, office.clock, browser.actor, name, user)
    is_own = user == browser.actor.name and not browser.actor.may(ADMIN)
    return RedirectResponse("/portal/projects?done=left" if is_own else f"{_path(name)}?done=taken", 303)


@router.post("/{name}/remove")
def remove(request: Request, browser: SignedIn, name: str) -> Response:
    """Remove a project with what is granted to it, which its page has said."""
    office: Office = request.app.state.office
    with office.store.write() as tx:
        projects.remove_project(tx, office.clock, browser.actor, name, take_grants=True)
    return RedirectResponse("/portal/projects?done=project-removed", 303)


def _path(name: str) -> str:
    return f"/portal/projects/{quote(name, safe='')}"


def _errors(refusal: Refused, person: str) -> dict[str, str]:
    """Return them beside the field, also of a person whom there is not."""
    if refusal.code == "user-not-found":
        return {person: refusal.message}
    return field_errors(refusal)


def _list(
    request: Request,
    browser: Browser,
    *,
    form: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found = project_views(tx, browser.actor, list_projects(tx, browser.actor))
    values: dict[str, Any] = {
        "projects": found,
        "form": form or _EMPTY,
        "errors": errors or {},
        "is_admin": browser.actor.may(ADMIN),
    }
    return page(request, "projects.html", values, status=status)


def _one(
    request: Request,
    browser: Browser,
    name: str,
    *,
    user: str = "",
    hosts: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    office: Office = request.app.state.office
    with office.store.read() as tx:
        found = project_view(tx, browser.actor, find_project(tx, browser.actor, name))
    lists = hosts or {field: "\n".join(found[field]) for field in HOST_FIELDS}
    values: dict[str, Any] = {"p": found, "user": user, "hosts": lists, "errors": errors or {}}
    return page(request, "project.html", values, status=status)
