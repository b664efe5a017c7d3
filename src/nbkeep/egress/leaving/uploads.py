"""The gate upload: what programs send to a host is judged by what is in it, before any of it is sent."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from nbkeep.egress.refusals import Refusal
from nbkeep.model.gates import Found, Gate

from .interface import Document, Looked, Verdict
from .places import Places, Treatment, read_places
from .words import words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbkeep.model.judged import Judgement

    from .body import Body
    from .interface import Place, Scanner, Sent
    from .told import Told

_ASKING = frozenset({"GET", "HEAD", "OPTIONS"})
_METHOD = re.compile(r"[A-Z]{1,20}")
_PROTOCOLS = frozenset({b"websocket", b"h2c"})
_OF_ONE = 2  # documents of one person, of all their sessions, looked at at once: others have their turn
_FOUND_WORDS = {Found.SECRET: "a secret", Found.PERSONAL: "personal data"}
_REMEDIES = {
    Found.SECRET: "Take it out. What {host} asks for to sign in can be a secret that is added on the way: "
    "`nbkeep secret --help`.",
    Found.PERSONAL: "Take it out, or make it anonymous.",
    Found.UNREAD: "Send it so that it can be read: by HTTP/1.1, plain or in gzip, not encrypted.",
    Found.NOTHING: "",
}
_OR_ASK = "If {host} may have it, ask a security officer: `nbkeep upload set {host} trusted`."
_CLOSED = "It is closed to uploads: programs may ask {host} for something (GET, HEAD), and send it nothing."
_OR_ASK_TO_OPEN = "If {host} is to have it, ask a security officer: `nbkeep upload set {host} examined`."


class Uploads:
    """For all sessions. `places`: what is said of hosts; `hear` takes it from the office."""

    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        # Kept by those who have a turn or wait for one, and gone with the last of them.
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._told: object = []
        self.places = Places()
        self.changed: Callable[[], None] | None = None  # called when something else is said of hosts

    def hear(self, told: dict[str, Any]) -> None:
        """Put what the office tells (`uploads` of its answer) in force; raises ValueError before that."""
        said: object = told.get("uploads") or []
        self.places = read_places(said)
        if said != self._told and self.changed is not None:
            self._told = said
            self.changed()

    def wants(self, place: Place, told: Told) -> bool:
        """Tell whether what is sent to a place is read."""
        _, treatment = self.places.of(place.host, place.address)
        if treatment is Treatment.EXAMINED:
            return not told.is_open(Gate.UPLOAD)
        return treatment is Treatment.CLOSED

    def about(self, request: Sent) -> bool:
        """Tell that all requests are uploads for which nobody else is there."""
        del request
        return True

    async def examine(self, request: Sent, body: Body | None) -> Verdict:
        """Judge a request by what is in it; raises nothing."""
        place, told = request.place, request.told()
        pattern, treatment = self.places.of(place.host, place.address)
        if not _METHOD.fullmatch(request.method):
            what = "the request's method is not a word of up to 20 capital letters"
            return Verdict(Refusal(400, "egress-malformed", what, "", place.host, place.port))
        upgrade = request.header(b"upgrade")
        # A closed host is told nothing by another protocol, either, of which nothing would be read.
        asks_only = body is None and request.method in _ASKING
        if treatment is Treatment.CLOSED and upgrade:
            return _closed(place, pattern, f"no other protocol is spoken to {place.host}")
        if treatment is Treatment.CLOSED and not asks_only:
            return _closed(place, pattern, f"this {request.method[:20]} request to {place.host} was not sent")
        if treatment is Treatment.TRUSTED or told.is_open(Gate.UPLOAD):
            return Verdict()
        # With a body it is not upgraded: it goes on as a request of HTTP/1.1, and is read as one.
        if body is None and upgrade and b"upgrade" in request.header(b"connection").lower():
            looked = await self._looked(request, None)
            kind = upgrade.decode("latin-1") if upgrade.lower() in _PROTOCOLS else "another protocol"
            reasons = (f"becomes {kind}, which is not read", *looked.reasons)
            found = (looked.found - {Found.NOTHING}) | {Found.UNREAD}
            return replace(
                self._judged(request, replace(looked, found=found, reasons=reasons)), may_upgrade=True
            )
        if not asks_only and told.is_decided(Gate.UPLOAD, tuple(Found)):
            return self._judged(request, Looked(frozenset({Found.NOTHING})))
        looked = await self._looked(request, body)
        if asks_only and looked.found == frozenset({Found.NOTHING}):
            return Verdict()  # it sends nothing
        return self._judged(request, looked)

    async def look_at_words(self, request: Sent) -> Looked:
        """Return what is in a request beside its body, to be judged at another gate; raises nothing."""
        words = words_of(request)
        if not words:
            return Looked(frozenset({Found.NOTHING}))
        async with self._turn(request.place):
            return await self.scanner.look(Document(None, words=words))

    def unread(self, place: Place, told: Told) -> Verdict:
        """Judge what goes to a place and cannot be read as requests."""
        pattern, treatment = self.places.of(place.host, place.address)
        if treatment is Treatment.CLOSED:
            return _closed(place, pattern, f"what was to be sent to {place.host} cannot be read as requests")
        return _verdict(
            place,
            told.judge(Gate.UPLOAD, [Found.UNREAD]),
            Looked(frozenset({Found.UNREAD}), reasons=("is neither TLS nor HTTP",)),
        )

    async def _looked(self, request: Sent, body: Body | None) -> Looked:
        words = words_of(request)
        if body is not None and not body.is_whole:
            return Looked(frozenset({Found.UNREAD}), reasons=("is too large to be examined",))
        if body is None and not words:
            return Looked(frozenset({Found.NOTHING}))
        async with self._turn(request.place):
            headers = tuple(
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in request.headers
                if name.startswith(b"content-")
            )
            if body is None or not body.size:
                return await self.scanner.look(Document(None, words=words))
            try:
                with body.opened() as file:
                    return await self.scanner.look(Document(file, "body", headers, words))
            except OSError:
                return Looked(frozenset({Found.UNREAD}), reasons=("could not be examined",))

    def _turn(self, place: Place) -> asyncio.Semaphore:
        return self._turns.setdefault(place.whose, asyncio.Semaphore(_OF_ONE))

    def _judged(self, request: Sent, looked: Looked) -> Verdict:
        if looked.is_by_nobody and not request.told().is_open(Gate.UPLOAD):
            return Verdict(_unexamined(request.place, looked.reasons))
        # By what is decided now: it may have changed while the body came.
        return _verdict(request.place, request.told().judge(Gate.UPLOAD, looked.found), looked)


def _unexamined(place: Place, reasons: tuple[str, ...]) -> Refusal:
    reason = reasons[0].removeprefix("could not be examined").removeprefix(": ") if reasons else ""
    why = f" ({reason})" if reason else ""
    what = f"what was to be sent to {place.host} cannot be examined now{why}: nothing of it was sent"
    remedy = "Try again in a moment. If it stays so, tell an admin: the gateway's log says what it lacks."
    return Refusal(503, "egress-unexamined", what, remedy, place.host, place.port)


def _verdict(place: Place, judgement: Judgement, looked: Looked) -> Verdict:
    what = _said(looked)
    if judgement.is_allowed:
        return Verdict(note=f"what was sent {what}" if what else "")
    worst = next(one for one in judgement.because if one.decision is judgement.decision)
    said = f"what was to be sent to {place.host} {what}" if what else f"nothing may be sent to {place.host}"
    remedy = f"{_REMEDIES[worst.found]} {_OR_ASK}".strip().format(host=place.host)
    return Verdict(
        Refusal(
            403,
            "upload-refused",
            f"{said}: none of it was sent. {judgement.words}".rstrip("."),
            remedy,
            place.host,
            place.port,
            f"gate upload: {worst.decision} {worst.found}",
            worst.scope or "the office",
        )
    )


def _said(looked: Looked) -> str:
    """Return what is the matter with it, in words that go on after what was sent; "" for nothing."""
    kinds = [words for one, words in _FOUND_WORDS.items() if one in looked.found]
    said: list[str] = []
    if kinds:
        titles = f" ({', '.join(looked.titles)})" if looked.titles else ""
        said.append(f"holds {' and '.join(kinds)}{titles}")
    if Found.UNREAD in looked.found:
        said.append(" and ".join(looked.reasons[:2]) or "could not be examined")
    return ", and ".join(said)


def _closed(place: Place, pattern: str, what: str) -> Verdict:
    remedy = f"{_CLOSED} {_OR_ASK_TO_OPEN}".format(host=place.host)
    rule, source = f"gate upload: closed {pattern}", "uploads"
    return Verdict(Refusal(403, "upload-closed", what, remedy, place.host, place.port, rule, source))
