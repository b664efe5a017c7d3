"""What the hub asks the office, over its socket, with the hub's token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from nbkeep import unixhttp
from nbkeep.model.errors import NbkeepError, Refused, Unavailable
from nbkeep.telemetry import traces

if TYPE_CHECKING:
    from nbkeep.settings import Settings

_TIMEOUT_S = 15.0  # a start may wait for other starts' transactions
_QUICK_S = 5.0  # for questions that every page waits for
_CONNECT_S = 2.0


class OfficeClient:
    """The office's internal API for the hub.

    Each call has a connection of its own: a restarted office is met.
    """

    def __init__(self, settings: Settings) -> None:
        self._socket = str(settings.office_socket)
        self._settings = settings

    async def authenticate(self, name: str, password: str, address: str) -> dict[str, Any]:
        """Return {"name", "admin", "role", "valid_from"}; raise `Refused` 401 or 429."""
        return await self._post("authenticate", {"name": name, "password": password, "address": address})

    async def check(self, name: str) -> dict[str, Any]:
        """Return {"active", "admin", "valid_from"}: may somebody be signed in, and by sign-ins since when."""
        return await self._post(f"users/{quote(name, safe='')}/check", {}, _QUICK_S)

    async def launch(
        self, user: str, server_name: str, options: dict[str, Any], env: dict[str, str]
    ) -> dict[str, Any]:
        """Return {"session_id", "run", "grace_s", "launch"}; raise `Refused` unless it was admitted.

        `options` is what somebody wrote into `user_options`: of it only two short texts are passed on.
        """
        chosen = {"session_id": _text(options.get("session")), "profile": _text(options.get("profile"))}
        body = {"user": user, "server_name": server_name, "env": env, **chosen}
        return await self._post("launch", body)

    async def progress(self, session_id: str, step: str, message: str) -> None:
        """Show a step of a start."""
        await self._post(f"sessions/{session_id}/progress", {"step": step, "message": message})

    async def ready(self, session_id: str, *, warm: bool | None = None) -> None:
        """Say that the server answers and is routed, and how it came to be. Twice is safe."""
        await self._post(f"sessions/{session_id}/ready", {"warm": warm})

    async def ended(self, session_id: str, run: int, reason: str, detail: str = "") -> None:
        """Say that a session's server is no more, in which run of it, and why. Twice is safe."""
        await self._post(f"sessions/{session_id}/ended", {"reason": reason, "detail": detail, "run": run})

    async def may_enter(self, admin: str, owner: str, server_name: str) -> bool:
        """Tell whether an admin gave a reason for entering somebody's server, and may still be there."""
        body = {"admin": admin, "owner": owner, "server_name": server_name}
        return (await self._post("admin-access", body, _QUICK_S)).get("allowed") is True

    async def _post(self, path: str, body: dict[str, Any], timeout_s: float = _TIMEOUT_S) -> dict[str, Any]:
        transport = unixhttp.async_transport(self._socket)
        headers = {"Authorization": f"Bearer {self._settings.secret('hub-token')}", **traces.headers()}
        timeout = httpx.Timeout(timeout_s, connect=_CONNECT_S)
        try:
            async with httpx.AsyncClient(transport=transport, headers=headers, timeout=timeout) as http:
                answer = await http.post(f"http://office/internal/v1/hub/{path}", json=body)
                found: dict[str, Any] = answer.json() if answer.content else {}
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(
                "office-away", "The office does not answer.", "Try again in a moment."
            ) from error
        if answer.is_success:
            return found
        raise _error(answer.status_code, found)


def _error(status: int, body: dict[str, Any]) -> NbkeepError:
    code, message, remedy = (str(body.get(key, "")) for key in ("code", "message", "remedy"))
    if not code or not message:
        return Unavailable("office-fault", f"The office answered {status}.", "See `nbkeep logs office`.")
    kind = Unavailable if status >= 500 else Refused
    error = kind(code, message, remedy)
    error.status = status
    return error


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= 80 else None  # longer than any id or name
