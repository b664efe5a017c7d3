"""Where commits name the people who made them, as every commit does: of that only secrets count. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .walk import Commit

_TRAILERS = (
    b"Signed-off-by", b"Co-authored-by", b"Co-developed-by", b"Reviewed-by", b"Acked-by", b"Tested-by",
    b"Reported-by", b"Suggested-by", b"Helped-by", b"Approved-by",
)  # fmt: skip
_MOST_TRAILERS = 20  # of one commit: more of them are a list of people
# A name of a few words with few digits, and one address: no room for a number of an account beside them.
_PERSON = rb"(?!(?:[^<\n]*\d){5})[^<>\n:;,=]{1,60} <(?!(?:[^>\n]*\d){11})[\w.+@\[\]-]{1,80}>"
_TRAILER = re.compile(
    rb"^(?:" + b"|".join(_TRAILERS) + rb"): " + _PERSON + rb"[ \t]*$", re.IGNORECASE | re.MULTILINE
)
_MAKER = re.compile(rb"(?:author|committer|tagger) " + _PERSON + rb" \d{1,11} [+-]\d{4}")
_LINK = re.compile(rb"(?:tree|parent|object) (?:[0-9a-f]{40}|[0-9a-f]{64})|type (?:commit|tag|tree|blob)")

_SHOWN = frozenset({b"author", b"committer", b"tagger", b"tag"})  # each once, and so long
_LONG = 200


@dataclass(frozen=True)
class Told:
    """A commit's head and message in two parts. `names`: its makers and well-known lines that name people.

    `rest`: all else that somebody wrote. `other_lines`: of the head, beside its makers and what it is called.
    """

    names: bytes
    rest: bytes
    other_lines: bytes


def told_by(commit: Commit) -> Told:
    """Return what a commit, or tag, says, apart from its ids."""
    names, others, unshown, seen = list[bytes](), list[bytes](), list[bytes](), set[bytes]()
    for line in commit.head.split(b"\n"):
        word = line.partition(b" ")[0]
        is_first = word in _SHOWN and word not in seen
        seen.add(word)
        if is_first and _MAKER.fullmatch(line):
            names.append(line)
        elif not _LINK.fullmatch(line):
            others.append(line)
            if not is_first or len(line) > _LONG:
                unshown.append(line)
    found = _TRAILER.findall(commit.message)
    plain = commit.message
    if len(found) <= _MOST_TRAILERS:
        names += found
        plain = _TRAILER.sub(b"", commit.message)
    rest = b"\n\n".join(one for one in (plain, b"\n".join(others)) if one)
    return Told(b"\n".join(names), rest, b"\n".join(unshown))
