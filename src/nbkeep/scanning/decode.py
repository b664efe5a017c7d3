"""The texts that hide in a text: encoded, escaped, split, or with characters in them that nobody sees.

Each is made of the lines that have something hidden in them, with the hidden put in clear where it stood: so
a rule sees the words around it, and a finding keeps its place. Takes time in proportion to the text; never
raises.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_right
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from . import encoded, engines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .encoded import Edit
    from .interface import Hint

LEVELS = 3  # base64 of an escaped text that is split over two strings
_CONTEXT = 240  # characters of a long line that are kept on either side

_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|([\"'/nrt\\]))"
)
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_SIMPLE = {"n": "\n", "r": "\n", "t": "\t"}

_INVISIBLE_ONES = (
    range(0xAD, 0xAE), range(0x34F, 0x350), range(0x61C, 0x61D), range(0x115F, 0x1161), range(0x17B4, 0x17B6),
    range(0x180B, 0x180F), range(0x200B, 0x2010), range(0x202A, 0x202F), range(0x2060, 0x2070),
    range(0x3164, 0x3165), range(0xFE00, 0xFE10), range(0xFEFF, 0xFF00), range(0xFFA0, 0xFFA1),
    range(0xE0000, 0xE1000),
)  # fmt: skip
_INVISIBLE = re.compile("[" + "".join(f"{chr(one[0])}-{chr(one[-1])}" for one in _INVISIBLE_ONES) + "]+")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]+")
_LONGEST_FOREIGN = 64
_SLICE, _SLICES = 64, 2048
_WIDE = range(0xFF01, 0xFF5F)  # ASCII as wide as Chinese characters
# Letters that look like those of ASCII and are none (Unicode's confusables; Cyrillic and Greek).
_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԚԜасԁеһіјӏорԛѕуԝхΑΒΕΖΗΙΚΜΝΟΡΤΥΧοινυρ\u2010\u2011\u2013\u2014\u2212",
    "ABESIJKMHOPCTYXQWacdehijlopqsywxABEZHIKMNOPTYXoivup-----",
)
# What is put another way besides what Unicode's compatibility form (NFKC) does; told without a look at each.
_LOOK_ALIKES = frozenset(map(chr, _ALIKE))
_ODD = _LOOK_ALIKES.union(*(map(chr, one) for one in _INVISIBLE_ONES))
_TAGS = {0xE0000 + code: code for code in range(0x20, 0x7F)}  # a whole ASCII alphabet that nobody sees

_STRING = re.compile(r"\"[^\"\\\n]*(?:\\.[^\"\\\n]*)*\"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'")
_FARTHEST = 8000  # from where two strings meet, in which others are put together with them
_OPEN = 2000  # of these: where a string may be open still
# One for each quote: a pattern that begins with one certain character is found ten times faster.
_COMMENT = r"(?:(?:#|//)[^\n\"']{0,120}\n|/\*[^\"'*]{0,120}\*/)"
_MEETINGS = tuple(
    re.compile(
        quote
        + r"[ \t+,.&|\\\r\n]{0,80}+(?:"
        + _COMMENT
        + r"[ \t+,.&|\\\r\n]{0,80}+){0,3}[rRbBfFuU]{0,2}[\"']"
    )
    for quote in ('"', "'")
)
# What was taken is not given back: a gap of blanks is looked at once.
_BETWEEN, _BETWEEN_ITEMS = (
    re.compile(
        rf"\s*+(?:\+|\|\||&|\.{comma})?+\s*+(?:{_COMMENT}\s*+){{0,3}}+\\?+\s*+\+?+\s*+[rRbBfFuU]{{0,2}}"
    )
    for comma in ("", "|,")
)
_JOINS = ("join", "paste", "oncat", "ONCAT", "sum(", "reduce(")
_CHAIN = 400  # strings that are put together, at most
_CHAR_CODES = re.compile(
    r"(?:\b(?:0x[0-9a-fA-F]{2}|[0-9]{2,3})\s*,\s*){7,4000}(?:0x[0-9a-fA-F]{2}|[0-9]{2,3})\b"
)
_CODE_WORDS = ("bytes(", "bytearray(", "fromCharCode", "(chr", "intToUtf8")  # also in SIGNS, at the end
# Eight short numbers with commas; found by its commas, which are few.
_CODE_LINES = re.compile(r",\s*(?:0x[0-9a-fA-F]{2}|[0-9]{2,3})\s*,[\s0-9a-fA-Fx,]{20,}")
_CHR_CALL = re.compile(r"chr\(\s*([0-9]{2,3})\s*\)(?:\s*(?:\+|\.|,|\|\|)\s*)?")
# Colours and other commands of a terminal; a title or a link ends with a bell or ESC \\.
_COLOUR = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]{0,1000}(?:\x07|\x1b\\)|[ -/]{1,3}[0-~]|[=>78cDEHMNOZ])"
)
_CONTROLS = "".join(chr(code) for code in range(32) if chr(code) not in "\t\n\r\x1b") + "\x7f"
# Tags and comments within a word of HTML, whose names are ASCII's. Both begin alike, and SIGNS has that.
_INLINE_TAG = (
    "<(?:/?(?:a|b|i|u|s|em|tt|sub|sup|wbr|span|font|code|mark|strong|small|big|ins|del|kbd|samp|var)"
)
_INLINE = re.compile(
    rf"{_INLINE_TAG}\b[^<>]{{0,500}}>|!--[^<>]{{0,500}}-->)", re.IGNORECASE | re.DOTALL | re.ASCII
)
# Tags that end a word; where there are no others, as in large tables, there is nothing to take out.
_BLOCKS = ("<t", "</t", "<div", "</div", "<style", "</style", "<p>", "</p>", "<br")
_CONTINUED = re.compile(r"\\\r?\n[ \t]*")


class Derived:
    """A text made of another one, which knows where each of its characters comes from."""

    def __init__(self, pieces: list[tuple[str, int, int]], parent: Derived | None = None) -> None:
        """`pieces`: each with where it begins and ends in the text that it is made of."""
        self.text = "".join(piece for piece, _, _ in pieces)
        self._parent = parent
        self._pieces = pieces
        self._starts: list[int] = []
        position = 0
        for piece, _, _ in pieces:
            self._starts.append(position)
            position += len(piece)

    def origin(self, begin: int, end: int) -> tuple[int, int]:
        """Return where in the original text the characters from `begin` to `end` stand, encoded or not."""
        first, last = self._origin(begin)[0], self._origin(max(begin, end - 1))[1]
        return self._parent.origin(first, last) if self._parent else (first, last)

    def is_new(self, begin: int, end: int) -> bool:
        """Return whether any character from `begin` to `end` was not in clear beside its neighbours."""
        first, last = (bisect_right(self._starts, at) - 1 for at in (begin, max(begin, end - 1)))
        if first != last or len(self._pieces[first][0]) != self._pieces[first][2] - self._pieces[first][1]:
            return True
        if self._parent is None:
            return False
        return self._parent.is_new(*(self._origin(begin)[0], self._origin(max(begin, end - 1))[1]))

    def _origin(self, position: int) -> tuple[int, int]:
        at = bisect_right(self._starts, position) - 1
        piece, begin, end = self._pieces[at]
        if len(piece) != end - begin:
            return begin, end
        here = begin + position - self._starts[at]
        return here, here + 1


def derive(text: str, hint: Hint) -> Iterator[Derived]:
    """Yield the texts that hide in `text`, those that hide in these, and so on for three levels."""
    level: list[Derived] = [*_derive_once(text, hint, None)]
    seen: set[str] = set()
    for depth in range(LEVELS):
        deeper: list[Derived] = []
        for one in level:
            if one.text in seen:
                continue
            seen.add(one.text)
            yield one
            if depth < LEVELS - 1:
                deeper += _derive_once(one.text, hint, one)
        level = deeper


def _derive_once(text: str, hint: Hint, parent: Derived | None) -> Iterator[Derived]:
    signs = _signs().find(text)
    for find, needs in _FINDERS:
        if needs and _NUMBERS[needs] not in signs and not (needs == _RUN and hint.kind == "config"):
            continue  # shorter runs count in configuration
        edits = find(text, hint)
        if edits:
            yield Derived(_with(text, edits), parent)


def _with(text: str, edits: list[Edit]) -> list[tuple[str, int, int]]:
    """Return the lines that are changed, changed; each edit keeps the lines that it stands in together."""
    pieces: list[tuple[str, int, int]] = []
    done = -1  # up to where the text is taken over already
    last = len(edits) - 1
    for number, (begin, end, new) in enumerate(edits):
        line = text.rfind("\n", max(0, begin - _CONTEXT), begin) + 1 or max(0, begin - _CONTEXT)
        if line > done:
            if pieces:
                pieces.append(("\n", done, done))
            done = line
        pieces += (text[done:begin], done, begin), (new, begin, end)
        stop = text.find("\n", end, end + _CONTEXT)
        stop = min(len(text), end + _CONTEXT) if stop < 0 else stop
        if number < last:
            stop = min(stop, edits[number + 1][0])
        pieces.append((text[end:stop], end, stop))
        done = stop
    return [piece for piece in pieces if piece[0]]


def _escapes(text: str, hint: Hint) -> list[Edit]:
    del hint
    edits: list[Edit] = []
    if "\\" in text:
        edits += ((found.start(), found.end(), _unescaped(found)) for found in _ESCAPE.finditer(text))
    return edits


def _unescaped(found: re.Match[str]) -> str:
    four, braced, longer, short, octal, simple = found.groups()
    if simple:
        return _SIMPLE.get(simple, simple)
    code = int(octal, 8) if octal else int(four or braced or longer or short, 16)
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else ""


def _percent(text: str, hint: Hint) -> list[Edit]:
    del hint
    if "%" not in text:
        return []
    return [(found.start(), found.end(), unquote(found[0])) for found in _PERCENT.finditer(text)]


def _entities(text: str, hint: Hint) -> list[Edit]:
    del hint
    if "&" not in text:
        return []
    found = ((one.start(), one.end(), html.unescape(one[0])) for one in _ENTITY.finditer(text))
    return [edit for edit in found if edit[2] != text[edit[0] : edit[1]]]


def _unseen(text: str, hint: Hint) -> list[Edit]:
    """Give invisible characters no width at all, and letters that only look like ASCII their ASCII."""
    del hint
    if text.isascii():
        return []
    edits: list[Edit] = []
    for found in _beyond_ascii(text):
        begin, end = found.span()
        run = found[0]
        plain = run if _ODD.isdisjoint(run) else _INVISIBLE.sub(_tags_read, run)
        # Between ASCII characters: words of other scripts are left as they are.
        beside = text[begin - 1 : begin] > " " or text[end : end + 1] > " "
        if (beside and end - begin <= _LONGEST_FOREIGN) or ord(run[0]) in _WIDE:
            plain = unicodedata.normalize("NFKC", plain)
            plain = plain if _LOOK_ALIKES.isdisjoint(plain) else plain.translate(_ALIKE)
        if plain != run:
            edits.append((begin, end, plain))
    return edits


def _beyond_ascii(text: str) -> Iterator[re.Match[str]]:
    """Yield runs of characters that are not ASCII, without those of a slice that all stay as they are."""
    for first in range(0, len(text), _SLICES):
        if _is_plain(text[first : first + _SLICES]):
            continue
        for begin in range(first, min(first + _SLICES, len(text)), _SLICE):
            if not _is_plain(text[begin : begin + _SLICE]):
                yield from _BEYOND_ASCII.finditer(text, begin, min(begin + _SLICE, first + _SLICES))


def _is_plain(text: str) -> bool:
    # A part of a normalised text is normalised (UAX 15), so what is told of a slice holds for each run in it.
    return text.isascii() or (unicodedata.is_normalized("NFKC", text) and _ODD.isdisjoint(text))


def _tags_read(found: re.Match[str]) -> str:
    return "".join(char for char in found[0].translate(_TAGS) if char < "\x7f")


def _controls(text: str, hint: Hint) -> list[Edit]:
    """Take out colours, and characters that move the cursor or do nothing."""
    del hint
    edits: list[Edit] = []
    for char in _CONTROLS:
        at = text.find(char)
        while at >= 0:
            edits.append((at, at + 1, ""))
            at = text.find(char, at + 1)
    if "\x1b" in text:
        edits += ((found.start(), found.end(), "") for found in _COLOUR.finditer(text))
    return _apart(edits)


def _inline(text: str, hint: Hint) -> list[Edit]:
    """Take the tags out of what HTML shows as one word."""
    del hint
    blocks = sum(map(text.count, _BLOCKS)) - text.count("<tt") - text.count("</tt")
    if text.count("<") == blocks:
        return []
    return [(found.start(), found.end(), "") for found in _INLINE.finditer(text)]


def _joined(text: str, hint: Hint) -> list[Edit]:
    """Put strings together that a program would put together."""
    edits: list[Edit] = []
    if hint.kind != "table":
        if '"' in text or "'" in text:
            edits += _strings(text)
        continued = filter(_is_in_word, _CONTINUED.finditer(text))
        edits += ((found.start(), found.end(), "") for found in continued)
    return _apart(edits)


def _is_in_word(found: re.Match[str]) -> bool:
    text, begin, end = found.string, found.start(), found.end()
    before, after = text[begin - 1 : begin], text[end : end + 1]
    return all(char.isalnum() or char in {"+", "/", "=", "_", "-"} for char in (before, after))


def _strings(text: str) -> Iterator[Edit]:
    between: re.Pattern[str] | None = None
    done = 0
    for meeting in sorted(
        (found for pattern in _MEETINGS for found in pattern.finditer(text)), key=lambda found: found.start()
    ):
        if meeting.start() < done:
            continue
        if between is None:
            between = _BETWEEN_ITEMS if any(word in text for word in _JOINS) else _BETWEEN
        line = max(done, text.rfind("\n", max(0, meeting.start() - 4000), meeting.start()) + 1)
        previous: re.Match[str] | None = None
        chain = 0
        # Up to where no string meets the next one any more.
        for string in _STRING.finditer(text, line, meeting.end() + _FARTHEST):
            if previous is not None:
                gap = text[previous.end() : string.start()]
                if len(gap) < 200 and chain < _CHAIN and between.fullmatch(gap):
                    yield previous.end() - 1, string.start() + 1, ""
                    chain += 1
                else:
                    chain = 0
                    if string.start() > meeting.end():
                        break
            previous = string
            done = string.end()
        if previous is None:
            # Quotes that no string begins or ends with: up to there they are looked at once, not each again.
            done = max(done, meeting.end() + _FARTHEST - _OPEN)
        done = max(done, meeting.end())


def _codes(text: str, hint: Hint) -> list[Edit]:
    """Read characters that are written as numbers."""
    del hint
    edits: list[Edit] = []
    if "chr(" in text:
        edits += ((found.start(), found.end(), chr(int(found[1]))) for found in _CHR_CALL.finditer(text))
    if any(word in text for word in _CODE_WORDS):
        edits += _code_lists(text)
    return _apart(edits)


def _code_lists(text: str) -> Iterator[Edit]:
    for line in _CODE_LINES.finditer(text):
        for found in _CHAR_CODES.finditer(text, max(0, line.start() - 6), line.end()):
            numbers = re.split(r"\s*,\s*", found[0])
            codes = [int(one, 0) if one.startswith("0x") else int(one) for one in numbers]
            if all(9 <= code < 127 for code in codes):
                yield found.start(), found.end(), "".join(map(chr, codes))


def _apart(edits: list[Edit]) -> list[Edit]:
    """Return the edits in the order of the text, without those that overlap one before."""
    kept: list[Edit] = []
    for edit in sorted(edits):
        if not kept or edit[0] >= kept[-1][1]:
            kept.append(edit)
    return kept


# What a text must have before there is anything to decode: one look for all of these takes a fifth of the
# time that it takes to try each. A superset always: a decoder decides by itself what it makes of it.
_RUN = "base64 or hexadecimal"
SIGNS = {
    "control": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]",
    "tag": f"(?i){_INLINE_TAG}|!--)",
    "code": r"chr\(|\(chr|bytes\(|bytearray\(|fromCharCode|intToUtf8",
    _RUN: r"[A-Za-z0-9+/_\-]{16}",
}
_NUMBERS = {sign: number for number, sign in enumerate(SIGNS)}
_FINDERS: tuple[tuple[Callable[[str, Hint], list[Edit]], str], ...] = (
    (_escapes, ""),
    (_percent, ""),
    (_entities, ""),
    (_unseen, ""),
    (_controls, "control"),
    (_inline, "tag"),
    (_joined, ""),
    (_codes, "code"),
    (encoded.base64_and_hex, _RUN),
    (encoded.hex_pairs, ""),
)


@cache
def _signs() -> engines.Present:
    return engines.Present(list(SIGNS.values()))
