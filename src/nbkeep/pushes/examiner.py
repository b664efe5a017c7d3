"""The gateway's part: what git sends to a forge is kept back until the office has judged it."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbkeep.egress.leaving.interface import Looked, Verdict
from nbkeep.egress.leaving.places import Treatment
from nbkeep.egress.leaving.words import words_of
from nbkeep.egress.refusals import Refusal
from nbkeep.model.errors import Unavailable
from nbkeep.model.gates import Found, Gate

from . import receive
from .following import Following, PushRecord
from .forges import About, about, is_download, is_forge, is_plain_push, repository
from .pktline import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nbkeep.egress.leaving.body import Body
    from nbkeep.egress.leaving.interface import Place, Sent
    from nbkeep.egress.leaving.told import Told
    from nbkeep.egress.leaving.uploads import Uploads

    from .following import Kept

    Ask = Callable[[str, str, Body], Awaitable[dict[str, Any]]]

_RESULT = "application/x-git-receive-pack-result"
_LFS = "application/vnd.git-lfs+json"
_HOW = "Push over HTTPS, without Git LFS. `nbkeep policy explain` says what may be pushed, and by whose rule."
_PARTS = "Push it in parts: git push ORIGIN COMMIT:refs/heads/BRANCH, older commits first."
_OTHER_ADDRESS = "this push has an address that git would not write (https://HOST/PATH/git-receive-pack)"
_HEADERS = "See `git config --get-all http.extraHeader`."
_MOST_BATCH = 4 << 20
_KINDS = frozenset({About.PUSH, About.LARGE_FILES, About.UNREAD})


class PushExaminer:
    """Examines what git sends to forges. `ask` hands a push to the office, which alone judges it.

    `most_bytes`: of one push. `kept`: what became of those that pass by an approval. `uploads`: examines
    what is no push after all, and knows closed hosts.
    """

    def __init__(
        self,
        ask: Ask,
        forges: tuple[str, ...],
        most_bytes: int,
        kept: Kept,
        uploads: Uploads | None = None,
    ) -> None:
        self._ask, self._forges, self._most_bytes, self._uploads = ask, forges, most_bytes, uploads
        self._kept = kept

    def wants(self, place: Place, told: Told) -> bool:
        """Tell whether a place is a forge, and pushes of the session are judged."""
        return not told.is_open(Gate.PUSH) and is_forge(place.host, self._forges)

    def about(self, request: Sent) -> bool:
        """Tell whether git sends something by a request."""
        return _kind(request) in _KINDS

    async def examine(self, request: Sent, body: Body | None) -> Verdict:
        """Judge it; raises nothing."""
        if self._is_closed(request.place):
            return await self._as_upload(request, body)
        match _kind(request):
            case About.LARGE_FILES:
                verdict = self._large_files(request, body)
            case About.PUSH:
                return await self._push(request, body)
            case _:
                verdict = _unread(request.told(), "what this sends to the forge cannot be read as a push")
        return await self._as_upload(request, body) if verdict.refusal is None else verdict

    def _is_closed(self, place: Place) -> bool:
        return (
            self._uploads is not None
            and self._uploads.places.of(place.host, place.address)[1] is Treatment.CLOSED
        )

    async def _as_upload(self, request: Sent, body: Body | None) -> Verdict:
        """Judge what is no push as what programs send to any other host."""
        if self._uploads is None or not self._uploads.wants(request.place, request.told()):
            return Verdict()
        return await self._uploads.examine(request, body)

    def unread(self, place: Place, told: Told) -> Verdict:
        """Judge what is neither TLS nor HTTP, such as ssh and git's own protocol."""
        del place
        return _unread(told, "what goes to a forge by another protocol than HTTPS is not read")

    def _large_files(self, request: Sent, body: Body | None) -> Verdict:
        is_read = body is not None and body.is_whole and body.size <= _MOST_BATCH and not _is_encoded(request)
        if is_read and body is not None and is_download(b"".join(body.pieces())):
            return Verdict()
        reason = "files of Git LFS are not read, so they are not sent"
        verdict = _unread(request.told(), reason)
        if verdict.refusal is None:
            return verdict
        words = json.dumps({"message": f"nbkeep: {reason}. {_HOW}"}).encode()
        return Verdict(_NotSent(reason, words, _LFS, 403))

    async def _push(self, request: Sent, body: Body | None) -> Verdict:
        if body is None or _is_encoded(request):
            return _unread(request.told(), "this push is compressed as a whole, or empty, and is not read")
        place, target = request.place, request.target.decode("latin-1")
        if not is_plain_push(target):
            # Whatever the policies say: it cannot be told to which repository it is.
            return Verdict(Refusal(403, "push-unread", _OTHER_ADDRESS, _HOW))
        if (refusal := await self._beside(request)) is not None:
            return Verdict(refusal)
        head = _beginning(body)
        if not (body.is_whole or head):  # its length was said beforehand: nothing of it was taken
            return Verdict(Refusal(413, "push-large", "this push is larger than what is read", _PARTS))
        if body.is_whole and receive.is_probe(head, body.size):
            return Verdict()
        try:
            pushed = receive.read_push(head, body.size)
        except UnreadableError as error:
            # Whatever the policies say: what it is about cannot even be told.
            return Verdict(Refusal(403, "push-unread", f"this push cannot be read: {error}", _HOW))
        if not body.is_whole or body.size > self._most_bytes:  # the rest of it would pass unseen
            lines = [f"nbkeep: this push is larger than what is read ({body.size >> 20} MiB). {_PARTS}"]
            return Verdict(_refused(pushed, "too large", lines, "the push is too large to be read"))
        return await self._asked(place.session_id, repository(place.host, place.port, target), body, pushed)

    async def _asked(self, session_id: str, repository: str, body: Body, pushed: receive.Pushed) -> Verdict:
        """Return what the office says of a push that is whole."""
        try:
            said = await self._ask(session_id, repository, body)
            passes, push_id, passed_at = said["passes"], str(said["push_id"]), str(said["passed_at"])
            lines, why = [str(one) for one in said["lines"]], str(said["why"])
        except (Unavailable, KeyError, TypeError):
            lines = ["nbkeep: this push could not be examined, so it was not sent. Try again in a minute."]
            return Verdict(_refused(pushed, "not examined", lines, "the push could not be examined"))
        if passes is True:
            note = f"the push was examined{f' ({push_id})' if push_id else ''}"
            if not passed_at:
                return Verdict(note=note)
            following = self._followed(session_id, push_id, passed_at, pushed)
            if following is None:
                lines = ["nbkeep: this push could not be put on record, so it was not sent. Try again later."]
                return Verdict(_refused(pushed, "not on record", lines, "the push could not be recorded"))
            return Verdict(note=note, touch=following)
        told = f"the push was not sent: {why}{f' ({push_id})' if push_id else ''}"
        return Verdict(_refused(pushed, why, lines, told))

    def _followed(
        self, session_id: str, push_id: str, passed_at: str, pushed: receive.Pushed
    ) -> Following | None:
        """Return what follows it to the forge; None where a crash would leave open what became of it."""
        record = PushRecord(f"{push_id}.{secrets.token_hex(8)}", session_id, push_id, passed_at)
        following = Following(record, self._kept, is_banded="side-band-64k" in pushed.capabilities)
        try:
            self._kept.opened(record)  # the gateway that starts after a crash reports it as unknown
        except Unavailable:
            following.ended()
            return None
        return following

    async def _beside(self, request: Sent) -> Refusal | None:
        """Return why a push does not go on for what its headers say, which no reviewer is shown."""
        # Its path is what the office looks at, as the repository's address.
        beside = replace(request, target=b"/")
        if self._uploads is not None:
            looked = await self._uploads.look_at_words(beside)
        else:
            looked = Looked(frozenset({Found.UNREAD if words_of(beside) else Found.NOTHING}))
        found = looked.found - {Found.NOTHING}
        judged = request.told().judge(Gate.PUSH, found) if found else None
        if judged is None or judged.is_allowed:
            return None
        what = ", ".join([*looked.titles, *looked.reasons][:3]) or "what is not read"
        return Refusal(
            403, "push-refused", f"the headers of this push hold {what}", f"{judged.words} {_HEADERS}"
        )


