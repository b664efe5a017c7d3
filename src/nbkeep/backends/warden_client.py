"""The `Backend` contract over the warden's socket."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from nbkeep import unixhttp
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.telemetry import traces

from .interface import (
    Capacity,
    ChangedFiles,
    GpuUse,
    HomeListing,
    HostFact,
    KeptState,
    Launched,
    LeftFiles,
    LeftReports,
    Running,
    Status,
    Volume,
    VolumeUsage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from .interface import LaunchSpec, Warm

T = TypeVar("T")

_NOT_FOUND = 404
_ANSWER_S = 30.0
# A home's measure reads every folder of it at idle priority.
_USAGE_S = 310.0
# A part of a home's listing: up to half a minute of reading, and one large file.
_LISTING_S = 120.0
# A state may have many thousand files.
_DELETE_S = 300.0
_BYTES = {"Content-Type": "application/octet-stream"}


class WardenClient:
    """Asks one warden. Safe to use from several threads; holds connections until `close`."""

    def __init__(self, socket: Path, token: str) -> None:
        transport = unixhttp.transport(socket)
        self._http = httpx.Client(transport=transport, base_url="http://warden/v1", timeout=_ANSWER_S,
                                  headers={"Authorization": f"Bearer {token}"}, trust_env=False)  # fmt: skip

    def close(self) -> None:
        """Close the connections; twice is safe."""
        self._http.close()

    def _ask(self, method: str, path: str, into: BinaryIO | None = None, **options: Any) -> Any:
        """Return the answer's JSON; foreign errors end here as the two kinds of nbkeep.

        `into`: what a good answer holds is written there, and nothing returned.
        """
        headers = {**traces.headers(), **options.pop("headers", {})}
        try:
            with self._http.stream(method, path, headers=headers, **options) as answer:
                if into is not None and answer.is_success:
                    for piece in answer.iter_bytes():
                        into.write(piece)
                    return None
                answer.read()
        except httpx.HTTPError as error:
            raise Unavailable(
                "warden-away",
                f"The warden does not answer ({error or type(error).__name__}).",
                "It is started again within a second; `nbkeep status` tells more.",
            ) from error
        if answer.is_success:
            return answer.json() if answer.content else None
        try:
            told = answer.json()
            code, message, remedy = told["code"], told["message"], told.get("remedy", "")
        except (ValueError, KeyError, TypeError):
            raise Unavailable("warden-failed", f"The warden failed (HTTP {answer.status_code}).",
                              "Its log tells why: `nbkeep logs warden`.") from None  # fmt: skip
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unavailable(code, message, remedy)
        raise Refused(code, message, remedy, status=answer.status_code)

    def _maybe(self, path: str) -> Any:
        """Return the answer, or None where the warden knows no such thing."""
        try:
            return self._ask("GET", path)
        except Refused as refused:
            if refused.status == _NOT_FOUND:
                return None
            raise

    def prepare(self, spec: LaunchSpec) -> None:
        """Begin to build what a launch takes."""
        self._ask("POST", "/prepared", json=asdict(spec))

    def launch(self, spec: LaunchSpec) -> Launched:
        """Start both halves."""
        return _read(TypeAdapter(Launched), self._ask("POST", "/sessions", json=asdict(spec)))

    def give_file(self, session_id: str, name: str, data: bytes) -> None:
        """Keep a file for a session in quarantine that is not launched yet."""
        path, asked = f"/sessions/{_part(session_id)}/file", {"name": name}
        self._ask("PUT", path, params=asked, content=data, headers=_BYTES, timeout=_LISTING_S)

    def status(self, session_id: str) -> Status | None:
        """Return how a session is, or None."""
        told = self._maybe(f"/sessions/{_part(session_id)}")
        return None if told is None else _read(TypeAdapter(Status), told)

    def sessions(self) -> list[Running]:
        """Return all sessions that were launched and not stopped."""
        return _read(TypeAdapter(list[Running]), self._ask("GET", "/sessions"))

    def stop(self, session_id: str, grace_s: float = 10) -> None:
        """End a session."""
        self._ask(
            "DELETE",
            f"/sessions/{_part(session_id)}",
            params={"grace_s": grace_s},
            timeout=_ANSWER_S + grace_s,
        )

    def ask_to_end(self, session_id: str) -> None:
        """Ask a session to save and end."""
        self._ask("POST", f"/sessions/{_part(session_id)}/end")

    def freeze(self, session_id: str) -> None:
        """Let nothing of a sandbox compute."""
        self._ask("POST", f"/sessions/{_part(session_id)}/freeze")

    def thaw(self, session_id: str) -> None:
        """Let a sandbox go on."""
        self._ask("POST", f"/sessions/{_part(session_id)}/thaw")

    def left_reports(self) -> LeftReports | None:
        """Return reports that an ended session could not deliver."""
        told = self._ask("GET", "/reports")
        return None if told is None else _read(TypeAdapter(LeftReports), told)

    def forget_reports(self, session_id: str, mark: int) -> None:
        """Forget a session's left reports up to `mark`."""
        self._ask("DELETE", f"/reports/{_part(session_id)}", params={"mark": mark})

    def states(self, user: str) -> list[KeptState]:
        """Return what sessions of a user have saved."""
        return _read(TypeAdapter(list[KeptState]), self._ask("GET", f"/states/{_part(user)}"))

    def delete_state(self, user: str, session_id: str) -> None:
        """Delete what a session has saved."""
        self._ask("DELETE", f"/states/{_part(user)}/{_part(session_id)}", timeout=_DELETE_S)

    def volume(self, user: str) -> Volume | None:
        """Return a user's home, or None."""
        told = self._maybe(f"/volumes/{_part(user)}")
        return None if told is None else _read(TypeAdapter(Volume), told)

    def resize_volume(self, user: str, size_bytes: int) -> Volume:
        """Grow a home."""
        return _read(
            TypeAdapter(Volume), self._ask("PUT", f"/volumes/{_part(user)}", json={"size_bytes": size_bytes})
        )

    def delete_volume(self, user: str) -> None:
        """Delete a home for good."""
        self._ask("DELETE", f"/volumes/{_part(user)}")

    def volume_usage(self, user: str, depth: int = 2) -> VolumeUsage:
        """Return usage by folder."""
        told = self._ask("GET", f"/volumes/{_part(user)}/usage", params={"depth": depth}, timeout=_USAGE_S)
        return _read(TypeAdapter(VolumeUsage), told)

    def home_listing(self, user: str, after: str = "") -> HomeListing:
        """Return the next files of a home."""
        told = self._ask("GET", f"/volumes/{_part(user)}/files", params={"after": after}, timeout=_LISTING_S)
        return _read(TypeAdapter(HomeListing), told)

    def changed_files(self, user: str, since: datetime, after: str = "") -> ChangedFiles:
        """Return the next files of a home that were changed."""
        asked = {"since": since.isoformat(), "after": after}
        told = self._ask("GET", f"/volumes/{_part(user)}/changed", params=asked, timeout=_LISTING_S)
        return _read(TypeAdapter(ChangedFiles), told)

    def copy_file(self, user: str, path: str, into: BinaryIO, most_bytes: int) -> None:
        """Write what a file of a home holds into an open file."""
        asked = {"path": path, "most_bytes": most_bytes}
        self._ask("GET", f"/volumes/{_part(user)}/file", into=into, params=asked, timeout=_LISTING_S)

    def leftovers(self, user: str, rules: str) -> LeftFiles:
        """Return what tools left behind in a home."""
        asked = {"rules": rules}
        told = self._ask("POST", f"/volumes/{_part(user)}/leftovers", json=asked, timeout=_LISTING_S)
        return _read(TypeAdapter(LeftFiles), told)

    def delete_leftovers(self, user: str, versions: Mapping[str, str]) -> dict[str, str]:
        """Delete leftovers of a home."""
        path = f"/volumes/{_part(user)}/leftovers/delete"
        told = self._ask("POST", path, json={"versions": dict(versions)}, timeout=_LISTING_S)
        return _read(TypeAdapter(dict[str, str]), told)

    def keep_warm(self, wanted: Sequence[Warm]) -> None:
        """Say which kernels should start without waiting for imports."""
        self._ask("PUT", "/warm", json=[asdict(one) for one in wanted])

    def host(self) -> list[HostFact]:
        """Return what `nbkeep doctor` says."""
        return _read(TypeAdapter(list[HostFact]), self._ask("GET", "/host"))

    def capacity(self) -> Capacity:
        """Return what the machine has in all."""
        return _read(TypeAdapter(Capacity), self._ask("GET", "/capacity"))

    def gpu_use(self) -> list[GpuUse]:
        """Return how busy the GPUs of sessions are."""
        return _read(TypeAdapter(list[GpuUse]), self._ask("GET", "/gpus"))


def _part(name: str) -> str:
    return quote(name, safe="")


def _read(adapter: TypeAdapter[T], told: Any) -> T:
    try:
        return adapter.validate_python(told)
    except ValidationError as error:
        raise Unavailable(
            "warden-failed",
            f"The warden's answer cannot be read: {error}.",
            "Warden and office must be of one version: restart with `nbkeep up`.",
        ) from error
