"""The texts that hide in a text: encoded, escaped, split, or with characters in them that nobody sees.

Each is made of the lines that have something hidden in them, with the hidden put in clear where it stood: so
a rule sees the words around it, and a finding keeps its place. Takes time in proportion to the text; never
raises.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
import zlib
from bisect import bisect_right
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .interface import Hint

Edit = tuple[int, int, str]
"""From, to, and what stands there in clear."""

LEVELS = 3  # base64 of an escaped text that is split over two strings
_CONTEXT = 240  # characters of a long line that are kept on either side
_INFLATED = 4 * 2**20

_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|([\"'/nrt\\]))"
)
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_SIMPLE = {"n": "\n", "r": "\n", "t": "\t"}

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]+"
)
_BEYOND_ASCII = re.compile("[^\x00-\x7f]+")
_LONGEST_FOREIGN = 64
_SLICE, _SLICES = 64, 2048
_WIDE = range(0xFF01, 0xFF5F)  # ASCII as wide as Chinese characters
# Letters that look like those of ASCII and are none (Unicode's confusables; Cyrillic and Greek).
_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԚԜасԁеһіјӏорԛѕуԝхΑΒΕΖΗΙΚΜΝΟΡΤΥΧοινυρ\u2010\u2011\u2013\u2014\u2212",
    "ABESIJKMHOPCTYXQWacdehijlopqsywxABEZHIKMNOPTYXoivup-----",
)
_TAGS = {0xE0000 + code: code for code in range(0x20, 0x7F)}  # a whole ASCII alphabet that nobody sees

_STRING = re.compile(r"\"[^\"\\\n]*(?:\\.[^\"\\\n]*)*\"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'")
_FARTHEST = 8000  # from where two strings meet, in which others are put together with them
_OPEN = 2000  # of these: where a string may be open still
# One for each quote: a pattern that begins with one certain character is found ten times faster.
_MEETINGS = tuple(re.compile(quote + r"[ \t+,.&|\\\r\n]{0,80}[rRbBfFuU]{0,2}[\"']") for quote in ('"', "'"))
_BETWEEN = re.compile(r"\s*(?:\+|\|\||&|\.)?\s*\\?\s*\+?\s*[rRbBfFuU]{0,2}")
_BETWEEN_ITEMS = re.compile(r"\s*(?:\+|\|\||&|\.|,)?\s*\\?\s*\+?\s*[rRbBfFuU]{0,2}")
_JOINS = ("join", "paste", "oncat", "ONCAT", "sum(", "reduce(")
_CHAIN = 400  # strings that are put together, at most
_CHAR_CODES = re.compile(
    r"(?:\b(?:0x[0-9a-fA-F]{2}|[0-9]{2,3})\s*,\s*){7,4000}(?:0x[0-9a-fA-F]{2}|[0-9]{2,3})\b"
)
_CODE_WORDS = ("bytes(", "bytearray(", "fromCharCode", "(chr", "intToUtf8")
# Eight short numbers with commas; found by its commas, which are few.
_CODE_LINES = re.compile(r",\s*(?:0x[0-9a-fA-F]{2}|[0-9]{2,3})\s*,[\s0-9a-fA-Fx,]{20,}")
_CHR_CALL = re.compile(r"chr\(\s*([0-9]{2,3})\s*\)(?:\s*(?:\+|\.|,|\|\|)\s*)?")
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_CONTROLS = "\x00\x01\x02\x03\x07\x08\x7f"
# Tags and comments within a word of HTML.
_INLINE = re.compile(
    r"<(?:/?(?:a|b|i|u|s|em|tt|sub|sup|wbr|span|font|code|mark|strong|small|big|ins|del|kbd|samp|var)\b"
    r"[^<>]{0,500}>|!--[^<>]{0,500}-->)",
    re.IGNORECASE | re.DOTALL,
)
# Tags that end a word; where there are no others, as in large tables, there is nothing to take out.
_BLOCKS = ("<t", "</t", "<div", "</div", "<style", "</style", "<p>", "</p>", "<br")
_CONTINUED = re.compile(r"\\\r?\n[ \t]*")

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# What each of four characters must be so that all three bytes are below 128: one in eight of all fours.
_QUAD = "".join(
    "[" + "".join(re.escape(chr(char)) for at, char in enumerate(_BASE64) if not at & bit) + extra + "]"
    for bit, extra in ((32, ""), (8, ""), (2, ""), (0, "_\\-"))
)
_LOOKS_ASCII = re.compile(f"(?:{_QUAD}){{2}}")
_RUNS = bytes(120 if byte in _BASE64 + b"-_" else 32 for byte in range(256))
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})+)\Z")
_MORE_LINES = re.compile(r"(?:[ \t]*\r?\n[ \t]*[A-Za-z0-9+/_-]{2,}={0,2}(?=[ \t]*(?:\r?\n|$|[\"'`])))+")
_LINE_OF_BASE64 = 40
_LONG_RUN = 4096
_PACKED = ("H4sI", "eJ", "eN", "//4")  # gzip, zlib and UTF-16, in base64


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
    for find in _FINDERS:
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
        plain = _INVISIBLE.sub(_tags_read, run)
        # Between ASCII characters: words of other scripts are left as they are.
        beside = text[begin - 1 : begin] > " " or text[end : end + 1] > " "
        if (beside and end - begin <= _LONGEST_FOREIGN) or ord(run[0]) in _WIDE:
            plain = unicodedata.normalize("NFKC", plain).translate(_ALIKE)
        if plain != run:
            edits.append((begin, end, plain))
    return edits


def _beyond_ascii(text: str) -> Iterator[re.Match[str]]:
    """Yield runs of characters that are not ASCII; that a slice has none is told at once."""
    for first in range(0, len(text), _SLICES):
        if text[first : first + _SLICES].isascii():
            continue
        for begin in range(first, min(first + _SLICES, len(text)), _SLICE):
            if not text[begin : begin + _SLICE].isascii():
                yield from _BEYOND_ASCII.finditer(text, begin, min(begin + _SLICE, first + _SLICES))


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
    if "\x1b[" in text:
        edits += ((found.start(), found.end(), "") for found in _COLOUR.finditer(text))
    return _apart(edits)


def _inline(text: str, hint: Hint) -> list[Edit]:
    """Take the tags out of what HTML shows as one word."""
    del hint
    if "</" not in text and "<!--" not in text and "<wbr" not in text:
        return []
    blocks = sum(map(text.count, _BLOCKS)) - text.count("<tt") - text.count("</tt")
    if text.count("<") == blocks:
        return []
    return [(found.start(), found.end(), "") for found in _INLINE.finditer(text)]


def _joined(text: str, hint: Hint) -> list[Edit]:
    """Put strings together that a program would put together."""
    edits: list[Edit] = []
    if hint.kind != "table":
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


def _encoded(text: str, hint: Hint) -> list[Edit]:
    """Decode base64, also of several lines, and hexadecimal, where a text comes out."""
    least = 8 if hint.kind == "config" else 16
    runs = text.encode("ascii" if text.isascii() else "latin-1", "replace").translate(_RUNS)
    needle = b"x" * least
    edits: list[Edit] = []
    begin = runs.find(needle)
    while begin >= 0:
        end = runs.find(b" ", begin)
        end = len(runs) if end < 0 else end
        after = end
        clear = _hex(text[begin:end]) if end - begin >= 16 else None
        if clear is None and begin == 0 and end > _LONG_RUN and not text.startswith(_PACKED):
            # A window may begin within a run: four characters belong together, from the first or a later one.
            begin = next((at for at in range(4) if _LOOKS_ASCII.match(text, at)), 0)
        if clear is None and (_LOOKS_ASCII.match(text, begin) or text.startswith(_PACKED, begin)):
            if end - begin >= _LINE_OF_BASE64 and (more := _MORE_LINES.match(text, end)):
                after = more.end()
            clear = _base64("".join(text[begin:after].split()))
        if clear is not None:
            while text[after : after + 1] == "=":
                after += 1
            edits.append((begin, after, clear))
        begin = runs.find(needle, max(end, after if clear is not None else end))
    return edits


def _hex(token: str) -> str | None:
    found = _HEX.match(token)
    return _as_text(bytes.fromhex(found[1])) if found else None


def _base64(token: str) -> str | None:
    plain = token.rstrip("=").replace("-", "+").replace("_", "/")
    if "=" in plain or len(plain) % 4 == 1:
        plain = plain.split("=", 1)[0]
        plain = plain[: len(plain) - len(plain) % 4]
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        return None
    if data[:3] == b"\x1f\x8b\x08" or data[:1] == b"\x78":
        unpacked = _inflate(data)
        return _as_text(unpacked) if unpacked else _as_text(data)
    return _as_text(data)


def _inflate(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(47).decompress(data, _INFLATED)  # 47: zlib's or gzip's header
    except zlib.error:
        return b""


def _as_text(data: bytes) -> str | None:
    """Return what people would call text, or None."""
    try:
        if data[:2] == b"\xff\xfe" or (len(data) >= 8 and data[1:8:2] == b"\0\0\0\0"[: len(data[1:8:2])]):
            text = data.decode("utf-16-le").lstrip("\ufeff")
        else:
            text = data.decode()
    except UnicodeDecodeError:
        return None
    flat = text.translate(_PRINTED)
    return text if flat.isprintable() and text.strip() else None


_PRINTED = str.maketrans({"\n": " ", "\r": " ", "\t": " ", "\0": " ", "\ufeff": None})


def _apart(edits: list[Edit]) -> list[Edit]:
    """Return the edits in the order of the text, without those that overlap one before."""
    kept: list[Edit] = []
    for edit in sorted(edits):
        if not kept or edit[0] >= kept[-1][1]:
            kept.append(edit)
    return kept


_FINDERS: tuple[Callable[[str, Hint], list[Edit]], ...] = (
    _escapes,
    _percent,
    _entities,
    _unseen,
    _controls,
    _inline,
    _joined,
    _codes,
    _encoded,
)
