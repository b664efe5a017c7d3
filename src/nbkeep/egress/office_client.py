"""What the gateway asks the office and tells it, over the office's unix socket."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from nbkeep import unixhttp
from nbkeep.model.errors import Refused, Unavailable

from .connections import Told
from .leases import Lease
from .values import Policy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from .leaving.body import Body
    from .spool import Spool

    Recording = Callable[[list[dict[str, Any]]], Awaitable[None]]

log = logging.getLogger("nbkeep.gateway")

_POLICIES = "http://office/internal/v1/gateway/policies"
_CONNECTIONS = "http://office/internal/v1/gateway/connections"
_PACKAGES = "http://office/internal/v1/gateway/packages"
_LEASES = "http://office/internal/v1/gateway/leases"
_DATA_READS = "http://office/internal/v1/gateway/data-reads"
_RULES = "http://office/internal/v1/gateway/rules"
_PUSHES = "http://office/internal/v1/gateway/pushes"
_OUTCOMES = f"{_PUSHES}/outcomes"
_MODEL_CALLS = "http://office/internal/v1/gateway/model-calls"
# The office holds the question for up to 20 s when nothing has changed.
_ANSWER_S = 40.0
_VALUE_S = 5.0
_EXAMINED_S = 420.0  # of a push: it waits for its turn, too
_PAUSE_S = 1.0
_SOON_S = 0.2  # collects what happens at the same time
_NOT_NOW = frozenset({401, 403, 404, 408, 429})  # statuses of an office that starts, or is another one's


class Answer(NamedTuple):
    """What is in force for all live sessions. `tag`: of these contents; `seq`: how new it is."""

    tag: str
    policies: list[Policy]
    leases: list[Lease]
    connections: Told
    seq: int


class OfficeClient:
    """One client for both: every method may be called again after it failed."""

    def __init__(self, socket: Path, token: str) -> None:
        self._http = httpx.AsyncClient(
            transport=unixhttp.async_transport(socket),
            timeout=_ANSWER_S,
            headers={"Authorization": f"Bearer {token}"},
        )
        # Who else is given the answer with the policies; a ValueError keeps all of it from taking effect.
        self.listeners: list[Callable[[dict[str, Any]], None]] = []

    async def close(self) -> None:
        """Close it; twice is safe."""
        await self._http.aclose()

    async def policies(self, known: str) -> Answer:
        """Return what is in force for live sessions, once its tag differs from `known`, or in time.

        Raises `Unavailable`. A session of which anything cannot be read is left out, and so reaches nothing.
        """
        try:
            answer = await self._http.get(_POLICIES, params={"known": known})
            answer.raise_for_status()
            told: dict[str, Any] = answer.json()
            tag, seq, listed = str(told["tag"]), int(told["seq"]), list[object](told["policies"])
            leases = [Lease.from_json(one) for one in told.get("leases", ())]
            connections = Told.from_json(told.get("connections", {"declared": [], "granted": {}}))
            for listener in self.listeners:
                listener(told)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise Unavailable("office-away", f"The office does not answer ({error!r:.200}).") from error
        found: list[Policy] = []
        for one in listed:
            try:
                found.append(Policy.from_json(one))
            except ValueError:
                log.exception("a policy cannot be read: its session reaches nothing")
        return Answer(tag, found, leases, connections, seq)

    async def value(self, lease: Lease) -> tuple[int, str]:
        """Return the version and value of a lease. Raises `Unavailable`; `Refused` where it has ended."""
        try:
            answer = await self._http.post(
                f"{_LEASES}/{lease.lease_id}", json={"session_id": lease.session_id}, timeout=_VALUE_S
            )
            told: dict[str, Any] = answer.json()
            if answer.is_client_error and answer.status_code not in {401, 403, 408, 429}:
                raise Refused(str(told["code"]), str(told["message"]), str(told["remedy"]))
            return int(told["version"]), str(told["value"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            # Its words may hold what was answered: they are not passed on.
            raise Unavailable("office-away", "The office does not answer.") from (
                error if isinstance(error, httpx.HTTPError) else None
            )

    async def package(self, name: str) -> dict[str, Any]:
        """Return what the office knows of a project on package indexes. Raises `Unavailable`."""
        try:
            answer = await self._http.get(f"{_PACKAGES}/{name}", timeout=_VALUE_S)
            answer.raise_for_status()
            return dict[str, Any](answer.json())
        except (httpx.HTTPError, ValueError, TypeError) as error:
            raise Unavailable("office-away", f"The office does not answer ({error!r:.200}).") from error

    async def data_read(self, session_id: str, dataset_id: str) -> tuple[Policy, int]:
        """Put on record that a session reads a dataset; return what it may reach now, and how new that is.

        Raises `Refused` where it may not read it, `Unavailable`.
        """
        try:
            answer = await self._http.post(
                _DATA_READS, json={"session_id": session_id, "dataset_id": dataset_id}, timeout=_VALUE_S
            )
            told: dict[str, Any] = answer.json()
            if answer.status_code in {403, 404}:
                raise Refused(str(told["code"]), str(told["message"]), str(told["remedy"]))
            answer.raise_for_status()
            return Policy.from_json(told["policy"]), int(told["seq"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise Unavailable("office-away", f"The office does not answer ({error!r:.200}).") from error

    async def own_rules(self) -> dict[str, Any]:
        """Return the organisation's own rules (`detection.records.told`). Raises `Unavailable`."""
        try:
            answer = await self._http.get(_RULES, timeout=_VALUE_S)
            answer.raise_for_status()
            return dict[str, Any](answer.json())
        except (httpx.HTTPError, ValueError, TypeError) as error:
            raise Unavailable("office-away", f"The office does not answer ({error!r:.200}).") from error

    async def push(self, session_id: str, repository: str, body: Body) -> dict[str, Any]:
        """Hand over the body by which git pushes, and return what becomes of it (`pushes.values.Answer`).

        Asked again it may answer otherwise: an approval counts once. Raises `Unavailable`.
        """

        async def pieces() -> AsyncGenerator[bytes]:
            for piece in body.pieces():
                yield piece

        where = {"session_id": session_id, "repository": repository}
        try:
            answer = await self._http.post(_PUSHES, params=where, content=pieces(), timeout=_EXAMINED_S)
            answer.raise_for_status()
            return dict[str, Any](answer.json())
        except (httpx.HTTPError, ValueError, TypeError) as error:
            # Its words may hold the address that was asked, and so what somebody hid in it.
            raise Unavailable("office-away", "The office does not answer.") from (
                error if isinstance(error, httpx.HTTPError) else None
            )

    async def record(self, batch: list[dict[str, Any]]) -> None:
        """Hand records over. Raises `Unavailable`: then they are to be handed over again."""
        await self._hand_over(_CONNECTIONS, batch)

    async def record_calls(self, batch: list[dict[str, Any]]) -> None:
        """Hand records of models' calls over; likewise."""
        await self._hand_over(_MODEL_CALLS, batch)

    async def record_packages(self, batch: list[dict[str, Any]]) -> None:
        """Hand records of packages that were fetched over; likewise."""
        await self._hand_over(_PACKAGES, batch)

    async def record_pushes(self, batch: list[dict[str, Any]]) -> None:
        """Hand records of what became of approved pushes over; likewise."""
        await self._hand_over(_OUTCOMES, batch)

    async def _hand_over(self, address: str, batch: list[dict[str, Any]]) -> None:
        try:
            answer = await self._http.post(address, json={"records": batch})
        except httpx.HTTPError as error:
            raise Unavailable("office-away", f"The office does not answer ({error!r:.200}).") from error
        status = answer.status_code
        if answer.is_client_error and status not in _NOT_NOW:
            log.error("the office refuses %d records (%d): %.300s", len(batch), status, answer.text)
        elif not answer.is_success:
            raise Unavailable("office-away", f"The office did not take records ({status}).")


async def keep_policies(
    office: OfficeClient, take: Callable[[list[Policy], list[Lease], Told, int], Awaitable[None]]
) -> None:
    """Hand what the office says to `take`, for ever; while it is away the last policies and leases stay.

    Also what is like the last answer: it is newer, and something may have been put in between.
    """
    known, is_away = "", False
    while True:
        try:
            answer = await office.policies(known)
        except Unavailable as error:
            if not is_away:
                log.warning("%s The last rules stay in force.", error)
            is_away = True
            await asyncio.sleep(_PAUSE_S)
            continue
        is_away = False
        await take(answer.policies, answer.leases, answer.connections, answer.seq)
        known = answer.tag


async def keep_recording(record: Recording, spool: Spool) -> None:
    """Hand records over as they come, for ever."""
    while True:
        await asyncio.sleep(_SOON_S)
        try:
            await flush(record, spool)
        except Unavailable as error:
            log.warning("%s %d records wait.", error, len(spool))
            await asyncio.sleep(_PAUSE_S)


async def flush(record: Recording, spool: Spool) -> None:
    """Hand over all that waits; raises `Unavailable`."""
    while batch := spool.batch():
        await record(batch)
        spool.taken(batch)
