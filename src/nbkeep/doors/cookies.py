"""Signed values that a browser carries. Signing has a purpose: a value made for one use fails in another.

For the portal, and for what the portal tells the hub by way of the browser.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import Any, cast

import orjson

# Portal to hub: this browser pressed "Sign out". Holds the fingerprint of the hub's session and the time.
SIGN_OUT_COOKIE = "nbkeep-sign-out"
SIGN_OUT_PURPOSE = "sign-out"
SIGN_OUT_S = 60
_MAX_CHARS = 4096  # what a browser keeps of one cookie


class Signer:
    """Signs and reads small JSON objects with HMAC-SHA256 under a key derived for one purpose."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        if len(secret) < 16:  # bytes
            raise ValueError("the cookie secret is too short")
        self._key = hmac.digest(secret, b"nbkeep portal: " + purpose.encode(), "sha256")

    def sign(self, value: dict[str, Any]) -> str:
        """Return the value and its signature as text that fits a cookie."""
        body = _encode(orjson.dumps(value))
        return f"{body}.{self.mac(body)}"

    def read(self, text: str) -> dict[str, Any] | None:
        """Return the value, or None for anything that this signer did not make."""
        body, _, signature = text.partition(".")
        if len(text) > _MAX_CHARS or not text.isascii() or not hmac.compare_digest(signature, self.mac(body)):
            return None
        try:
            value = orjson.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (ValueError, Base64Error):
            return None
        return cast("dict[str, Any]", value) if isinstance(value, dict) else None

    def mac(self, text: str) -> str:
        """Return the signature of a text under this purpose."""
        return _encode(hmac.digest(self._key, text.encode(), "sha256"))


def fingerprint(text: str) -> str:
    """Return a short hash: enough to notice that a value changed, useless to guess it."""
    return sha256(text.encode()).hexdigest()[:24]


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
