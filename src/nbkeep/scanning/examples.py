"""Texts that look like credentials, made when they are needed: templates filled in from a seeded generator.

Nothing in the repository looks like a credential; a rule's examples, the tests' texts and the benchmark's
corpus all come from here. `{hex:32}` is replaced by 32 hexadecimal digits; `{{` and `}}` are braces.
"""

from __future__ import annotations

import base64
import json
import re
import string
import uuid
import zlib
from typing import TYPE_CHECKING

from . import digits

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "b64": string.ascii_letters + string.digits + "+/",
    "base32": string.ascii_uppercase + "234567",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "digits": string.digits,
    "HEX": "0123456789ABCDEF",
    "hex": "0123456789abcdef",
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "word": string.ascii_letters + string.digits + "_-",
}
_FIELD = re.compile(r"\{\{|\}\}|\{(\w+)(?::([\w-]+))?\}")
_SYLLABLES = (
    "ba",
    "ko",
    "ri",
    "ten",
    "mul",
    "vos",
    "gar",
    "lim",
    "dex",
    "po",
    "quin",
    "sar",
    "tho",
    "wel",
    "zan",
)
_MARKS = "!#*_-+="


def fill(template: str, rng: random.Random) -> str:
    """Return a template with its fields filled in; the same for the same state of `rng`.

    Raises KeyError for a field that there is none of.
    """

    def one(match: re.Match[str]) -> str:
        whole = match[0]
        if whole in {"{{", "}}"}:
            return whole[0]
        return field(match[1], match[2] or "", rng)

    return _FIELD.sub(one, template)


def field(name: str, argument: str, rng: random.Random) -> str:
    """Return one field's text. Raises KeyError where there is no field of this name."""
    if name in _ALPHABETS:
        return characters(_ALPHABETS[name], int(argument), rng)
    return _SPECIAL[name](argument, rng)


def characters(alphabet: str, count: int, rng: random.Random) -> str:
    """Return random characters that make up a plausible key: of each kind, and no run of one."""
    kinds = [
        k for k in (string.digits, string.ascii_lowercase, string.ascii_uppercase) if set(k) & set(alphabet)
    ]
    while True:
        text = "".join(rng.choice(alphabet) for _ in range(count))
        edges = text[:1].isalnum() and text[-1:].isalnum()
        mixed = count < 12 or all(set(text) & set(k) for k in kinds)
        if not count or (mixed and edges and not re.search(r"(.)\1\1", text)):
            return text


def _crc62(argument: str, rng: random.Random) -> str:
    """GitHub's and npm's way: thirty characters, then the CRC-32 of them in base 62."""
    body = characters(_ALPHABETS["alnum"], int(argument), rng)
    return body + crc62(body)


def crc62(body: str) -> str:
    """Return six digits of base 62 that hold the CRC-32 of a text.

    Source: "Behind GitHub's new authentication token formats", 2021.
    """
    left, out = zlib.crc32(body.encode("ascii", "replace")), ""
    while left:
        left, rest = divmod(left, 62)
        out = _BASE62[rest] + out
    return out.rjust(6, "0")


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _jwt(argument: str, rng: random.Random) -> str:
    head = {"alg": "RS256" if argument == "long" else "HS256", "typ": "JWT"}
    body: dict[str, object] = {
        "sub": characters(_ALPHABETS["lower"], 12, rng),
        "iat": rng.randrange(10**9, 2 * 10**9),
    }
    if argument == "sample":  # the one that every page about them shows
        body = {"sub": "1234567890", "name": "John Doe", "iat": 1516239022}
    signature = rng.randbytes(256 if argument == "long" else 32)
    return ".".join(
        (_b64url(json.dumps(head).encode()), _b64url(json.dumps(body).encode()), _b64url(signature))
    )


def _pem(argument: str, rng: random.Random) -> str:
    name = rng.choice(("RSA ", "EC ", "", "OPENSSH "))
    body = base64.b64encode(rng.randbytes(300)).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    glue = "\\n" if argument == "escaped" else "\n"
    return glue.join((f"-----BEGIN {name}PRIVATE KEY-----", *lines, f"-----END {name}PRIVATE KEY-----"))


def _password(_argument: str, rng: random.Random) -> str:
    words = [rng.choice(_SYLLABLES) for _ in range(3)]
    return words[0].title() + words[1] + rng.choice(_MARKS) + words[2] + str(rng.randrange(10, 9999))


def _basic(_argument: str, rng: random.Random) -> str:
    return base64.b64encode(f"jane:{_password('', rng)}".encode()).decode()


def _discord(_argument: str, rng: random.Random) -> str:
    # A bot's id, in base64: eighteen digits.
    return _b64url(str(rng.randrange(4 * 10**17, 9 * 10**17)).encode())


def _email(_argument: str, rng: random.Random) -> str:
    first, last = rng.choice(_SYLLABLES), rng.choice(_SYLLABLES) + rng.choice(_SYLLABLES)
    return (
        f"{first}.{last}{rng.randrange(99)}@{rng.choice(('acme.io', 'posteo.de', 'mail.nhs.uk', 'corp.co'))}"
    )


_SPECIAL: dict[str, Callable[[str, random.Random], str]] = {
    "basic": _basic,
    "crc62": _crc62,
    "digits1": lambda count, rng: str(rng.randrange(10 ** (int(count) - 1), 10 ** int(count))),
    "discord": _discord,
    "email": _email,
    "example": lambda _count, _rng: "EXAMPLE",
    "jwt": _jwt,
    "number": lambda kind, rng: digits.MAKERS[kind](rng),
    "password": _password,
    "pem": _pem,
    "uuid": lambda _count, rng: str(uuid.UUID(bytes=rng.randbytes(16), version=4)),
}
