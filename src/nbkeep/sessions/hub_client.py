"""JupyterHub's REST API over its unix socket, as far as starting and stopping servers goes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from nbkeep import unixhttp
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.telemetry import traces

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# The hub answers a start once the spawner has begun; it may wait a little to see whether it ends well at
# once. Not hearing back within this time means "under way": the hub reports ready or ended by itself.
_ANSWER_S = 4.0
_CONNECT_S = 2.0
_PENDING_TRIES = 140  # a hub that has just been started looks at each old server for up to 30 s
_PENDING_WAIT_S = 0.25
_ACCEPTED = frozenset({200, 201, 202, 204})
_GONE = 404
_BAD = 400


class HubClient:
    """The `Hub` of a real installation. Safe to share between threads."""

    def __init__(self, socket: Path, token: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """`token`: an API token of the hub's service for the office; `socket`: where the hub listens."""
        self._sleep = sleep
        self._http = httpx.Client(
            transport=unixhttp.transport(socket),
            base_url="http://hub/hub/api",
            headers={"Authorization": f"token {token}"},
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
        )

    def start_server(self, user: str, name: str, session_id: str) -> None:
        """Ask for a server with the session's id in its options. See `Hub`."""
        self._ensure_user(user)
        # The hub gives its spawner these options, and none of the request's headers.
        wanted = {"session": session_id, **traces.headers()}
        for _ in range(_PENDING_TRIES):
            answer = self._call("POST", _path(user, name), wanted)
            if answer is None or answer.status_code in _ACCEPTED:
                return
            text = _message(answer)
            if answer.status_code == _BAD and ("already running" in text or "pending spawn" in text):
                return
            if answer.status_code == _BAD and "pending" in text:
                # The server of the last session under this name is just ending: its place is free in a
                # moment.
                self._sleep(_PENDING_WAIT_S)
                continue
            raise Refused(
                "hub-refused",
                f"Not started: {text or f'the hub answered {answer.status_code}'}.",
                "Try again; if it stays so, tell an admin.",
                status=409,
            )
        raise Unavailable(
            "hub-busy",
            "Not started: the last server under this name is still ending.",
            "Try again in a moment, or choose another name.",
        )

    def stop_server(self, user: str, name: str) -> bool:
        """Ask for a server's end. See `Hub`."""
        answer = self._call("DELETE", _path(user, name), None)
        if answer is None or answer.status_code in _ACCEPTED or answer.status_code == _GONE:
            return True
        if answer.status_code == _BAD:
            # "is pending spawn": the hub ends no server whose start it is still waiting for; "is not running"
            # is fine.
            return "pending spawn" not in _message(answer)
        raise Unavailable("hub-away", f"The hub answered {answer.status_code}.", "Try again in a moment.")

    def close(self) -> None:
        """Close connections. Twice is safe."""
        self._http.close()

    def _ensure_user(self, user: str) -> None:
        # People who were invited and never opened the hub are not known to it yet.
        answer = self._call("GET", f"/users/{quote(user, safe='')}", None)
        if answer is not None and answer.status_code == _GONE:
            self._call("POST", f"/users/{quote(user, safe='')}", None)

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response | None:
        """Return the answer, or None when the request was sent and no answer came in time."""
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.ReadTimeout:
            return None
        except httpx.HTTPError as error:
            raise Unavailable("hub-away", "The hub does not answer.", "Try again in a moment.") from error
        if answer.status_code >= 500:
            raise Unavailable(
                "hub-away",
                f"The hub answered {answer.status_code}: {_message(answer)}",
                "Try again in a moment; `nbkeep logs hub` says more.",
            )
        return answer


def _path(user: str, name: str) -> str:
    return f"/users/{quote(user, safe='')}/servers/{quote(name, safe='')}"


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("message", "")).rstrip(".")
    except (ValueError, AttributeError):
        return ""
