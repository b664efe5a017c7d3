"""What a session's server is told at its start: NBKEEP_* and JUPYTERHUB_* of its environment, no more."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping


class BadEnvironment(Exception):
    """The environment lacks something without which the server must not start."""


_KEY_BYTES = 32


@dataclass(frozen=True)
class StatePolicy:
    """Whether kernels' variables are kept, on how much disk, and how long the last save may take.

    `cell_grace_s` of that is for cells that still run.
    """

    keep: bool = False
    max_bytes: int = 0
    save_s: float = 0.0
    cell_grace_s: float = 0.0


@dataclass(frozen=True)
class ServerSettings:
    """One session's server: who, where its folders lie, and how it reaches hub and office."""

    session_id: str
    session_token: str
    user: str
    base_url: str
    socket: Path
    home: Path = Path("/home/user")
    home_inside: str = "/home/user"
    state: Path = Path("/run/nbkeep/state")
    server_dir: Path = Path("/run/nbkeep/server")
    kernels_dir: Path = Path("/run/nbkeep/kernels")
    office_socket: Path = Path("/run/nbkeep/office/office.sock")
    image: Path = Path("/run/nbkeep/image")
    image_inside: str = "/opt/nbkeep/image"
    limits_dir: Path = Path("/run/nbkeep/limits")
    warm_dir: Path = Path("/run/nbkeep/warm")
    labextensions: Path = Path(__file__).parent / "labextension"
    portal_url: str = "/portal/"
    heartbeat_s: float = 10.0
    image_digest: str = ""
    state_key: bytes = field(default=b"", repr=False)
    state_policy: StatePolicy = StatePolicy()
    state_sequence: int = 0
    resumes: bool = False
    spare_kernel: bool = False
    quarantine: bool = False
    placeholders: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def warm_socket(self) -> Path:
        """Where the warden takes wishes for kernels from warm parents; not there where it has none."""
        return self.warm_dir / "kernels.sock"

    @property
    def init_socket(self) -> Path:
        """Where the sandbox's first process listens."""
        return self.kernels_dir / "init.sock"


def _folder(env: Mapping[str, str], name: str, default: str) -> Path:
    return Path(env.get(f"NBKEEP_{name}", default))


def _state_key(env: Mapping[str, str]) -> bytes:
    """Return the key, or nothing where nothing is kept; the text itself is never part of an error."""
    text = env.get("NBKEEP_STATE_KEY", "")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b"?"
    if text and len(key) != _KEY_BYTES:
        raise BadEnvironment(f"NBKEEP_STATE_KEY must be {_KEY_BYTES} bytes in base64url.")
    return key if text else b""


def _state_policy(env: Mapping[str, str]) -> StatePolicy:
    try:
        loaded: Any = orjson.loads(env.get("NBKEEP_STATE_POLICY") or "{}")
        policy = cast("dict[str, Any]", loaded)
        return StatePolicy(
            policy.get("keep") is True,
            int(policy.get("max_bytes", 0)),
            float(policy.get("save_s", 0)),
            float(policy.get("cell_grace_s", 0)),
        )
    except (ValueError, TypeError, AttributeError):
        raise BadEnvironment(
            'NBKEEP_STATE_POLICY must be JSON: {"keep": true, "max_bytes": 8000000000, "save_s": 120, '
            '"cell_grace_s": 60}.'
        ) from None


def _placeholders(env: Mapping[str, str]) -> dict[str, str]:
    """Return what kernels and terminals see in place of the secrets that their session is leased."""
    try:
        loaded: Any = orjson.loads(env.get("NBKEEP_PLACEHOLDERS") or "{}")
        return {str(name): str(value) for name, value in loaded.items()}
    except (ValueError, AttributeError):
        raise BadEnvironment("NBKEEP_PLACEHOLDERS must be a JSON object.") from None


def from_environment(env: Mapping[str, str]) -> ServerSettings:
    """Return the settings, or raise `BadEnvironment` naming what is missing."""
    missing = [
        name
        for name in ("NBKEEP_SESSION_ID", "NBKEEP_SESSION_TOKEN", "JUPYTERHUB_SERVICE_URL")
        if not env.get(name)
    ]
    if missing:
        raise BadEnvironment(f"The session's server was started without {', '.join(missing)}.")
    url = urlsplit(env["JUPYTERHUB_SERVICE_URL"])
    if url.scheme != "http+unix" or not url.netloc:
        raise BadEnvironment("JUPYTERHUB_SERVICE_URL must name a unix socket (http+unix://%2Fpath/prefix/).")
    return ServerSettings(
        session_id=env["NBKEEP_SESSION_ID"],
        session_token=env["NBKEEP_SESSION_TOKEN"],
        user=env.get("JUPYTERHUB_USER", ""),
        base_url=env.get("JUPYTERHUB_SERVICE_PREFIX") or url.path or "/",
        # The hub may add `:80` to a socket target; a port means nothing there.
        socket=Path(unquote(url.netloc.partition(":")[0])),
        home=_folder(env, "HOME_DIR", "/home/user"),
        home_inside=env.get("NBKEEP_HOME_INSIDE", "/home/user"),
        state=_folder(env, "STATE_DIR", "/run/nbkeep/state"),
        server_dir=_folder(env, "SERVER_DIR", "/run/nbkeep/server"),
        kernels_dir=_folder(env, "KERNELS_DIR", "/run/nbkeep/kernels"),
        office_socket=_folder(env, "OFFICE_SOCK", "/run/nbkeep/office/office.sock"),
        image=_folder(env, "IMAGE_DIR", "/run/nbkeep/image"),
        image_inside=env.get("NBKEEP_IMAGE_INSIDE", "/opt/nbkeep/image"),
        limits_dir=_folder(env, "LIMITS_DIR", "/run/nbkeep/limits"),
        warm_dir=_folder(env, "WARM_DIR", "/run/nbkeep/warm"),
        portal_url=env.get("NBKEEP_PORTAL_URL", "/portal/"),
        heartbeat_s=float(env.get("NBKEEP_HEARTBEAT_S", "10")),
        image_digest=env.get("NBKEEP_IMAGE_DIGEST", ""),
        state_key=_state_key(env),
        state_policy=_state_policy(env),
        state_sequence=int(env.get("NBKEEP_STATE_SEQUENCE") or 0),
        resumes=env.get("NBKEEP_RESUME") == "1",
        spare_kernel=env.get("NBKEEP_SPARE_KERNEL") == "1",
        quarantine=env.get("NBKEEP_QUARANTINE") == "1",
        placeholders=_placeholders(env),
    )
