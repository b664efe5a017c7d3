"""Master keys, which wrap the keys of values: lines of a file or an environment variable, newest first."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbkeep.keyplace import KeyPlace

if TYPE_CHECKING:
    from nbkeep.settings import Settings

_REMEDY = "An admin puts it back where the setting vault_key says. Until then no secret is used."


@dataclass(frozen=True)
class MasterKey:
    """One master key, and a name for it that tells nothing about it."""

    id: str
    key: bytes = field(repr=False)


def master_keys(settings: Settings) -> list[MasterKey]:
    """Return the keys, the newest first; raise `Refused` (409) where they cannot be used."""
    return [_key(one) for one in _place(settings).read()]


def newest_key(settings: Settings, *, may_make: bool) -> MasterKey:
    """Return the key for new values. `may_make`: nothing is sealed yet, so that a missing file is made."""
    place = _place(settings)
    if may_make and place.may_be_made:
        place.add()
    return master_keys(settings)[0]


def key_of(settings: Settings, key_id: str) -> MasterKey:
    """Return the key of an id; raise `Refused` (409) where it is not there any more."""
    for one in master_keys(settings):
        if one.id == key_id:
            return one
    raise _place(settings).refused("The key that this secret was encrypted with is not there any more.")


def add_key(settings: Settings) -> str:
    """Put a new key in front of the others and return its id; what is wrapped by the others stays readable.

    Raises `Refused` where keys come from the environment, or the file cannot be used or written.
    """
    return _key(_place(settings).add()).id


def _key(line: str) -> MasterKey:
    fresh = hmac.digest(bytes(32), line.encode(), hashlib.sha256)  # HKDF-SHA256 (RFC 5869), empty salt
    return MasterKey(
        id=hmac.digest(fresh, b"nbkeep vault master id\x01", hashlib.sha256).hex()[:16],
        key=hmac.digest(fresh, b"nbkeep vault master\x01", hashlib.sha256),
    )


def _place(settings: Settings) -> KeyPlace:
    return KeyPlace(settings.vault_key_at, "vault-key", "The master key of the secrets", _REMEDY)
