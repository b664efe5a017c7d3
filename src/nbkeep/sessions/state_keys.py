"""The keys that saved states are encrypted with: made, for each user, of a secret that the operator keeps.

The platform has a place of such secrets, and may have more, by name: profiles say which their sessions use.
New sessions use the newest secret there; a session that was saved with another one goes on with that. Without
its secret a session is not resumed, and one whose profile keeps state is not started: nothing is saved that
nobody could read, and nothing that was saved is lost.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from nbkeep.keyplace import KeyPlace
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nbkeep.settings import Settings
    from nbkeep.store.tables import SessionRow

_CODE = "state-key"
_REMEDY = "An admin puts it back where the setting {} says (`nbkeep state-key show`). Nothing saved is lost."


def place_of(settings: Settings, name: str = "") -> KeyPlace:
    """Return the place of a name, "" for the platform's own; raise `Refused` (409) where there is no such."""
    if not name:
        what = "The key of saved variables"
        return KeyPlace(settings.state_key_at(), _CODE, what, _REMEDY.format("state_key"))
    place = KeyPlace("", _CODE, f"The key {name} of saved variables", _REMEDY.format("state_keys"))
    if name not in settings.state_keys:
        raise place.refused(f"{place.what} is not among the settings any more.")
    return KeyPlace(settings.state_key_at(name), place.code, place.what, place.remedy)


def source_of(profile: Mapping[str, Any]) -> str:
    """Return the name of the place that a session's snapshot of its profile wants; "" is the platform's."""
    return str(profile.get("state_key", ""))


def secret_of(settings: Settings, row: SessionRow) -> str:
    """Return the secret for a session's next run: the one it was saved with, else the newest.

    Raises `Refused` (409) where that is not there.
    """
    if row.kept is not None and row.state_key_id is None:
        return place_of(settings).read()[-1]  # releases that noted no id had one secret only: the oldest
    if row.state_key_id is None:
        return _newest(settings, row)
    refusal: Refused | None = None
    for name in _names(settings, source_of(row.profile)):
        try:
            found = place_of(settings, name).read()
        except Refused as error:
            refusal = refusal or error
            continue
        for one in found:
            if key_id(one) == row.state_key_id:
                return one
    if row.kept is None:
        return _newest(settings, row)
    if refusal is not None:
        raise refusal
    raise place_of(settings).refused("The key with which its variables were saved is not there any more.")


def key_ids(settings: Settings) -> list[str]:
    """Return the ids of the keys that can be read, place by place, the newest first."""
    found: list[str] = []
    for name in _names(settings):
        try:
            found += map(key_id, place_of(settings, name).read())
        except Refused:
            continue
    return list(dict.fromkeys(found))


def key_id(secret: str) -> str:
    """Return a name for a secret, which tells nothing about it."""
    return hmac.digest(secret.encode(), b"nbkeep state key id", hashlib.sha256).hex()[:16]


def user_key(secret: str, user_id: str) -> str:
    """Return a user's own key in base64url: HKDF-SHA256 (RFC 5869) with an empty salt, its first block."""
    fresh = hmac.digest(bytes(32), secret.encode(), hashlib.sha256)
    key = hmac.digest(fresh, b"nbkeep state " + user_id.encode() + b"\x01", hashlib.sha256)
    return base64.urlsafe_b64encode(key).decode()


def _newest(settings: Settings, row: SessionRow) -> str:
    return place_of(settings, source_of(row.profile)).read()[0]


def _names(settings: Settings, first: str = "") -> Iterator[str]:
    """Yield the names of all places, the one that is likeliest first."""
    yield from dict.fromkeys([first, "", *settings.state_keys])
