"""The office's web application: which routers there are, and how the API describes itself."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI

from nbkeep import version
from nbkeep.doors.internal import catalogue, gateway, hub, session, signin
from nbkeep.doors.internal import data as data_reads
from nbkeep.doors.internal import models as model_calls
from nbkeep.doors.internal import pushes as kept_pushes
from nbkeep.doors.metrics import CountedRequests
from nbkeep.doors.metrics import router as metrics_router
from nbkeep.doors.metrics.figures import Figures
from nbkeep.doors.portal import create_portal
from nbkeep.model.actor import SCOPES

from . import (
    alarms,
    audit,
    classifications,
    config,
    connections,
    dashboard,
    data,
    evidence,
    flavors,
    forwards,
    grants,
    host,
    images,
    incidents,
    inspections,
    inventory,
    liveness,
    mail,
    models,
    network,
    notices,
    packages,
    people,
    policies,
    profiles,
    projects,
    pushes,
    quotas,
    releases,
    rules,
    secrets,
    sessions,
    shares,
    tokens,
    uploads,
    usage,
    volumes,
)
from .errors import Problem, install_error_handling
from .headers import ApiHeaders

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from nbkeep.app import Office

API = "/api/v1"
INTERNAL_API = "/internal/v1"
# Every way in, by the file that holds it.
PUBLIC = (
    people,
    tokens,
    audit,
    evidence,
    flavors,
    forwards,
    profiles,
    images,
    sessions,
    network,
    packages,
    secrets,
    grants,
    models,
    usage,
    dashboard,
    alarms,
    quotas,
    connections,
    data,
    classifications,
    policies,
    rules,
    uploads,
    liveness,
    projects,
    shares,
    volumes,
    releases,
    inspections,
    pushes,
    notices,
    mail,
    config,
    host,
    inventory,
    incidents,
)
INTERNAL = (session, catalogue, hub, signin, gateway, model_calls, data_reads, kept_pushes)
_DESCRIPTION = """Every call needs an API token (`Authorization: Bearer nbk_…`) with a scope:

{scopes}

Errors have the fields `code`, `message` and `remedy`. Lists have `items` and `next`; send `next` as `cursor`.
"""
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words}
    for status, words in {
        400: "Malformed or impossible values",
        401: "Nobody is signed in, or the token does not work",
        403: "Policy says no",
        404: "Not there, or not yours",
        409: "Not in this state",
        429: "Too many tries",
        503: "Something that is needed does not answer: try later",
    }.items()
}


def create_app(office: Office) -> FastAPI:
    """Return the application that serves REST API, internal API and portal for an office."""
    scopes = "\n".join(f"- `{scope}`: {words}" for scope, words in SCOPES.items())
    app = FastAPI(
        title="nbkeep",
        version=version(),
        summary="A governed notebook environment",
        description=_DESCRIPTION.format(scopes=scopes),
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # its page would run another site's scripts with this site's cookies
        redoc_url=None,
        routes=[*_routes()],
    )
    app.state.office, app.state.figures = office, Figures(office)
    install_error_handling(app)
    app.add_middleware(ApiHeaders)
    app.add_middleware(CountedRequests)
    app.mount("/portal", create_portal(office))
    app.add_api_route("/healthz", _healthz, include_in_schema=False)
    app.add_api_route(f"{API}/healthz", _healthz, tags=["platform"], summary="Tell that the office answers")
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Return what all offices answer alike. FastAPI compiles routes at their first use: once is enough."""
    router = APIRouter()
    for module in PUBLIC:
        router.include_router(module.router, prefix=API, responses=_ERRORS)
    for module in INTERNAL:
        router.include_router(module.router, prefix=INTERNAL_API, include_in_schema=False)
    router.include_router(metrics_router, include_in_schema=False)
    return tuple(router.routes)


def _healthz() -> dict[str, str]:
    return {"status": "ok", "version": version()}
