"""The data directory's folders and secrets: made once, never changed afterwards."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from nbkeep.backends.local.layout import make_data_dir
from nbkeep.egress.policy import platform_rules
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.settings import Settings

# Tokens between the platform's own processes, and who shows them to whom.
SECRETS = (
    "operator-token",  # command line → office
    "hub-token",  # hub → office
    "office-hub-token",  # office → hub
    "warden-token",  # office and hub → warden
    "proxy-token",  # hub → proxy
    "gateway-token",  # gateway → office
    "state-key",  # the keys that saved state is encrypted with are made of it, one for each user
    "cookie-secret",  # signs cookies of portal and hub
)
_PRIVATE = 0o700
# Trusted halves have user ids of their own and pass through to two sockets; they may list nothing.
_PASSAGE = 0o711
_FOLDERS = {
    "secrets": _PRIVATE,
    "logs": _PRIVATE,
    "state": _PRIVATE,
    "logs/sessions": _PRIVATE,
    "run": _PASSAGE,
    "run/hub": _PASSAGE,
    "run/office": _PASSAGE,
    "run/warden": _PRIVATE,
    "run/proxy": _PRIVATE,
    "run/gateway": _PRIVATE,
    "run/pids": _PRIVATE,
}


def prepare(settings: Settings) -> None:
    """Make what is missing; raise `Refused` where that or a setting cannot be used.

    Twice and at once is safe.
    """
    platform_rules(settings.egress_denylist)
    try:
        make_data_dir(settings.data_dir)
        for name, mode in _FOLDERS.items():
            folder = settings.data_dir / name
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
        for name in SECRETS:
            if name == "state-key" and settings.state_key:
                continue  # its file is the operator's: a missing one is told, never made anew unasked
            make_secret(settings.secrets_dir / name)
    except OSError as error:
        raise Refused(
            "data-dir",
            f"The data directory {settings.data_dir} cannot be used ({error.strerror}).",
            "Give nbkeep a directory of its own: `nbkeep up --data-dir DIR`, or set NBKEEP_DATA.",
        ) from error


def make_secret(path: Path) -> None:
    """Make a file with a random token unless it is there; it appears whole, for its owner's eyes only."""
    if path.exists():
        path.chmod(0o600)  # whatever a copy or a restored backup made of it
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)  # unlike a rename this never replaces the token of somebody who was faster
    fresh.unlink()
