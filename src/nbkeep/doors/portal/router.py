"""The portal as one application, mounted at /portal: pages, guards, headers and the pages for errors."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from nbkeep.model.errors import NbkeepError
from nbkeep.model.ids import new_id

from . import (
    account,
    connections,
    data,
    files,
    gallery,
    grants,
    home,
    inspections,
    join,
    leftovers,
    models,
    network,
    projects,
    pushes,
    quotas,
    release_documents,
    release_form,
    releases,
    reviews,
    secrets,
    sessions,
    shares,
    signin,
    usage,
    viewer,
)
from .admin import PAGES as ADMIN_PAGES
from .browser import is_https
from .guard import NotSignedIn, sign_in_url
from .headers import SecurityHeaders
from .render import STATIC, fragment, page

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from nbkeep.app import Office

log = logging.getLogger(__name__)
PAGES = (signin, join, home, sessions, network, grants, data, connections, secrets, projects, models, usage,
         quotas, files, leftovers, gallery, shares, viewer, inspections, release_form, releases,
         release_documents, pushes,
         reviews, account, *ADMIN_PAGES)  # fmt: skip
_TITLES = {
    400: "That did not work",
    401: "Please sign in",
    403: "Not allowed",
    404: "Not found",
    405: "Not found",
    409: "Not possible now",
    410: "No longer there",
    429: "Too many tries",
    503: "Not available right now",
}


def create_portal(office: Office) -> FastAPI:
    """Return the application that answers below /portal. It has no description: the REST API has one."""
    portal = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, routes=[*_routes()])
    portal.state.office = office
    portal.add_middleware(SecurityHeaders, https=is_https(office.settings.public_url))
    portal.mount("/static", StaticFiles(directory=STATIC), name="static")
    portal.add_exception_handler(NotSignedIn, _to_sign_in)
    portal.add_exception_handler(NbkeepError, _refused)
    portal.add_exception_handler(RequestValidationError, _malformed)
    portal.add_exception_handler(HTTPException, _http_error)
    portal.add_exception_handler(Exception, _bug)
    return portal


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Return what all portals answer alike. FastAPI compiles routes at their first use: once is enough."""
    router = APIRouter()
    for module in PAGES:
        router.include_router(module.router)
    return tuple(router.routes)


def _to_sign_in(request: Request, _error: Exception) -> Response:
    if "hx-request" in request.headers:
        return Response(headers={"HX-Redirect": sign_in_url(request)})
    return RedirectResponse(sign_in_url(request), 303)


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, NbkeepError):
        raise error
    return _error_page(request, error.status, error.code, error.message, error.remedy)


def _malformed(request: Request, _error: Exception) -> Response:
    return _error_page(request, 400, "malformed", "This request was incomplete.", "Go back and try again.")


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status in {404, 405}:
        return _error_page(
            request,
            404,
            "page-not-found",
            "There is no such page.",
            "It may have moved, or the link is cut off.",
        )
    return _error_page(
        request, status, "http-error", "The request could not be answered.", "Go back and try again."
    )


def _bug(request: Request, error: Exception) -> Response:
    fault = new_id("flt", request.app.state.office.clock.now())
    log.error("fault %s at %s", fault, request.url.path, exc_info=error)
    return _error_page(request, 500, fault, "Something broke on our side. It has been recorded.",
                       f"Try again. If it stays, tell an admin this number: {fault}.")  # fmt: skip


def _error_page(request: Request, status: int, code: str, message: str, remedy: str) -> Response:
    values: dict[str, Any] = {
        "status": status,
        "code": code,
        "title": _TITLES.get(status, "Something broke"),
        "message": message,
        "remedy": remedy,
        "action": "Sign in again" if code.startswith(("sign-in", "account")) else "To the start page",
        "action_url": "/portal/",
    }
    if "hx-request" in request.headers:
        return HTMLResponse(fragment(request, "parts/problem.html", values), status)
    return page(request, "error.html", values, status=status)
