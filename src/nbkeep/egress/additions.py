"""How a secret gets into a request, and how it is kept out of the answer. Pure: no socket, no vault.

What the program sent in a secret's place is taken out, so that neither a key of its own nor a placeholder
gets through; names count as servers read them (letter case, `_` for `-`, percent signs).
"""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote_plus

from .aws_keys import aws_keys
from .refusals import Refusal
from .signing import KIND as SIGNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .leases import Lease

    Headers = list[tuple[bytes, bytes]]

_AUTHORIZATION = b"authorization"
_STAR = b"*"


@dataclass(frozen=True)
class Added:
    """A lease with its value, for the length of one request. Never logged."""

    lease: Lease
    value: str = field(repr=False)

    @property
    def sent(self) -> str:
        """What is sent in its place."""
        if self.lease.kind == "basic":
            pair = f"{self.lease.template}:{self.value}"
            return "Basic " + base64.b64encode(pair.encode()).decode()
        return self.lease.template.replace("{}", self.value)

    @property
    def forms(self) -> set[bytes]:
        """The forms in which a server may send it back, as text, address, JSON, HTML or base64."""
        said = aws_keys(self.value).parts if self.lease.kind == SIGNED else {self.value}
        if self.lease.kind == "basic":
            said.add(self.sent.removeprefix("Basic "))
        found = set(said)
        for one in said:
            in_json = json.dumps(one)[1:-1]
            found |= {quote(one, safe=""), quote_plus(one), quote(one), html.escape(one), in_json,
                      in_json.replace("/", "\\/"), html.escape(one, quote=False)}  # fmt: skip
            coded = base64.b64encode(one.encode()).decode()
            found |= {coded, coded.rstrip("="), base64.urlsafe_b64encode(one.encode()).decode()}
        return {one.encode() for one in found}


def request(target: bytes, headers: Headers, added: Sequence[Added]) -> tuple[bytes, Headers]:
    """Return a request's target and headers with the secrets in their places, and nothing else there.

    What is signed with is no part of a request: `signing.py` comes after this.
    """
    for one in added:
        if one.lease.kind == SIGNED:
            continue
        if one.lease.kind == "query":
            target = _with_parameter(target, one.lease.place, one.value)
        else:
            name = _AUTHORIZATION if one.lease.kind == "basic" else one.lease.place.encode()
            headers = [pair for pair in headers if _as_read(pair[0]) != _as_read(name)]
            headers.append((b"Authorization" if name == _AUTHORIZATION else name, one.sent.encode()))
    # What is compressed could not be looked through on its way back.
    headers = [pair for pair in headers if _as_read(pair[0]) != b"accept-encoding"]
    return target, [*headers, (b"Accept-Encoding", b"identity")]


def _as_read(name: bytes) -> bytes:
    return name.lower().replace(b"_", b"-")


def _with_parameter(target: bytes, name: str, value: str) -> bytes:
    path, _, query = target.decode("latin-1").partition("?")
    kept = [one for one in re.split("[&;]", query) if one and unquote_plus(one.partition("=")[0]) != name]
    return "?".join([path, "&".join([*kept, f"{name}={quote(value, safe='')}"])]).encode("latin-1")


def check_answer(headers: Iterable[tuple[bytes, bytes]], *, has_body: bool) -> None:
    """Raise `Refusal` for an answer that could not be looked through."""
    for name, value in headers:
        if name.lower() == b"content-encoding" and value.strip().lower() != b"identity" and has_body:
            raise Refusal(502, "egress-compressed",
                          "the server sent a compressed answer though it was asked not to: it cannot be "
                          "searched for the secret")  # fmt: skip


class Mask:
    """Puts stars in the place of secrets in a stream, byte for byte, so that lengths stay true.

    Of what it is fed it keeps back only what may be the beginning of a secret.
    """

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms = sorted(set(forms), key=lambda one: (-len(one), one))
        self._any = re.compile(b"|".join(re.escape(one) for one in self._forms)) if self._forms else None
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return what can be passed on now."""
        if self._any is None:
            return data
        data = self._any.sub(_stars, self._held + data)
        keep = max((_begun(data, one) for one in self._forms), default=0)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def rest(self) -> bytes:
        """Return what was kept back, at the end."""
        rest, self._held = self._held, b""
        return rest

    def whole(self, data: bytes) -> bytes:
        """Return something that stands for itself, such as a header's value, with stars."""
        return data if self._any is None else self._any.sub(_stars, data)


def _stars(found: re.Match[bytes]) -> bytes:
    return _STAR * len(found[0])


def _begun(data: bytes, form: bytes) -> int:
    """Return how many bytes at the end of `data` are the beginning of `form`, but not all of it."""
    at = max(0, len(data) - len(form) + 1)
    while (at := data.find(form[:1], at)) >= 0:
        if form.startswith(data[at:]):
            return len(data) - at
        at += 1
    return 0
