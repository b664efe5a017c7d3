"""One question to a Vault over HTTP, and its answer: bounded in size and time, whoever answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    import ssl

_MOST_BYTES = 1 << 20
_CONNECT_S = 2.0


@dataclass(frozen=True)
class Question:
    """What is asked. `step_s`: for each step of it; `whole_s`: until the answer is whole."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    step_s: float
    whole_s: float
    more: dict[str, Any] = field(repr=False)  # as httpx takes it: json, params


class NoAnswer(Exception):
    """Why there is none, in words that repeat nothing of what was sent or received.

    `was_sent`: it may have been done, since the question was on its way. `is_slow`: nothing came in time.
    `is_there`: it answers, if strangely.
    """

    def __init__(
        self, why: str, *, was_sent: bool = True, is_slow: bool = False, is_there: bool = False
    ) -> None:
        super().__init__(why)
        self.was_sent, self.is_slow, self.is_there = was_sent, is_slow, is_there


def exchange(question: Question, trusted: ssl.SSLContext) -> httpx.Response:
    """Return the answer, and follow it nowhere; raises `NoAnswer`. Not in a thread that runs a loop."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_answer(question, trusted))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()  # waits for no name server that hangs, as `asyncio.run` would


async def _answer(question: Question, trusted: ssl.SSLContext) -> httpx.Response:
    timeout = httpx.Timeout(question.step_s, connect=min(question.step_s, _CONNECT_S))
    try:
        # No connection is kept: gateways ask once a minute, and what nobody closes adds up.
        async with (
            # Who answers drop by drop, or with 103 again and again, keeps each single timeout.
            asyncio.timeout(question.whole_s),
            httpx.AsyncClient(
                verify=trusted, timeout=timeout, trust_env=False, follow_redirects=False
            ) as http,
            http.stream(question.method, question.url, headers=question.headers, **question.more) as answer,
        ):
            return httpx.Response(answer.status_code, content=await _body(answer))
    except TimeoutError:
        raise NoAnswer("its answer is too slow", is_slow=True) from None
    except httpx.ConnectError as error:  # its words are of this machine, not of the peer
        raise NoAnswer(str(error) or "ConnectError", was_sent=False) from None
    except (httpx.ConnectTimeout, httpx.InvalidURL) as error:
        raise NoAnswer(type(error).__name__, was_sent=False, is_slow=True) from None
    except httpx.HTTPError as error:
        # Never its words: they quote what the peer sent, which may be a password.
        raise NoAnswer(type(error).__name__, is_slow=isinstance(error, httpx.TimeoutException)) from None


async def _body(answer: httpx.Response) -> bytes:
    """Return what it says, if that is no more than a Vault needs."""
    data = bytearray()
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise NoAnswer("its answer is packed", is_there=True)
    async for part in answer.aiter_raw(1 << 16):
        data += part
        if len(data) > _MOST_BYTES:
            raise NoAnswer("its answer is too long", is_there=True)
    return bytes(data)
