"""What is done to a request and its answer on their way, and who decides that something is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .talk import Talk
    from .web import Asked, Target

    Headers = list[tuple[bytes, bytes]]

HTTP = 80


class Untouched:
    """How one request and its answer are changed: not at all, as long as a subclass does not say otherwise.

    One object for each request. What changes the length of a body takes `content-length` out of the answer's
    headers, and says `transfer-encoding: chunked` instead.
    """

    default_port = HTTP

    def request(self, target: bytes, headers: Headers) -> tuple[bytes, Headers]:
        """Return a request's target and headers as the server gets them; raises `Refusal`."""
        return target, headers

    def completing(self) -> None:
        """Note that the last of the request's body is about to be sent, or may be; called again and again."""

    def begun(self, status: int) -> None:
        """Note the status of the answer (RFC 9110, 15), before its headers are asked for."""

    def answer(self, headers: Headers, *, has_body: bool) -> Headers:
        """Return an answer's headers as the program gets them; raises `Refusal`."""
        return headers

    def reason(self, reason: bytes) -> bytes:
        """Return the words beside an answer's status."""
        return reason

    def body(self, data: bytes) -> bytes:
        """Return what of an answer's body can be passed on now."""
        return data

    async def rest(self) -> bytes:
        """Return what of it was kept back, at its end."""
        return b""

    def ended(self) -> None:
        """Note that nothing more comes, whether all of it was passed on or not. Called once."""


class Chain(Untouched):
    """Several, one after the other: the last is the nearest to the server."""

    def __init__(self, touches: Sequence[Untouched], default_port: int) -> None:
        self._touches, self._back = tuple(touches), tuple(reversed(touches))
        self.default_port = default_port

    def request(self, target: bytes, headers: Headers) -> tuple[bytes, Headers]:
        """Return what the last makes of it; raises `Refusal`."""
        for one in self._touches:
            target, headers = one.request(target, headers)
        return target, headers

    def completing(self) -> None:
        """Tell all."""
        for one in self._touches:
            one.completing()

    def begun(self, status: int) -> None:
        """Tell all."""
        for one in self._back:
            one.begun(status)

    def answer(self, headers: Headers, *, has_body: bool) -> Headers:
        """Return what the first makes of it; raises `Refusal`."""
        for one in self._back:
            headers = one.answer(headers, has_body=has_body)
        return headers

    def reason(self, reason: bytes) -> bytes:
        """Return what the first makes of it."""
        for one in self._back:
            reason = one.reason(reason)
        return reason

    def body(self, data: bytes) -> bytes:
        """Return what comes through all of them."""
        for one in self._back:
            data = one.body(data) if data else b""
        return data

    async def rest(self) -> bytes:
        """Return what each kept back, through those after it."""
        data = b""
        for one in self._back:
            data = (one.body(data) if data else b"") + await one.rest()
        return data

    def ended(self) -> None:
        """Tell all."""
        for one in self._back:
            one.ended()


class Treatment(Protocol):
    """Reads or changes requests to some hosts, whose TLS is opened for it. One object for all sessions."""

    def wants(self, session_id: str, host: str, port: int) -> bool:
        """Tell whether it has to do with a session's requests to a host. Asked for every connection."""
        ...

    async def begin(self, talk: Talk, asked: Asked, target: Target) -> Untouched:
        """Return what is done to this request; raises `Refusal`: then nothing is sent.

        It takes nothing that has to be given back: what it returns may never be used. Once its `request`
        was asked for, its `ended` is called.
        """
        ...
