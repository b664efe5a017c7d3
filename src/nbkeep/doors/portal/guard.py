"""What stands before every page: who asks, and whether the request came from our own pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from nbkeep.model.errors import invalid

from .browser import CSRF_HEADER, Browser, browser_of, check_unforged

if TYPE_CHECKING:
    from nbkeep.app import Office

_MAX_FIELDS = 200
_LONGEST_LIST = 1_000_000  # a thousand rules, each as long as one may be, and as much again


class NotSignedIn(Exception):
    """The page needs a signed-in person."""


def sign_in_url(request: Request) -> str:
    """Return where to sign in so that the browser comes back here; forms come back to the start page."""
    # Not from `request.url`, which holds the socket's path on this machine when the Host header is malformed.
    path, query = str(request.scope["path"]), request.scope["query_string"].decode("latin-1")
    back = path if request.method == "GET" and "/live" not in path else "/portal/"
    if request.method == "GET" and query and back != "/portal/":
        back += f"?{query}"
    return f"/portal/sign-in?next={quote(back)}"


async def _form(request: Request) -> FormData:
    if request.method == "GET":
        return FormData()
    return await request.form(max_files=0, max_fields=_MAX_FIELDS)


async def _signed_in(request: Request, form: Annotated[FormData, Depends(_form)]) -> Browser:
    office: Office = request.app.state.office
    browser = await run_in_threadpool(browser_of, request, office)
    if browser is None:
        raise NotSignedIn
    request.state.browser = browser
    check_unforged(request, office, browser, request.headers.get(CSRF_HEADER, "") or text(form, "csrf"))
    return browser


async def _anonymous(request: Request, form: Annotated[FormData, Depends(_form)]) -> FormData:
    check_unforged(request, request.app.state.office, None, "")
    return form


def text(form: FormData, name: str, longest: int = 100_000) -> str:
    """Return one field of a form, without white space around it; "" when absent."""
    value = form.get(name, "")
    return value.strip()[:longest] if isinstance(value, str) else ""


def listed(form: FormData, name: str) -> str:
    """Return a field that holds a list, as a whole: a list that is cut says less, and nobody sees it.

    Raises `Refused` (400) for one that is longer than any list of rules can be.
    """
    value = text(form, name, _LONGEST_LIST + 1)
    if len(value) > _LONGEST_LIST:
        raise invalid(name, f"{name} has more than {_LONGEST_LIST:,} characters; nothing was saved.",
                      "Give fewer: `*.name` and networks like 10.0.0.0/8 say more in one.")  # fmt: skip
    return value


SignedIn = Annotated[Browser, Depends(_signed_in)]
Form = Annotated[FormData, Depends(_form)]
AnonymousForm = Annotated[FormData, Depends(_anonymous)]
