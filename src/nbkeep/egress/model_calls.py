"""Which hosts are APIs of models, who may still call them, and what is recorded of a call. Pure.

Nothing of what was asked or answered is in a record: numbers, and the name of the model.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args
from urllib.parse import unquote_to_bytes

from .refusals import Refusal

if TYPE_CHECKING:
    from .usage import Measure

Kind = Literal["openai", "anthropic"]
_WEB_PORTS = frozenset({80, 443})
# By the end of their paths: servers put these below prefixes of their own.
_OPERATIONS = (
    ("/chat/completions", "chat"),
    ("/completions", "completion"),
    ("/responses", "response"),
    ("/embeddings", "embedding"),
    ("/messages", "message"),
)
OTHER = "other"
# These ask and delete; whatever a model does is asked of it by others.
FREE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS", b"DELETE"})
_MOST_DECODINGS = 5


@dataclass(frozen=True)
class Provider:
    """An API of models: where it is, and the beginning of its paths ("" for all of the host)."""

    name: str
    kind: Kind
    host: str
    port: int
    prefix: str = ""

    @classmethod
    def from_json(cls, data: object) -> Provider:
        """Return the provider; raises ValueError for anything that is none."""
        try:
            told = cast("dict[str, Any]", data)
            found = cls(
                str(told["name"]), told["kind"], str(told["host"]), int(told["port"]), str(told["prefix"])
            )
        except (TypeError, KeyError) as error:
            raise ValueError("not a model provider") from error
        if found.kind not in get_args(Kind):
            raise ValueError("not a kind of model provider that this gateway knows")
        return found

    def is_at(self, port: int) -> bool:
        """Tell whether requests to a port of its host are its: its own, and the web's usual ones."""
        return port == self.port or port in _WEB_PORTS

    def has(self, path: str) -> bool:
        """Tell whether a path, as `spelled` returns it, is below its prefix."""
        return not self.prefix or path == self.prefix or path.startswith(f"{self.prefix}/")


@dataclass(frozen=True)
class Standing:
    """How much of a budget a session's person has used. `message`, `remedy`: what a refusal says."""

    session_id: str
    percent: int
    is_spent: bool
    header: str
    message: str
    remedy: str

    @classmethod
    def from_json(cls, data: object) -> Standing:
        """Return it; raises ValueError for anything that is none."""
        try:
            told = cast("dict[str, Any]", data)
            texts = (str(told[name]) for name in ("header", "message", "remedy"))
            return cls(str(told["session_id"]), int(told["percent"]), bool(told["is_spent"]), *texts)
        except (TypeError, KeyError) as error:
            raise ValueError("not the standing of a budget") from error


@dataclass
class Call:
    """One call of a model. `at`: its start (ISO 8601); `status`: of the answer's HTTP, 0 when none came."""

    id: str
    session_id: str
    at: str
    provider: str
    operation: str
    model: str = ""
    streamed: bool = False
    status: int = 0
    measure: Measure = "unknown"
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    reason: str = ""
    duration_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return it as the office takes it."""
        return asdict(self)


def spelled(target: bytes) -> str:
    """Return the one spelling of a path, whatever was written: small letters, no `//`, `..`, `%`."""
    path = target.partition(b"?")[0].partition(b"#")[0]
    for _ in range(_MOST_DECODINGS):
        decoded = unquote_to_bytes(path)
        if decoded == path:
            break
        path = decoded
    kept: list[str] = []
    for part in re.split(r"[/\\]", path.decode("utf-8", "replace").lower()):
        name = part.partition(";")[0].strip()
        if name == "..":
            kept = kept[:-1]
        elif name not in {"", "."}:
            kept.append(name)
    return "/" + "/".join(kept)


def operation_of(path: str) -> str:
    """Return what is asked of a model at a path, as `spelled` returns it; OTHER for what is not known."""
    return next((name for end, name in _OPERATIONS if path.endswith(end)), OTHER)


class BudgetRefusal(Refusal):
    """Refuses a call in the words of its provider, so that client libraries show the reason."""

    def __init__(self, provider: Provider, operation: str, standing: Standing) -> None:
        super().__init__(
            429, "model-budget-spent", standing.message, standing.remedy, provider.host, provider.port
        )
        is_anthropic = operation == "message" or (operation == OTHER and provider.kind == "anthropic")
        self._is_anthropic, self._header = is_anthropic, standing.header

    def http(self, *, as_json: bool = False) -> bytes:
        """Return the whole answer."""
        said = f"nbkeep: {self.reason} {self.remedy}"
        if self._is_anthropic:
            body: dict[str, Any] = {"type": "error", "error": {"type": "rate_limit_error", "message": said}}
        else:
            code = {"type": "insufficient_quota", "param": None, "code": "nbkeep_budget"}
            body = {"error": {"message": said, **code}}
        data = json.dumps(body).encode() + b"\n"
        # The clients of both try again after 429, unless they are told that it is of no use.
        head = (
            "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\nX-Should-Retry: false\r\nX-Nbkeep-Budget: {self._header}\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        return head.encode("ascii") + data
