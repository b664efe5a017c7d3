"""Has requests examined before anything of them is sent: by the first examiner that they concern."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from nbkeep.egress.refusals import Refusal

from .body import has_body
from .interface import Place, Sent
from .told import EVERYTHING, read_told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbkeep.egress.rules import Compiled
    from nbkeep.egress.talk import Talk
    from nbkeep.egress.touches import Untouched
    from nbkeep.egress.web import Asked, Target

    from .body import Bodies
    from .interface import Examiner, Verdict
    from .told import Told


class Leaving:
    """For all sessions: their policies, by session, and who examines, the first that is concerned."""

    def __init__(
        self, policies: Mapping[str, Compiled], examiners: Sequence[Examiner], bodies: Bodies
    ) -> None:
        self._policies, self._examiners, self._bodies = policies, tuple(examiners), bodies

    def forget(self, session_id: str) -> None:
        """Drop what is known of a session that is over; twice is safe."""
        self._bodies.forget(session_id)

    def wants(self, place: Place) -> bool:
        """Tell whether requests of a session to a place are read."""
        told = self._told(place.session_id)
        return any(one.wants(place, told) for one in self._examiners)

    async def check(self, talk: Talk, asked: Asked, target: Target) -> Untouched | None:
        """Have a request examined, of which nothing has been sent; raises `Refusal`.

        Its body has come then, as far as it is read, and is in `asked.spooled`. Returned is who follows it.
        """
        record = talk.record
        if record is None:
            raise RuntimeError("nothing was dialled")
        compiled = self._policies.get(talk.session_id)
        person = compiled.policy.person if compiled is not None else ""
        place = Place(talk.session_id, record.host, record.port, record.address, person)
        request = Sent(
            place,
            asked.request.method.decode("ascii", "replace"),
            target.path or b"/",
            tuple((bytes(name), bytes(value)) for name, value in asked.request.headers),
            lambda: self._told(talk.session_id),
            tuple(bytes(name) for name, _ in asked.request.headers.raw_items()),
        )
        examiner = self._concerned(request)
        if examiner is None:
            if has_body(asked):  # it goes on as it comes, and as long as nobody is concerned
                talk.check_rest = partial(self._check_rest, talk, request, None)
            return None
        async with self._bodies.turn(talk.session_id):
            body = await self._bodies.take(talk, asked, place.whose)
            verdict = await examiner.examine(request, body)
            if verdict.touch is not None:
                talk.at_close.append(verdict.touch.ended)
            self._obey(talk, verdict)
            if body is not None and not body.is_whole:
                talk.check_rest = partial(self._check_rest, talk, request, examiner)
            asked.may_upgrade = verdict.may_upgrade
            # Invariant: what is sent is what was examined.
            if body is not None and not await asyncio.to_thread(body.is_unchanged):
                raise Refusal(503, "egress-changed", "what was examined is not what would be sent")
            return verdict.touch

    def check_unread(self, talk: Talk) -> None:
        """Judge a connection of which nothing can be read as requests; raises `Refusal`."""
        record = talk.record
        if record is None:
            return
        place = Place(talk.session_id, record.host, record.port, record.address)
        told = self._told(talk.session_id)
        for one in self._examiners:
            if one.wants(place, told):
                self._obey(talk, one.unread(place, told))

    def _concerned(self, request: Sent) -> Examiner | None:
        told = request.told()
        return next(
            (one for one in self._examiners if one.wants(request.place, told) and one.about(request)), None
        )

    def _check_rest(self, talk: Talk, request: Sent, before: Examiner | None) -> None:
        """Judge by what is decided now what of a body nobody has read; raises `Refusal`."""
        examiner = self._concerned(request)
        if examiner is None:
            return
        if examiner is not before:
            raise Refusal(403, "egress-changed", "what is sent to this host is examined now")
        self._obey(talk, examiner.unread(request.place, request.told()))

    def _told(self, session_id: str) -> Told:
        compiled = self._policies.get(session_id)
        return read_told(compiled.policy.leaving) if compiled is not None else EVERYTHING

    def _obey(self, talk: Talk, verdict: Verdict) -> None:
        refusal = verdict.refusal
        if refusal is not None:
            if talk.record is not None:
                talk.record.rule_id, talk.record.rule_source = refusal.rule_id, refusal.rule_source
            raise refusal
        if verdict.note and talk.record is not None and verdict.note not in talk.record.reason:
            talk.record.reason += f"; {verdict.note}"
