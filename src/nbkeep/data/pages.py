"""Where a listing goes on, sealed: the last key of a page may be one that the session may not know of."""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BITS, _NONCE_BYTES = 256, 12


class Pages:
    """Seals with a key that lives as long as the process: after it a listing is begun anew."""

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(_KEY_BITS))

    def sealed(self, session_id: str, dataset_id: str, last: str) -> str:
        """Return a text for addresses, of use to this session and for this dataset alone."""
        nonce = os.urandom(_NONCE_BYTES)
        data = self._cipher.encrypt(nonce, last.encode(), _bound(session_id, dataset_id))
        return urlsafe_b64encode(nonce + data).decode("ascii")

    def opened(self, session_id: str, dataset_id: str, page: str) -> str:
        """Return the key; raise ValueError for what was not sealed here, for them."""
        try:
            data = urlsafe_b64decode(page)
            bound = _bound(session_id, dataset_id)
            return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], bound).decode()
        except (ValueError, InvalidTag) as error:
            raise ValueError("that page is not known any more: begin the listing anew") from error


def _bound(session_id: str, dataset_id: str) -> bytes:
    return f"{session_id} {dataset_id}".encode()
