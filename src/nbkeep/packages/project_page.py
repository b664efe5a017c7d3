"""One page of an index on its way: taken whole, filtered, and passed on in the form that the client reads."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nbkeep.egress.refusals import Refusal
from nbkeep.egress.touches import Untouched

from .pages import ACCEPT, JSON_TYPE, MOST_BYTES, RefusedFile, read_page, write_page, write_refusal
from .parsing import aside
from .rules import refuse_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.egress.talk import Talk
    from nbkeep.egress.web import Headers
    from nbkeep.model.clock import Clock

    from .known import Known
    from .values import Facts, IndexFile, InForce

log = logging.getLogger("nbkeep.gateway")

_OK = 200
# All others stay behind: they might bring a part, an older answer, a packed one, or another page.
_PASSED = frozenset({b"accept", b"authorization", b"user-agent"})
_BUDGET_BYTES = 4 * MOST_BYTES  # of pages that are on their way at the same time
_held_bytes = 0


class Page(Untouched):
    """Fails closed, and with words: what is not understood becomes a page that says so."""

    def __init__(
        self,
        talk: Talk,
        found: InForce,
        name: str,
        facts: Facts,
        known: Known,
        clock: Clock,
        *,
        as_json: bool,
        for_pip: bool,
    ) -> None:
        self._talk, self._found, self._name, self._facts = talk, found, name, facts
        self._known, self._clock = known, clock
        self._as_json, self._for_pip = as_json, for_pip
        self._status, self._kind, self._wrong = 0, "", ""
        self._is_made = False
        self._data = bytearray()

    def request(self, target: bytes, headers: Headers) -> tuple[bytes, Headers]:
        """Ask for the page by its one name, in a form that can be read, whole and as it is now."""
        del target
        return f"{self._found.policy.prefix}{self._name}/".encode("ascii"), asked_whole(headers, ACCEPT)

    def begun(self, status: int) -> None:
        """Note the status."""
        self._status = status

    def answer(self, headers: Headers, *, has_body: bool) -> Headers:
        """Return the headers of the page that is made; raises `Refusal`."""
        if self._status != _OK:
            if self._status and self._status < 300:  # parts of pages are nothing to read
                raise Refusal(502, "package-index-failed", f"the index answered with {self._status}")
            return headers
        told = {key.lower(): value.decode("latin-1") for key, value in headers}
        self._kind = told.get(b"content-type", "")
        if has_body and told.get(b"content-encoding", "identity").strip().lower() != "identity":
            self._wrong = "the index sent a compressed page though it was asked not to"
        self._is_made = has_body
        kind = JSON_TYPE if self._as_json else "text/html; charset=utf-8"
        framing = [(b"Transfer-Encoding", b"chunked")] if has_body else []
        return [(b"Content-Type", kind.encode()), (b"Cache-Control", b"no-store"), *framing]

    def body(self, data: bytes) -> bytes:
        """Keep it."""
        global _held_bytes  # noqa: PLW0603  a bound of the process
        if not self._is_made:
            return data
        if not self._wrong and (
            len(self._data) + len(data) > MOST_BYTES or _held_bytes + len(data) > _BUDGET_BYTES
        ):
            self._wrong = "the index's page is too large, or too many are on their way at once"
            self._forget()
        if not self._wrong:
            self._data += data
            _held_bytes += len(data)
        return b""

    async def rest(self) -> bytes:
        """Return the page that is made."""
        if not self._is_made:
            return b""
        if not self._wrong:
            try:
                return await self._filtered()
            except (ValueError, RecursionError) as error:
                self._wrong = str(error)[:200] if type(error) is ValueError else "the index's page is broken"
            except Exception:
                log.exception("a page of an index could not be filtered")
                self._wrong = "the index's page could not be read"
        self._note(self._wrong)
        return write_refusal(self._name, self._wrong, as_json=self._as_json, for_pip=self._for_pip)

    def ended(self) -> None:
        """Give its room back."""
        self._forget()

    async def _filtered(self) -> bytes:
        policy = self._found.policy
        address = f"{policy.index}/{self._name}/"
        files = await aside(read_page, bytes(self._data), self._kind, address, self._name)
        self._known.learn(policy.index, self._name, files)
        page, refused = await aside(self._written, files)
        if refused:
            self._note(f"{refused} of {len(files)} files of {self._name} are not allowed")
        return page

    def _written(self, files: Sequence[IndexFile]) -> tuple[bytes, int]:
        """Return the page of what is allowed, and how many files are not. Touches nothing else."""
        policy, source = self._found.policy, self._found.source
        places = tuple(f"{host}:{port}/" for host, port in policy.hosts)
        kept: list[IndexFile] = []
        refused: list[RefusedFile] = []
        now = self._clock.now()
        for file in files:
            if not file.place.startswith(places):
                why = f"its file lies on {file.place.partition('/')[0]}, which is no host of this index"
            else:
                why = refuse_file(policy, file, self._facts, now)
            if why:
                refused.append(RefusedFile(file, f"{why} ({source})"))
            else:
                kept.append(file)
        page = write_page(self._name, kept, refused, as_json=self._as_json, for_pip=self._for_pip)
        return page, len(refused)

    def _note(self, said: str) -> None:
        if self._talk.record is not None:
            self._talk.record.reason += f"; {said}"

    def _forget(self) -> None:
        global _held_bytes  # noqa: PLW0603
        _held_bytes -= len(self._data)
        self._data = bytearray()


def asked_whole(headers: Headers, accept: str = "") -> Headers:
    """Return what of a request's headers an index gets; the whole is asked for, unpacked, as it is now."""
    kept = [
        one for one in headers if one[0].lower() in _PASSED and not (accept and one[0].lower() == b"accept")
    ]
    more = [(b"Accept", accept.encode())] if accept else []
    return [*kept, *more, (b"Accept-Encoding", b"identity")]
