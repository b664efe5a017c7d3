"""Encrypts what is kept, and binds each piece to where it belongs.

AES-256-GCM under keys derived from the user's own (HKDF-SHA256, RFC 5869), one for each purpose. The
associated data names owner, session, image and the piece's place, so that no piece can be altered, moved to
another place, or handed to another user or session.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nbkeep_runtime.server.state.errors import NOT_OURS, IsRefused

FORMAT = 1
KEY_BYTES = 32
_NONCE_BYTES = 12  # random: safe for 2**32 pieces under one key (NIST SP 800-38D, 8.3); keys are per session
OVERHEAD_BYTES = _NONCE_BYTES + 16


@dataclass(frozen=True)
class Binding:
    """Whose state it is."""

    owner: str
    session_id: str
    image_digest: str


class Sealer:
    """Seals and opens the pieces of one session's state; safe in several threads."""

    def __init__(self, key: bytes, binding: Binding) -> None:
        self.binding = binding
        self._of = functools.cache(functools.partial(_cipher, key, binding))

    def seal(self, purpose: str, place: tuple[str | int, ...], data: bytes | bytearray) -> bytes:
        """Return `data` encrypted for this place."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._of(purpose).encrypt(nonce, data, self._bound(purpose, place))

    def seal_into(
        self, purpose: str, place: tuple[str | int, ...], data: bytes | bytearray, buffer: bytearray
    ) -> memoryview:
        """Do the same in memory that is used again; it holds `OVERHEAD_BYTES` more than the data."""
        view = memoryview(buffer)[: len(data) + OVERHEAD_BYTES]
        view[:_NONCE_BYTES] = nonce = os.urandom(_NONCE_BYTES)
        self._of(purpose).encrypt_into(nonce, data, self._bound(purpose, place), view[_NONCE_BYTES:])
        return view

    def open_into(
        self, purpose: str, place: tuple[str | int, ...], sealed: memoryview, buffer: bytearray
    ) -> memoryview:
        """Return what was sealed for this place, in memory that is used again; raises `IsRefused`."""
        view = memoryview(buffer)[: max(0, len(sealed) - OVERHEAD_BYTES)]
        try:
            self._of(purpose).decrypt_into(
                bytes(sealed[:_NONCE_BYTES]), sealed[_NONCE_BYTES:], self._bound(purpose, place), view
            )
        except (InvalidTag, ValueError) as error:
            raise IsRefused(NOT_OURS) from error
        return view

    def open(self, purpose: str, place: tuple[str | int, ...], sealed: bytes | memoryview) -> bytes:
        """Return what was sealed for this place, or raise `IsRefused`."""
        view = memoryview(sealed)
        try:
            return self._of(purpose).decrypt(
                bytes(view[:_NONCE_BYTES]), view[_NONCE_BYTES:], self._bound(purpose, place)
            )
        except (InvalidTag, ValueError) as error:
            raise IsRefused(NOT_OURS) from error

    def _bound(self, purpose: str, place: tuple[str | int, ...]) -> bytes:
        binding = self.binding
        return orjson.dumps(
            [FORMAT, binding.owner, binding.session_id, binding.image_digest, purpose, *place]
        )


def _cipher(key: bytes, binding: Binding, purpose: str) -> AESGCM:
    info = orjson.dumps(["nbkeep kept state", FORMAT, binding.owner, binding.session_id, purpose])
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(key))
