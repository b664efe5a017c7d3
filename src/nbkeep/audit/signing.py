"""The key that vouches for the journal (Ed25519, RFC 8032): what it signs, how that is checked elsewhere."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nbkeep.keyplace import KeyPlace
from nbkeep.model.errors import invalid

from .canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.settings import Settings

# Part of what is signed, so that no signature serves for something else.
CHECKPOINT, EXPORT = "nbkeep audit checkpoint v1", "nbkeep audit export v1"
BUNDLE = "nbkeep bundle v1"
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)
_making = threading.Lock()


@dataclass(frozen=True)
class PublicKey:
    """What signatures are checked with. `id` names it in what it signed."""

    id: str
    key: Ed25519PublicKey

    @classmethod
    def of(cls, key: Ed25519PublicKey) -> PublicKey:
        """Return a key with its id, which is made of it."""
        return cls(hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16], key)

    @property
    def pem(self) -> str:
        """The key as text (SubjectPublicKeyInfo, RFC 8410) that other programs read, too."""
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_bytes(serialization.Encoding.PEM, spki).decode()


@dataclass(frozen=True)
class Keys:
    """The keys of one place, the newest first. `may_make`: the first use makes one."""

    place: KeyPlace
    may_make: bool

    def public(self) -> list[PublicKey]:
        """Return the public halves, the newest first. Raises `Refused` (409) where there is none."""
        return [PublicKey.of(key.public_key()) for key in self._private()]

    def sign(self, what: str, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values with `key_id` and `signature`, by the newest key. Raises `Refused` (409)."""
        key = self._private()[0]
        told = {**values, "key_id": PublicKey.of(key.public_key()).id}
        return {**told, "signature": base64.b64encode(key.sign(_message(what, told))).decode()}

    def _private(self) -> list[Ed25519PrivateKey]:
        with _making:
            if self.may_make and self.place.may_be_made:
                self.place.add()
        return [_made_of(secret) for secret in self.place.read()]


def keys_of(settings: Settings) -> Keys:
    """Return the keys of an installation."""
    remedy = "Put it back where the setting audit_key says; exports are given without a signature until then."
    place = KeyPlace(settings.audit_key_at, "audit-key", "The key of the audit journal", remedy)
    return Keys(place, may_make=not settings.audit_key)


def problem_of(what: str, signed: dict[str, Any], keys: Sequence[PublicKey]) -> str:
    """Return why values with a signature are not believed, in words that follow "its signature", or ""."""
    told = {name: value for name, value in signed.items() if name != "signature"}
    if not isinstance(signed.get("signature"), str):
        return "is missing"
    key = next((one for one in keys if one.id == told.get("key_id")), None)
    if key is None:
        return "is by another key than the one given (the wrong key, or signed by somebody else)"
    try:
        key.key.verify(base64.b64decode(signed["signature"], validate=True), _message(what, told))
    except (InvalidSignature, binascii.Error, ValueError):
        return "does not fit: it was edited"
    return ""


def read_public(text: bytes) -> list[PublicKey]:
    """Return the public keys of a PEM text, such as `nbkeep audit key` prints. Raises `Refused` (400)."""
    try:
        found = [serialization.load_pem_public_key(one) for one in _PEM.findall(text)]
    except ValueError:
        found = []
    keys = [PublicKey.of(one) for one in found if isinstance(one, Ed25519PublicKey)]
    if not keys or len(keys) < len(found):
        raise invalid("key", "This is no public key of an audit journal.",
                      "Give the file that `nbkeep audit key > audit.pem` wrote.")  # fmt: skip
    return keys


def _made_of(secret: str) -> Ed25519PrivateKey:
    seed = HKDF(hashes.SHA256(), length=32, salt=None, info=b"nbkeep audit key").derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)


def _message(what: str, values: dict[str, Any]) -> bytes:
    return f"{what}\n{canonical(values)}".encode()
