"""Links for anyone. Their key is in no database and no file: it is made of a secret and of the share's id.

In an address it stands behind the `#`: browsers send that to nobody, so that no server and no proxy logs it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from typing import TYPE_CHECKING

from nbkeep.keyplace import KeyPlace
from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from nbkeep.settings import Settings

_REMEDY = "Delete it, or put the one of before back; with a new one, all links that need no sign-in are new."
_making = threading.Lock()


def anyone_address(settings: Settings, share_id: str) -> str:
    """Return the address by which anyone may open a share, always the same. Whether they may is not asked.

    Makes the secret where there is none; raises `Refused` (409) where it cannot be used.
    """
    with _making:
        place = _place(settings)
        if place.may_be_made:
            place.add()
    return f"{settings.public_url}/portal/open/{share_id}#{_key(place.read()[0], share_id)}"


def fits(settings: Settings, share_id: str, key: str) -> bool:
    """Tell whether a key is the one of a share; never, where its secret cannot be read."""
    try:
        secrets = _place(settings).read()
    except Refused:
        return False
    given = key.encode(errors="replace")
    return any(hmac.compare_digest(_key(one, share_id).encode(), given) for one in secrets)


def _key(secret: str, share_id: str) -> str:
    made = hmac.digest(secret.encode(), b"nbkeep share for anyone\x01" + share_id.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _place(settings: Settings) -> KeyPlace:
    return KeyPlace(settings.secrets_dir / "share-key", "share-key", "The key of links for anyone", _REMEDY)
