"""What its reader does not see of a text: signs without width, turned directions, look-alikes."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from .ipython import BREAK_IN_CODE
from .values import DANGEROUS, NOTABLE, Spot

if TYPE_CHECKING:
    from .collect import Collector

_TURNED = "has signs that turn the direction of writing: it is not run as it reads"
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Without those that belong to emoji and to scripts that need them, and without a mark at the very beginning.
_UNSEEN = re.compile(
    "[\u00ad\u180e\u200b\u200c\u200e\u200f\u2060-\u2064\u206a-\u206f\u3164\uffa0\ufeff\u115f\u1160"
    "\U000e0000-\U000e007f]"
)
_JOINER = re.compile(r"(?<=[\x21-\x7e])[\u200d\ufe00-\ufe0f]|[\U000e0100-\U000e01ef]{3,}|[\ufe00-\ufe0f]{3,}")
_FAR = re.compile(r"\S[^\n]*?[ \t]{100,}\S")
_FAR_BEGIN = re.compile(r"^[ \t]{200,}\S", re.MULTILINE)
_LONG_LINE = 3_000
_BLANKS = re.compile(r"\n(?:[ \t]*\n){80,}[ \t]*\S")
_WORD = re.compile(r"[^\W\d]\w*")
_STRINGS = re.compile(
    r"(\"\"\"|''')(?:\\.|(?!\1).)*?\1|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|#[^\n]*", re.DOTALL
)
_MOST = 2 * 2**20


def look(text: str, spot: Spot, found: Collector, *, is_code: bool) -> None:
    """Note what cannot be seen of a text as it is shown. `is_code`: whether it is run."""
    if len(text) > _MOST:
        text = text[:_MOST]
    if not text.isascii():
        _signs(text, spot, found, is_code=is_code)
    if not is_code:
        return
    _breaks(text, spot, found)
    for pattern, what in (
        (_FAR, "has code behind a hundred blanks, far to the right"),
        (_FAR_BEGIN, "has code behind two hundred blanks, far to the right"),
        (_BLANKS, "has code below eighty empty lines"),
    ):
        seen = pattern.search(text) if " " * 100 in text or "\t" * 20 in text or pattern is _BLANKS else None
        if seen is not None:
            found.add(
                "hidden",
                DANGEROUS if pattern is not _BLANKS else NOTABLE,
                _line(text, seen.end() - 1, spot),
                what,
                text[seen.end() - 1 : seen.end() + 150].partition("\n")[0],
            )
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _LONG_LINE and not _is_data(line):
            found.add(
                "hidden",
                NOTABLE,
                replace(spot, line=number),
                f"has a line of {len(line):,} characters",
                line[:100],
            )


def _breaks(text: str, spot: Spot, found: Collector) -> None:
    """Note where IPython begins a line and its reader sees none: in code, or right before a command."""
    if BREAK_IN_CODE.search(text) is None:
        return
    bare = _STRINGS.sub(lambda one: " " * len(one[0]), text)
    for seen in BREAK_IN_CODE.finditer(text):
        if BREAK_IN_CODE.match(bare, seen.start()) or text[seen.end() : seen.end() + 40].lstrip()[:1] in "%!":
            what = "begins a line for IPython where none is seen"
            found.add("hidden", DANGEROUS, _line(text, seen.start(), spot), what, text[seen.end() :][:150])
            return


def _is_data(line: str) -> bool:
    """Tell whether a long line is numbers and short texts, as tables written into code are."""
    sample = line[:6000]
    return sum(sample.count(one) for one in ",0123456789[] '\"") > len(sample) * 0.5


def _signs(text: str, spot: Spot, found: Collector, *, is_code: bool) -> None:
    bare = _STRINGS.sub(lambda one: " " * len(one[0]), text) if is_code else ""
    for pattern, what, heavy in (
        (_TURNS, _TURNED, DANGEROUS if is_code else NOTABLE),
        (_UNSEEN, "has signs that nobody sees", NOTABLE),
        (_JOINER, "has signs that nobody sees", NOTABLE),
    ):
        seen = pattern.search(text, 1 if text.startswith("\ufeff") else 0)
        if seen is None:
            continue
        in_code = pattern.search(bare, 1 if bare.startswith("\ufeff") else 0) if is_code else None
        count = len(pattern.findall(text))
        weight = DANGEROUS if in_code is not None or (is_code and count > 40) else heavy
        name = unicodedata.name(seen[0][0], "a sign without a name").lower()
        if weight == NOTABLE and not is_code and count < 20:
            continue  # texts that were copied from pages have some
        found.add(
            "hidden", weight, _line(text, (in_code or seen).start(), spot), f"{what} ({count:,}: {name} …)"
        )
    if is_code:
        for word in _WORD.finditer(bare):
            if not word[0].isascii() and _is_mixed(word[0]):
                plain = unicodedata.normalize("NFKC", word[0])
                weight, tail = (
                    (DANGEROUS, f", which Python reads as {plain}") if plain.isascii() else (NOTABLE, "")
                )
                what = f"has a name in letters that look like others: {word[0]}{tail}"
                found.add("hidden", weight, _line(text, word.start(), spot), what)


def _is_mixed(word: str) -> bool:
    r"""Tell whether a name mixes ASCII with letters of Cyrillic that look alike, or is styled.

    >>> _is_mixed("gr\u00f6sse"), _is_mixed("p\u0440int"), _is_mixed("\u03c3")
    (False, True, False)
    """
    if unicodedata.normalize("NFKC", word).isascii() and len(word) > 2:
        return True
    has_latin = any("a" <= one.lower() <= "z" for one in word)
    scripts = {
        name.split(" ")[0]
        for one in word
        if one.isalpha() and not one.isascii() and (name := unicodedata.name(one, ""))
    }
    return has_latin and "CYRILLIC" in scripts and len(word) > 2


def _line(text: str, at: int, spot: Spot) -> Spot:
    return replace(spot, line=text.count("\n", 0, at) + 1)
