"""Asks providers whether keys of theirs work: the office does, never a session.

A value is in memory for the question and nowhere else: no record, log or error has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

import httpx

from .providers import PROVIDERS, Alive
from .sending import sent_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection, Mapping, Sequence

    from nbkeep.rendering.interface import Value

    from .providers import Provider

    _Sent = list[tuple[Value, Provider]]

_EACH_S, _ALL_S, _END_S = 5.0, 20.0, 1.0
_LARGEST_ANSWER = 64 << 10


class Asker:
    """Asks providers. `urls`: other addresses than theirs, and `trust`: what to trust there, for tests."""

    def __init__(self, urls: Mapping[str, str] | None = None, trust: ssl.SSLContext | None = None) -> None:
        self._urls, self._trust = urls or {}, trust

    def ask(self, providers: Collection[str], values: Sequence[Value]) -> dict[tuple[str, str], Alive]:
        """Return {(rule, masked): what its provider said}; blocks for 21 seconds at most. Raises nothing.

        Of two values that look alike once they are masked the worse counts. Unknown are those that no
        provider answers for, all beyond `MOST_ASKED`, and those not told (`Value.value` is "").
        """
        found: dict[tuple[str, str], Alive] = {}
        sent = sent_of(providers, values)
        rules = {rule for name in providers for rule in PROVIDERS[name].rules}
        told = dict(zip((id(one) for one, _ in sent), self._told(sent), strict=True))
        order = (Alive.DEAD, Alive.UNKNOWN, Alive.LIVE)
        for one in values:
            if one.rule in rules:
                key, alive = (one.rule, one.masked), told.get(id(one), Alive.UNKNOWN)
                found[key] = max(found.get(key, alive), alive, key=order.index)
        return found

    def _told(self, sent: _Sent) -> list[Alive]:
        """Return what was said of each in time; in a thread, as what looks a name up heeds no clock."""
        told = [Alive.UNKNOWN] * len(sent)
        if sent:
            asking = threading.Thread(target=self._run, args=(sent, told), name="liveness", daemon=True)
            asking.start()
            asking.join(_ALL_S + _END_S)
        return told.copy()

    def _run(self, sent: _Sent, told: list[Alive]) -> None:
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            asyncio.run(self._all(sent, told))

    async def _all(self, sent: _Sent, told: list[Alive]) -> None:
        async with httpx.AsyncClient(
            timeout=_EACH_S, follow_redirects=False, verify=self._trust or True
        ) as client:

            async def one(number: int, value: str, provider: Provider) -> None:
                told[number] = await self._one(client, value, provider)

            tasks = [
                asyncio.create_task(one(number, value.value, provider))
                for number, (value, provider) in enumerate(sent)
            ]
            done, late = await asyncio.wait(tasks, timeout=_ALL_S)
            for task in late:
                task.cancel()
            for task in done:
                task.exception()  # what failed is unknown

    async def _one(self, client: httpx.AsyncClient, value: str, provider: Provider) -> Alive:
        name, template = provider.header
        headers = {name: template.format(value), "User-Agent": "nbkeep", "Accept": "application/json"}
        url = self._urls.get(provider.name, provider.url)
        try:
            async with client.stream(provider.method, url, headers=headers) as answer:
                body = bytearray()
                async for piece in answer.aiter_bytes(_LARGEST_ANSWER):
                    body += piece
                    if len(body) > _LARGEST_ANSWER:
                        break
                return provider.verdict(answer.status_code, _json(bytes(body)))
        except (httpx.HTTPError, OSError, ValueError):  # whatever it says may quote the request
            return Alive.UNKNOWN


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
