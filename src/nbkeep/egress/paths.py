"""Paths of requests, and the patterns that rules have for them, in one form. Pure.

Servers decode and shorten paths, each in its own way. A path that one of them might take for another one has
no form: it is refused, rather than compared with the wrong rule.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_to_bytes

_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What stays apart from its plain form for some servers only.
_ENCODED = {"2f": "an encoded slash", "5c": "a backslash", "3f": "an encoded question mark",
            "23": "an encoded #", "25": "a percent sign that is encoded itself",
            "3b": "a semicolon"}  # fmt: skip
_HIDDEN = re.compile(f"%({'|'.join(_ENCODED)})", re.IGNORECASE)
_PLAIN = {"\\": "a backslash", ";": "a semicolon", "#": "a #", "?": "a question mark"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MEANING = frozenset("/\\.;%?#")
# Slashes of other kinds, and what older code pages have in the backslash's place.
_LOOKALIKES = frozenset("\u2044\u2215\u2216\u29f5\u29f8\u29f9\u00a5\u20a9")
# All that RFC 3986 lets stand in a path but `*`, the comma and the semicolon.
_SAFE = "/-._~!$&'()+=:@"


class AmbiguousError(ValueError):
    """A path that can be read in two ways; the text says what is in it."""


def plain(path: str) -> str:
    """Return a path, without its query, as servers compare it: decoded, once. Raises `AmbiguousError`.

    >>> plain("/%61cme/caf%C3%A9/x%40y")
    '/acme/café/x@y'
    """
    if not path.startswith("/"):
        raise AmbiguousError("it does not begin with a slash")
    if _BROKEN.search(path):
        raise AmbiguousError("it has a % without two hexadecimal digits")
    if hidden := _HIDDEN.search(path):
        raise AmbiguousError(f"it has {_ENCODED[hidden[1].lower()]}")
    for letter, name in _PLAIN.items():
        if letter in path:
            raise AmbiguousError(f"it has {name}")
    try:
        text = unquote_to_bytes(path).decode()
    except UnicodeError as error:
        raise AmbiguousError("it is not UTF-8") from error
    if _CONTROL.search(text):
        raise AmbiguousError("it has a control character")
    if not text.isascii() and any(
        letter in _LOOKALIKES or _MEANING & set(unicodedata.normalize("NFKC", letter))
        for letter in text
        if not letter.isascii()
    ):
        raise AmbiguousError("it has a letter that some take for a slash or a dot")
    _check_segments(text[1:].split("/"))
    return text


def _check_segments(segments: list[str]) -> None:
    for number, segment in enumerate(segments, 1):
        if not segment and number < len(segments):
            raise AmbiguousError("it has two slashes in a row")
        if segment in {".", ".."}:
            raise AmbiguousError(f"it has the segment {segment}")
        if segment.endswith(".") or segment != segment.strip():
            raise AmbiguousError("a segment ends in a dot, or has a blank at its end or beginning")


def folded(path: str) -> str:
    """Return a plain path as it is compared with what is denied: some servers take A and a for the same.

    Marks are apart from their letters, so that a path does not leave a rule's beginning by one more mark;
    what is not seen (a soft hyphen) is left out.

    >>> folded("/Caf\u00e9") == folded("/cafe\u0301"), folded("/Ad\u00admin")
    (True, '/admin')
    """
    if path.isascii():
        return path.casefold()
    apart = unicodedata.normalize("NFKD", path)
    seen = "".join(letter for letter in apart if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFKD", seen.casefold())


def spelled(pattern: str) -> str:
    """Return the pattern of a rule as it is written in lists; raises `AmbiguousError`. Twice is once.

    >>> spelled("/acme/*/a%2Cb %7E"), spelled("/%2A")
    ('/acme/*/a%2Cb%20~', '/%2A')
    """
    plain(pattern)
    return "*".join(quote(unquote(part), safe=_SAFE) for part in pattern.split("*"))


@dataclass(frozen=True)
class Pattern:
    """What a rule says of paths; its stars stand for any characters, slashes too. `parts`: between them."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, written: str, *, fold: bool = False) -> Pattern:
        """Return the pattern that `spelled` returns; `fold`: for paths that are `folded`."""
        parts = [unquote(part) for part in written.split("*")]
        return cls(tuple(folded(part) for part in parts) if fold else tuple(parts))

    def matches(self, path: str) -> bool:
        """Tell whether all of a plain path is as it says; in a time that does not explode with stars.

        >>> Pattern.of("/a/*.csv").matches("/a/b/c.csv"), Pattern.of("/a").matches("/a/")
        (True, False)
        """
        first, *rest = self.parts
        if not rest:
            return path == first
        *middle, last = rest
        at, end = len(first), len(path) - len(last)
        if end < at or not path.startswith(first) or not path.endswith(last):
            return False
        for one in middle:
            found = path.find(one, at, end)
            if found < 0:
                return False
            at = found + len(one)
        return True

    @property
    def beginning(self) -> str | None:
        """The first segment of every path that it matches; None where they differ."""
        first = first_segment(self.parts[0])
        is_whole = len(self.parts) == 1 or self.parts[0].count("/") > 1
        return first if is_whole else None


def first_segment(path: str) -> str:
    """Return what is between the first slash and the next, or the end."""
    return path[1:].partition("/")[0]
