"""The keys that saved states are encrypted with: made, for each user, of a secret that the operator keeps.

The secrets are the lines of one file, the newest first. New sessions use the newest; a session that was saved
with an earlier one goes on with that. Without its secret a session is not resumed, and one whose profile
keeps state is not started: nothing is saved that nobody could read, and nothing that was saved is lost.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import stat
from typing import TYPE_CHECKING

from nbkeep import wholefile
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from nbkeep.settings import Settings
    from nbkeep.store.tables import SessionRow

_SHORTEST = 32
_REMEDY = (
    "An admin puts it back where the setting state_key says (`nbkeep state-key show`). Nothing saved is lost."
)


def read_secrets(settings: Settings) -> list[str]:
    """Return the secrets, the newest first; raise `Refused` (409) where the file cannot be used."""
    file = settings.state_key_file
    try:
        mode = file.stat().st_mode
        found = file.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "not text"
        raise _refused(f"The key of saved variables cannot be read ({why}).") from error
    if stat.S_IMODE(mode) & 0o077:
        raise _refused(
            "The key of saved variables is not used: others than its owner may read it (mode 0600)."
        )
    if not found or any(len(one) < _SHORTEST for one in found):
        raise _refused("The key of saved variables is not used: it is empty, or too short to be one.")
    return found


def secret_of(settings: Settings, row: SessionRow) -> str:
    """Return the secret for a session's next run: the one it was saved with, else the newest.

    Raises `Refused` (409) where that is not there.
    """
    found = read_secrets(settings)
    if row.state_key_id is None:
        # Releases that noted no id had one secret only: the oldest.
        return found[0] if row.kept is None else found[-1]
    known = {key_id(one): one for one in found}
    if row.state_key_id in known:
        return known[row.state_key_id]
    if row.kept is None:
        return found[0]
    raise _refused("The key with which its variables were saved is not there any more.")


def key_id(secret: str) -> str:
    """Return a name for a secret, which tells nothing about it."""
    return hmac.digest(secret.encode(), b"nbkeep state key id", hashlib.sha256).hex()[:16]


def user_key(secret: str, user_id: str) -> str:
    """Return a user's own key in base64url: HKDF-SHA256 (RFC 5869) with an empty salt, its first block."""
    fresh = hmac.digest(bytes(32), secret.encode(), hashlib.sha256)
    key = hmac.digest(fresh, b"nbkeep state " + user_id.encode() + b"\x01", hashlib.sha256)
    return base64.urlsafe_b64encode(key).decode()


def add_secret(settings: Settings) -> str:
    """Put a new secret in front of the others and return its id; the file appears whole, for its owner only.

    It is made where there is none. Raises `Refused` where what is there cannot be used, or not be written.
    """
    file = settings.state_key_file
    there = read_secrets(settings) if file.exists() else []
    fresh = secrets.token_urlsafe(_SHORTEST)
    try:
        wholefile.write(file, "".join(f"{one}\n" for one in (fresh, *there)), durable=True)
    except OSError as error:
        raise Refused(
            "state-key-not-written",
            f"{file} cannot be written: {error.strerror}.",
            "Run this as the user who owns it, or put a line of random characters in front yourself.",
            status=409,
        ) from error
    return key_id(fresh)


def _refused(message: str) -> Refused:
    return Refused("state-key-missing", message, _REMEDY, status=409)
