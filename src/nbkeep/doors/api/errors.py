"""Errors at the door: one JSON shape for all of them, and never a traceback."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from nbkeep.model.errors import NbkeepError, Refused

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)
_SEE = "/api/v1/openapi.json describes what there is."


class Problem(BaseModel):
    """Why a request was not done: a stable code, a sentence for people, and the next step."""

    code: str = Field(examples=["profile-not-found"])
    message: str = Field(examples=["There is no profile 'notebook-cpu-tiny'."])
    remedy: str = Field(examples=["See `nbkeep profile list`."])


def problem(error: NbkeepError, status: int) -> JSONResponse:
    """Return an error as the REST API tells it."""
    body = Problem(code=error.code, message=error.message, remedy=error.remedy)
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(body.model_dump(), status_code=status, headers=headers)


def install_error_handling(app: FastAPI) -> None:
    """Make every error of the app an answer in the one shape; bugs are logged under a number."""
    app.add_exception_handler(NbkeepError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _foreign)
    app.add_middleware(Faults)


class Faults:
    """Middleware that answers for a bug without its traceback. Plain ASGI: event streams pass unbuffered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer 500 with the number of the fault when that fails before any answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False

        async def watched(message: Message) -> None:
            nonlocal answered
            answered = answered or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            number = secrets.token_hex(4)
            log.exception("fault %s: %s %s", number, scope["method"], scope["path"])
            if answered:  # the connection breaks off: half an answer must not look like a whole one
                raise
            what = f"Something in nbkeep failed (fault {number})."
            error = NbkeepError(
                "bug", what, "Tell an admin this number; `nbkeep logs office` has the details."
            )
            await problem(error, HTTPStatus.INTERNAL_SERVER_ERROR)(scope, receive, send)


def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, NbkeepError):
        raise error
    return problem(error, error.status)


def _malformed(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in {"body", "query", "path"})
    message = f"{where}: {first['msg']}." if where else f"{first['msg']}."
    return problem(Refused("invalid-request", message, _SEE), HTTPStatus.BAD_REQUEST)


def _foreign(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        return problem(Refused("not-found", "There is nothing here.", _SEE), error.status_code)
    return problem(Refused("refused", f"{error.detail}.", _SEE), error.status_code)
