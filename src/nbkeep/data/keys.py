"""Names of objects below a dataset, as programs and stewards write them. Pure.

A name is decoded once, and refused if anything, decoded once more, could read another place in it: what comes
out is a plain text that is put behind the dataset's own prefix.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_BYTES = 900  # S3 has 1,024 for prefix and key
_ENCODED_AGAIN = re.compile(r"%(?:2e|2f|5c|25|00)", re.IGNORECASE)
_MOST_STARS = 8
_WILD = re.compile(r"[*?]")


def key_of(path: bytes, query: bytes = b"") -> str:
    """Return the key that a request means; raise ValueError saying what is wrong with it.

    >>> key_of(b"/2026-01/a%20b.parquet")
    '2026-01/a b.parquet'
    """
    if query:
        raise ValueError("objects have no parameters")
    if not path.startswith(b"/"):
        raise ValueError("a path begins with /")
    try:
        key = unquote_to_bytes(path[1:]).decode()
    except UnicodeError as error:
        raise ValueError("it is not text in UTF-8") from error
    check(key)
    if key.endswith("/") or not key:
        raise ValueError("it names no object")
    return key


def check(text: str) -> None:
    """Raise ValueError for a key, or the beginning of one, that could be read as another place."""
    if len(text.encode()) > LONGEST_BYTES:
        raise ValueError(f"it is longer than {LONGEST_BYTES} bytes")
    if not text.isprintable() or "\\" in text:
        raise ValueError("it holds a backslash, or what cannot be printed")
    if _ENCODED_AGAIN.search(text):
        raise ValueError("it is encoded twice")
    parts = text.split("/")
    if any(part in {".", ".."} for part in parts):
        raise ValueError("it has . or .. as a part")
    if "" in parts[:-1]:
        raise ValueError("it has an empty part (//)")


def check_pattern(pattern: str) -> None:
    """Raise ValueError for a pattern that does not name keys below the dataset."""
    check(pattern)
    if not pattern or pattern.endswith("/"):
        raise ValueError("it names no objects")
    if "[" in pattern or pattern.count("*") > _MOST_STARS:
        raise ValueError(f"only * and ? stand for others, and * at most {_MOST_STARS} times")


def matches(pattern: str, key: str) -> bool:
    """Tell whether a key fits a pattern, in which `*` and `?` never stand for a `/`.

    >>> matches("2026-01/*.parquet", "2026-01/a.parquet"), matches("*.parquet", "2026-01/a.parquet")
    (True, False)
    """
    wanted, parts = pattern.split("/"), key.split("/")
    return len(wanted) == len(parts) and all(
        fnmatchcase(part, one) for part, one in zip(parts, wanted, strict=True)
    )


def in_sample(samples: Iterable[str], key: str) -> bool:
    """Tell whether a key belongs to the sample."""
    return any(matches(one, key) for one in samples)


def beginning(samples: Iterable[str], prefix: str) -> str | None:
    """Return what all keys of the sample that begin with a prefix begin with; None where there are none.

    It is a part of the patterns alone: whoever asks for it, nothing of it says which other keys there are.

    >>> beginning(["2026-01/*.csv", "2026-02/a?.csv", "readme"], "2026"), beginning(["2026-01/*.csv"], "x")
    ('2026-0', None)
    """
    fixed = [_WILD.split(one, maxsplit=1)[0] for one in samples]
    found = [one for one in fixed if one.startswith(prefix) or prefix.startswith(one)]
    if not found:
        return None
    ends = zip(min(found), max(found), strict=False)  # what these two share, all between them do
    return "".join(one for one, _ in takewhile(lambda both: both[0] == both[1], ends))
