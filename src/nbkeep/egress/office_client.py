"""What the gateway asks the office and tells it, over the office's unix socket."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import httpx

from nbkeep import unixhttp
from nbkeep.model.errors import Unavailable

from .values import Policy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .spool import Spool

log = logging.getLogger("nbkeep.gateway")

_POLICIES = "http://office/internal/v1/gateway/policies"
_CONNECTIONS = "http://office/internal/v1/gateway/connections"
# The office holds the question for up to 20 s when nothing has changed.
_ANSWER_S = 40.0
_PAUSE_S = 1.0
_SOON_S = 0.2  # collects what happens at the same time
_NOT_NOW = frozenset({401, 403, 404, 408, 429})  # statuses of an office that starts, or is another one's


class OfficeClient:
    """One client for both: every method may be called again after it failed."""

    def __init__(self, socket: Path, token: str) -> None:
        self._http = httpx.AsyncClient(
            transport=unixhttp.async_transport(socket),
            timeout=_ANSWER_S,
            headers={"Authorization": f"Bearer {token}"},
        )

    async def close(self) -> None:
        """Close it; twice is safe."""
        await self._http.aclose()

    async def policies(self, known: str) -> tuple[str, list[Policy]]:
        """Return the tag and the policies of all live sessions, once they differ from `known` or time is up.

        Raises `Unavailable`. A session whose policy cannot be read is left out, and so reaches nothing.
        """
        try:
            answer = await self._http.get(_POLICIES, params={"known": known})
            answer.raise_for_status()
            told: dict[str, Any] = answer.json()
            tag, listed = str(told["tag"]), list[object](told["policies"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise Unavailable("office-away", f"The office does not answer ({error!r:.200}).") from error
        found: list[Policy] = []
        for one in listed:
            try:
                found.append(Policy.from_json(one))
            except ValueError:
                log.exception("a policy cannot be read: its session reaches nothing")
        return tag, found

    async def record(self, batch: list[dict[str, Any]]) -> None:
        """Hand records over. Raises `Unavailable`: then they are to be handed over again."""
        try:
            answer = await self._http.post(_CONNECTIONS, json={"records": batch})
        except httpx.HTTPError as error:
            raise Unavailable("office-away", f"The office does not answer ({error!r:.200}).") from error
        status = answer.status_code
        if answer.is_client_error and status not in _NOT_NOW:
            log.error("the office refuses %d records (%d): %.300s", len(batch), status, answer.text)
        elif not answer.is_success:
            raise Unavailable("office-away", f"The office did not take records ({status}).")


async def keep_policies(office: OfficeClient, take: Callable[[list[Policy]], Awaitable[None]]) -> None:
    """Hand each new list of policies to `take`, for ever; while the office is away the last list stays."""
    known, is_away = "", False
    while True:
        try:
            tag, found = await office.policies(known)
        except Unavailable as error:
            if not is_away:
                log.warning("%s The last rules stay in force.", error)
            is_away = True
            await asyncio.sleep(_PAUSE_S)
            continue
        is_away = False
        if tag != known:
            await take(found)
            known = tag


async def keep_recording(office: OfficeClient, spool: Spool) -> None:
    """Hand records over as they come, for ever."""
    while True:
        await asyncio.sleep(_SOON_S)
        try:
            await flush(office, spool)
        except Unavailable as error:
            log.warning("%s %d records wait.", error, len(spool))
            await asyncio.sleep(_PAUSE_S)


async def flush(office: OfficeClient, spool: Spool) -> None:
    """Hand over all that waits; raises `Unavailable`."""
    while batch := spool.batch():
        await office.record(batch)
        spool.taken(batch)
