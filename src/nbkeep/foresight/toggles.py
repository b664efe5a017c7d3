"""Script that does nothing but show and hide parts of a page: the "code toggle" that many notebooks have.

Only what is known word by word is taken for one; all else stays the script that it is.
"""

from __future__ import annotations

import re

_BLOCK = re.compile(
    r"<script(?:\s+type\s*=\s*[\"']text/javascript[\"'])?\s*>([^<]{0,5000})</script\s*>", re.IGNORECASE
)
_HANDLER = re.compile(r"\bon[a-z]{3,20}\s*=\s*(?:\"([^\"<>]{0,1000})\"|'([^'<>]{0,1000})')", re.IGNORECASE)
_ADDRESS = re.compile(
    r"\b(?:href|action|formaction)\s*=\s*(?:\"\s*javascript:([^\"<>]{0,1000})\"|'\s*javascript:([^'<>]{0,1000})')",
    re.IGNORECASE,
)
_STRING = re.compile(r"\"[^\"\n\\]*\"|'[^'\n\\]*'")
# No address, no markup, nothing that could be read as script.
_PLAIN = re.compile(r"(?:[\w\s.,#>*?!-]|:(?:visible|hidden|first|last)\b)*")
_REST = re.compile(r"<\s*script\b(?![^<>]{0,500}\bsrc\s*=)", re.IGNORECASE)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_OWN = re.compile(r"(?:\bfunction\s+|(?<![\w$.])(?=[\w$]+\s*=(?!=)))([A-Za-z_][\w]*)")
_WORDS = frozenset({
    "function", "if", "else", "var", "let", "const", "true", "false", "return", "void", "document", "ready",
    "jQuery", "$", "hide", "show", "toggle", "slideToggle", "fadeToggle", "fadeIn", "fadeOut", "val", "this",
    "find", "next", "parent", "parents", "closest", "siblings", "children", "is",
})  # fmt: skip
# Names of the page itself: what gives them something leads elsewhere.
_OF_THE_PAGE = frozenset(
    {"location", "name", "status", "opener", "top", "parent", "self", "window", "frames", "document"}
)
_SIGNS = frozenset("(){};=!.,\n\t &|?:0123456789")


def without(text: str) -> tuple[str, bool]:
    """Return HTML without script that only shows and hides, and whether there was any.

    >>> without("<a href='javascript:t()'>x</a><script>function t() { $('div.input').toggle() }</script>")
    ('<a >x</a>', True)
    >>> without("<script>function t() { $('div.input').hide(); fetch('/api') }</script>")[1]
    False
    """
    if not any(one in text for one in ("toggle", "hide(", "show(")):
        return text, False
    scripts = [next((part for part in one.groups() if part is not None), "")
               for pattern in (_BLOCK, _HANDLER, _ADDRESS) for one in pattern.finditer(text)]  # fmt: skip
    # All of it together: what is defined in one place is called in another.
    if not scripts or not _only_shows("\n;".join(scripts)):
        return text, False
    bare = text
    for pattern in (_BLOCK, _HANDLER, _ADDRESS):
        bare = pattern.sub("", bare)
    # Script that is not read here may change what all of it does.
    return (text, False) if _REST.search(bare) else (bare, True)


def _only_shows(script: str) -> bool:
    """Tell whether each string, word and sign of script is one of those that show and hide."""
    strings = _STRING.findall(script)
    if not all(_PLAIN.fullmatch(one[1:-1]) for one in strings):
        return False
    bare = _COMMENT.sub(" ", _STRING.sub(" ", script))
    own = set(_OWN.findall(bare))
    if own & _OF_THE_PAGE or any(one.startswith("on") for one in own):
        return False
    words = set(_WORD.findall(bare))
    return words <= _WORDS | own and set(_WORD.sub("", bare)) <= _SIGNS
