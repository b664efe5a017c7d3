"""Names for chunks of memory, by their content: at the speed of memory where OpenSSL can be reached.

A name is only ever compared with names of the same owner, made under the same random key. GMAC under a fixed
nonce is then a universal hash: two different chunks of 2 MiB share a name with a probability below 2**-110,
whatever they hold, as long as the key did not decide their content. It never vouches for content: that is
the trusted half's encryption.
"""

from __future__ import annotations

import ctypes
import hashlib
import secrets
from typing import Any

KEY_BYTES = 32
_POINTER = ctypes.c_void_p
_TAG_BYTES = 16
_UTF8_STRING, _OCTETS = 4, 5  # OSSL_PARAM_UTF8_STRING, OSSL_PARAM_OCTET_STRING of <openssl/core.h>


def new_key() -> bytes:
    """Return a key for the names of one kernel's chunks."""
    return secrets.token_bytes(KEY_BYTES)


class Hasher:
    """Names chunks under one key; of one thread."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._gmac = _gmac(key[:16])

    def name(self, view: memoryview) -> str:
        """Return the name of what `view` holds: 32 hexadecimal digits with OpenSSL, else 64."""
        if self._gmac is not None:
            return self._gmac(address_of(view), len(view)).hex()
        return hashlib.blake2b(view, digest_size=32, key=self._key).hexdigest()


class _Buffer(ctypes.Structure):
    """Py_buffer of CPython's stable interface."""

    _fields_ = (
        ("buf", _POINTER),
        ("obj", _POINTER),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", _POINTER),
        ("shape", _POINTER),
        ("strides", _POINTER),
        ("suboffsets", _POINTER),
        ("internal", _POINTER),
    )


def address_of(view: memoryview) -> int:
    """Return where contiguous memory begins; it is also told for memory that must not be written."""
    buffer = _Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.byref(buffer), 0)
    try:
        return buffer.buf or 0
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))


class _Param(ctypes.Structure):
    """OSSL_PARAM of <openssl/core.h>."""

    _fields_ = (
        ("key", ctypes.c_char_p),
        ("data_type", ctypes.c_uint),
        ("data", _POINTER),
        ("data_size", ctypes.c_size_t),
        ("return_size", ctypes.c_size_t),
    )


def _libcrypto() -> Any:
    """Return OpenSSL 3, the one that Python itself uses if possible; None where there is none."""
    try:
        import _hashlib

        own = getattr(_hashlib, "__file__", None)
    except ImportError:
        own = None
    for name in filter(None, (own, "libcrypto.so.3")):
        try:
            library = ctypes.CDLL(name)
            _ = library.EVP_MAC_fetch
        except (OSError, AttributeError):
            continue
        return library
    return None


def _gmac(key: bytes) -> Any:
    """Return a function (address, size) -> tag, or None where OpenSSL has no GMAC."""
    library = _libcrypto()
    if library is None:
        return None
    library.EVP_MAC_fetch.restype = library.EVP_MAC_CTX_new.restype = _POINTER
    library.EVP_MAC_fetch.argtypes = (_POINTER, ctypes.c_char_p, ctypes.c_char_p)
    library.EVP_MAC_CTX_new.argtypes = (_POINTER,)
    library.EVP_MAC_init.argtypes = (_POINTER, ctypes.c_char_p, ctypes.c_size_t, _POINTER)
    library.EVP_MAC_update.argtypes = (_POINTER, _POINTER, ctypes.c_size_t)
    library.EVP_MAC_final.argtypes = (_POINTER, _POINTER, _POINTER, ctypes.c_size_t)
    mac = library.EVP_MAC_fetch(None, b"GMAC", None)
    context = library.EVP_MAC_CTX_new(mac) if mac else None
    if not context:
        return None
    cipher = ctypes.create_string_buffer(b"AES-128-GCM")
    nonce = ctypes.create_string_buffer(12)
    unknown = ctypes.c_size_t(-1).value
    parameters = (_Param * 3)(
        _Param(b"cipher", _UTF8_STRING, ctypes.addressof(cipher), len(b"AES-128-GCM"), unknown),
        _Param(b"iv", _OCTETS, ctypes.addressof(nonce), 12, unknown),
        _Param(None, 0, None, 0, 0),
    )
    kept = (cipher, nonce, parameters)  # OpenSSL is given their addresses

    def tag(address: int, size: int) -> bytes:
        out = ctypes.create_string_buffer(_TAG_BYTES)
        length = ctypes.c_size_t()
        made = (
            library.EVP_MAC_init(context, key, len(key), ctypes.addressof(kept[2])) == 1
            and library.EVP_MAC_update(context, address, size) == 1
            and library.EVP_MAC_final(context, out, ctypes.addressof(length), _TAG_BYTES) == 1
        )
        if not made or length.value != _TAG_BYTES:
            raise OSError("OpenSSL cannot compute a GMAC")
        return out.raw

    try:
        tag(ctypes.addressof(nonce), 12)
    except OSError:
        return None
    return tag