class _NotSent(Refusal):
    """A refusal in the form that git, or Git LFS, shows to people."""

    def __init__(self, reason: str, body: bytes, kind: str, status: int = 200) -> None:
        super().__init__(403, "push-refused", reason, _HOW)
        self._body, self._kind, self._as = body, kind, status

    def http(self, *, as_json: bool = False) -> bytes:
        """Return the whole answer, in its own form for everybody."""
        del as_json
        words = "OK" if self._as == 200 else "Blocked by nbkeep"
        head = (
            f"HTTP/1.1 {self._as} {words}\r\nContent-Type: {self._kind}\r\n"
            f"Content-Length: {len(self._body)}\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n"
        )
        return head.encode("ascii") + self._body


def _refused(pushed: receive.Pushed, why: str, lines: list[str], reason: str) -> Refusal:
    """Return what git shows as a refusal of each ref, with the lines before."""
    body = receive.refused(pushed.commands, pushed.capabilities, f"nbkeep: {why}", lines)
    return _NotSent(reason, body, _RESULT)


def _unread(told: Told, reason: str) -> Verdict:
    judged = told.judge(Gate.PUSH, [Found.UNREAD])
    if judged.is_allowed:
        return Verdict(note="not read")
    return Verdict(Refusal(403, "push-unread", reason, f"{judged.words} {_HOW}"))


def _kind(request: Sent) -> About:
    kind = request.header(b"content-type").decode("latin-1")
    return about(request.method.upper(), request.target.decode("latin-1"), kind)


def _beginning(body: Body) -> bytes:
    head = b""
    for piece in body.pieces():
        head += piece
        if len(head) >= receive.MOST_HEAD_BYTES:
            break
    return head[: receive.MOST_HEAD_BYTES]


def _is_encoded(request: Sent) -> bool:
    return any(
        name == b"content-encoding" and value.strip().lower() != b"identity"
        for name, value in request.headers
    )
