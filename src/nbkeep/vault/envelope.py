"""Envelope encryption: each version of a value has a key of its own, which a master key wraps.

AES-256-GCM twice. The associated data names the secret, its version and all that it is bound to, so that no
ciphertext can be moved to another secret, an older version brought back, or a value sent to another host by
a change of the database.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from .master import MasterKey
    from .values import Binding

FORMAT = 1
_KEY_BITS = 256
_NONCE_BYTES = 12  # random; a data key seals one value, a master key far fewer than 2**32 data keys


@dataclass(frozen=True)
class Sealed:
    """A value at rest. `key_id` names the master key that wraps `wrapped`."""

    key_id: str
    wrapped: bytes
    sealed: bytes


def seal(master: MasterKey, secret_id: str, version: int, binding: Binding, value: str) -> Sealed:
    """Return a value encrypted for exactly this secret, version and binding."""
    key = AESGCM.generate_key(_KEY_BITS)
    sealed = _encrypt(key, _bound("value", secret_id, version, binding), value.encode())
    return Sealed(master.id, _wrap(master, secret_id, version, key), sealed)


def unseal(master: MasterKey, secret_id: str, version: int, binding: Binding, found: Sealed) -> str:
    """Return the value; raise `Refused` (409) where anything is not as it was sealed."""
    key = _unwrap(master, secret_id, version, found.wrapped)
    return _decrypt(key, _bound("value", secret_id, version, binding), found.sealed).decode()


def rewrap(old: MasterKey, new: MasterKey, secret_id: str, version: int, found: Sealed) -> Sealed:
    """Return the same value under another master key; the value itself is not decrypted."""
    key = _unwrap(old, secret_id, version, found.wrapped)
    return Sealed(new.id, _wrap(new, secret_id, version, key), found.sealed)


def _wrap(master: MasterKey, secret_id: str, version: int, key: bytes) -> bytes:
    return _encrypt(master.key, _bound("key", secret_id, version), key)


def _unwrap(master: MasterKey, secret_id: str, version: int, wrapped: bytes) -> bytes:
    return _decrypt(master.key, _bound("key", secret_id, version), wrapped)


def _bound(purpose: str, secret_id: str, version: int, binding: Binding | None = None) -> bytes:
    to = [list(binding.hosts), binding.kind, binding.place, binding.template] if binding else []
    to += (
        [binding.source] if binding and binding.source else []
    )  # what was sealed before there were any opens
    return orjson.dumps(["nbkeep vault", FORMAT, purpose, secret_id, version, to])


def _encrypt(key: bytes, bound: bytes, data: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, bound)


def _decrypt(key: bytes, bound: bytes, data: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], bound)
    except (InvalidTag, ValueError) as error:
        raise Refused(
            "secret-altered",
            "The secret is not used: what is stored of it is not what was sealed.",
            "Somebody changed the database. Set the secret anew, and find out who.",
            status=409,
        ) from error
