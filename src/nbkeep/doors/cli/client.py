"""Calls of the REST API, with refusals and outages as the two kinds of error of nbkeep."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, cast

import httpx

from nbkeep import unixhttp
from nbkeep.model.errors import NbkeepError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from .connect import Target

_PAGE = 200
_TIMEOUT = httpx.Timeout(60, connect=10)
_MOST_LINE_CHARS = 8 << 20
_SERVER_FAULT = 500


class ApiRefusedError(NbkeepError):
    """What the office answered instead of the result: its own code, message and remedy."""

    def __init__(self, code: str, message: str, remedy: str, status: int) -> None:
        super().__init__(code, message, remedy)
        self.status = status


class Api:
    """One connection to an office. Closed at the end of a `with` block."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._http = httpx.Client(
            base_url=f"{target.url}/api/v1/",
            headers={"Authorization": f"Bearer {target.token}", "User-Agent": "nbkeep-cli"},
            transport=unixhttp.transport(target.socket) if target.socket else None,
            timeout=_TIMEOUT,
            trust_env=target.socket is None,  # a proxy of the environment is for the network only
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, /, **params: Any) -> Any:
        """Return the JSON of a path; parameters that are None are left out."""
        return self._call("GET", path, params=_given(params))

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        """Send JSON and return the answer's, or None where it has no body."""
        return self._call("POST", path, json={} if body is None else body, params=_given(params))

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """Put something in the place of what is there, and return the result."""
        return self._call("PUT", path, json=body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Change fields and return the result."""
        return self._call("PATCH", path, json=body)

    def delete(self, path: str, **params: Any) -> Any:
        """Delete what is there; None, or the answer's JSON."""
        return self._call("DELETE", path, params=_given(params))

    def post_text(self, path: str, text: str, content_type: str, **params: Any) -> Any:
        """Send text as it is, such as a configuration in YAML."""
        return self._call(
            "POST", path, content=text.encode(), params=_given(params), headers={"Content-Type": content_type}
        )

    def post_bytes(self, path: str, data: bytes, **params: Any) -> Any:
        """Send bytes as they are, such as a document."""
        headers = {"Content-Type": "application/octet-stream"}
        return self._call("POST", path, content=data, params=_given(params), headers=headers)

    def text(self, path: str, **params: Any) -> str:
        """Return the body of a path as text."""
        with self._translated():
            answer = self._http.get(path, params=_given(params))
        _raise_for(answer)
        return answer.text

    def items(self, path: str, limit: int | None = None, **params: Any) -> Iterator[dict[str, Any]]:
        """Give the items of a list, page by page, at most `limit` of them."""
        left, cursor = limit, None
        while left is None or left > 0:
            size = _PAGE if left is None else min(left, _PAGE)
            page = self.get(path, **{**params, "limit": size, "cursor": cursor})
            if isinstance(page, list):  # a list that is never long has no pages
                yield from cast("list[dict[str, Any]]", page)[: left if left is not None else None]
                return
            found = cast("list[dict[str, Any]]", page["items"])[:left]
            yield from found
            left = None if left is None else left - len(found)
            cursor = page.get("next")
            if not cursor:
                return

    def lines(self, path: str, **params: Any) -> Iterator[str]:
        """Give the lines of a stream as they come, without their ends."""
        with self._translated(), self._http.stream("GET", path, params=_given(params)) as answer:
            if not answer.is_success:
                answer.read()
            _raise_for(answer)
            rest = ""
            for chunk in answer.iter_text():
                *whole, rest = (rest + chunk).split("\n")
                yield from whole
                if len(rest) > _MOST_LINE_CHARS:
                    raise Unavailable("bad-answer", f"{self.target.words} sent a line without an end.")
            if rest:
                yield rest

    def chunks(self, path: str) -> Iterator[bytes]:
        """Give the bytes of a file as they come."""
        with self._translated(), self._http.stream("GET", path) as answer:
            if not answer.is_success:
                answer.read()
            _raise_for(answer)
            yield from answer.iter_bytes()

    def _call(self, method: str, path: str, **kwargs: Any) -> Any:
        with self._translated():
            answer = self._http.request(method, path, **kwargs)
        _raise_for(answer)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError as error:
            raise _not_nbkeep(str(answer.url)) from error

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            remedy = (
                "Start it with `nbkeep up`; `nbkeep status` shows what runs."
                if self.target.socket
                else "Check the address and your network."
            )
            raise Unavailable(
                "office-unreachable", f"{_capital(self.target.words)} does not answer.", remedy
            ) from error
        except httpx.TimeoutException as error:
            raise Unavailable(
                "office-slow",
                f"{_capital(self.target.words)} took too long to answer.",
                "Try again; `nbkeep status` and `nbkeep logs office` tell more.",
            ) from error
        except httpx.TransportError as error:
            raise Unavailable(
                "office-broke-off",
                f"The connection to {self.target.words} broke off ({error}).",
                "Try again.",
            ) from error


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if value is not None}


def _raise_for(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    try:
        body = answer.json()
        refusal = ApiRefusedError(
            str(body["code"]), str(body["message"]), str(body.get("remedy") or ""), answer.status_code
        )
    except (ValueError, KeyError, TypeError, AttributeError, json.JSONDecodeError):
        if answer.status_code >= _SERVER_FAULT:
            raise Unavailable(
                "office-fault",
                f"The office answered {answer.status_code}.",
                "Try again; `nbkeep logs office` tells more.",
            ) from None
        raise _not_nbkeep(str(answer.url)) from None
    raise refusal


def _not_nbkeep(url: str) -> NbkeepError:
    return Unavailable("not-nbkeep", f"What answers at {url} is not the API of nbkeep.", "Check the address.")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
