"""Master keys, which wrap the keys of values: lines of a file or an environment variable, newest first."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbkeep import wholefile
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from nbkeep.settings import Settings

_SHORTEST = 32
_REMEDY = "An admin puts it back where the setting vault_key says. Until then no secret is used."


@dataclass(frozen=True)
class MasterKey:
    """One master key, and a name for it that tells nothing about it."""

    id: str
    key: bytes = field(repr=False)


def master_keys(settings: Settings) -> list[MasterKey]:
    """Return the keys, the newest first; raise `Refused` (409) where they cannot be used."""
    return [_key(one) for one in _lines(settings)]


def newest_key(settings: Settings, *, may_make: bool) -> MasterKey:
    """Return the key for new values. `may_make`: nothing is sealed yet, so that a missing file is made."""
    file = settings.vault_key_file
    if file is not None and may_make and not file.exists():
        _write(settings, [])
    return master_keys(settings)[0]


def key_of(settings: Settings, key_id: str) -> MasterKey:
    """Return the key of an id; raise `Refused` (409) where it is not there any more."""
    for one in master_keys(settings):
        if one.id == key_id:
            return one
    raise _refused("The key that this secret was encrypted with is not there any more.")


def add_key(settings: Settings) -> str:
    """Put a new key in front of the others and return its id; what is wrapped by the others stays readable.

    Raises `Refused` where keys come from the environment, or the file cannot be used or written.
    """
    file = settings.vault_key_file
    if file is None:
        raise Refused(
            "vault-key-elsewhere",
            "The master key comes from the environment.",
            "Put a new line in front there, restart nbkeep, and run this again with --rewrap-only.",
            status=409,
        )
    _write(settings, _lines(settings) if file.exists() else [])
    return master_keys(settings)[0].id


def _write(settings: Settings, there: list[str]) -> None:
    file = settings.vault_key_file
    if file is None:
        raise AssertionError
    fresh = secrets.token_urlsafe(_SHORTEST)
    try:
        wholefile.write(file, "".join(f"{one}\n" for one in (fresh, *there)), durable=True)
    except OSError as error:
        raise Refused(
            "vault-key-not-written",
            f"The master key cannot be written: {error.strerror}.",
            "Run this as the user who owns it, or put a line of random characters in front yourself.",
            status=409,
        ) from error


def _lines(settings: Settings) -> list[str]:
    file = settings.vault_key_file
    if file is None:
        found = os.environ.get(settings.vault_key.removeprefix("env:"), "").split()
    else:
        try:
            mode = file.stat().st_mode
            found = file.read_text().split()
        except (OSError, UnicodeDecodeError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or "not text"
            raise _refused(f"The master key of the secrets cannot be read ({why}).") from error
        if stat.S_IMODE(mode) & 0o077:
            raise _refused(
                "The master key of the secrets is not used: others than its owner may read it (mode 0600)."
            )
    if not found or any(len(one) < _SHORTEST for one in found):
        raise _refused("The master key of the secrets is not used: it is empty, or too short to be one.")
    return found


def _key(line: str) -> MasterKey:
    fresh = hmac.digest(bytes(32), line.encode(), hashlib.sha256)  # HKDF-SHA256 (RFC 5869), empty salt
    return MasterKey(
        id=hmac.digest(fresh, b"nbkeep vault master id\x01", hashlib.sha256).hex()[:16],
        key=hmac.digest(fresh, b"nbkeep vault master\x01", hashlib.sha256),
    )


def _refused(message: str) -> Refused:
    return Refused("vault-key-missing", message, _REMEDY, status=409)
