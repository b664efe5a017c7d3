"""The gateway's part: a forge's list of refs tells git that packs are to be whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.egress.leaving.told import read_told
from nbkeep.egress.refusals import Refusal
from nbkeep.egress.touches import Untouched
from nbkeep.egress.wire import CutError
from nbkeep.model.gates import Gate

from .forges import About, about, is_forge
from .pktline import UnreadableError
from .receive import Advertisement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.egress.rules import Compiled
    from nbkeep.egress.talk import Talk
    from nbkeep.egress.web import Asked, Target

    Headers = list[tuple[bytes, bytes]]

_OTHER_PORTS = frozenset({22, 9418})  # of ssh and git: what goes there is judged as unread
_ADVERTISED = b"application/x-git-receive-pack-advertisement"
# By these the list would come in another form, or not at all.
_DROPPED = frozenset({b"git-protocol", b"accept-encoding", b"range", b"if-none-match", b"if-modified-since"})


class WholePacks:
    """The treatment of forges in sessions whose pushes are judged. `policies`: in force, by session."""

    def __init__(self, policies: Mapping[str, Compiled], forges: tuple[str, ...]) -> None:
        self._policies, self._forges = policies, forges

    def wants(self, session_id: str, host: str, port: int) -> bool:
        """Tell whether pushes of a session to a host are judged: then nothing but HTTP goes there."""
        if port in _OTHER_PORTS or not is_forge(host, self._forges):
            return False
        compiled = self._policies.get(session_id)
        return compiled is not None and not read_told(compiled.policy.leaving).is_open(Gate.PUSH)

    async def begin(self, talk: Talk, asked: Asked, target: Target) -> Untouched:
        """Return what is done to a request."""
        del talk
        where, method = (target.path or b"/").decode("latin-1"), asked.request.method.decode("latin-1")
        return _Refs() if about(method.upper(), where) is About.REFS else Untouched()


class _Refs(Untouched):
    """The question for a forge's refs, in the one form that is read, and its answer."""

    def __init__(self) -> None:
        self._status = 0
        self._advertised: Advertisement | None = None

    def request(self, target: bytes, headers: Headers) -> tuple[bytes, Headers]:
        """Return it without what would have it answered in another form."""
        return target, [one for one in headers if one[0].lower() not in _DROPPED]

    def begun(self, status: int) -> None:
        """Note it."""
        self._status = status

    def answer(self, headers: Headers, *, has_body: bool) -> Headers:
        """Return them without the length, which changes; raises `Refusal` for what is encoded."""
        values = {name.lower(): value.lower().strip() for name, value in headers}
        is_list = values.get(b"content-type", b"").startswith(_ADVERTISED)
        if self._status != 200 or not has_body or not is_list:
            return headers
        if values.get(b"content-encoding", b"identity") != b"identity":
            raise Refusal(502, "push-unread", "the forge's list of refs is compressed, and is not read")
        self._advertised = Advertisement()
        fresh = [one for one in headers if one[0].lower() not in {b"content-length", b"transfer-encoding"}]
        return [*fresh, (b"Transfer-Encoding", b"chunked")]

    def body(self, data: bytes) -> bytes:
        """Return it with what packs are to be like; raises `CutError`."""
        if self._advertised is None:
            return data
        try:
            return self._advertised.feed(data)
        except UnreadableError as error:
            raise CutError(str(error)) from error

    async def rest(self) -> bytes:
        """Return nothing; raises `CutError` where the list ended too early."""
        try:
            return self._advertised.rest() if self._advertised else b""
        except UnreadableError as error:
            raise CutError(str(error)) from error
