"""Styles of documents: declarations of an allow-list, with values that load nothing and cover nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROPERTIES = frozenset({
    "background", "background-color", "border", "border-bottom", "border-bottom-color", "border-collapse",
    "border-color", "border-left", "border-right", "border-spacing", "border-style", "border-top",
    "border-width",
    "caption-side", "color", "font-family", "font-style", "font-variant", "font-weight", "height",
    "list-style-type",
    "max-width", "min-width", "padding", "padding-bottom", "padding-left", "padding-right", "padding-top",
    "text-align", "text-decoration", "text-transform", "vertical-align", "white-space", "width", "word-break",
})  # fmt: skip
"""No position, display, visibility, opacity, size of letters, margin: nothing that hides or covers."""
_FUNCTIONS = frozenset({"rgb", "rgba", "hsl", "hsla", "linear-gradient"})
_VALUE = re.compile(r"[-+#%.,()\w\s'\"/]{1,400}")
_CALL = re.compile(r"([\w-]*)\s*\(")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(px|pt|em|rem|ex|ch|cm|mm|in|pc|vw|vh|vmin|vmax|q)?\b", re.IGNORECASE)
_HEX = re.compile(r"#[0-9a-fA-F]{3,8}\b")
_EXPONENT = re.compile(r"\d[eE][-+\d]")
_LETTERS = frozenset({"em", "rem", "ex", "ch", "cm", "in", "pc", "vw", "vh", "vmin", "vmax"})
_MOST_SIZE, _MOST_ROOM = (2000, 100), (60, 4)  # in small units, and in large ones
_SIZES = frozenset({"height", "width", "max-width", "min-width"})
_BEGIN = re.compile(r"<style\b[^<>]*>", re.IGNORECASE)
_END = re.compile(r"</style\s*>", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
# As pandas writes them for a styled table: its own id, and names of cells, rows or classes below it.
_SELECTOR = re.compile(r"#T_[0-9A-Za-z_]{1,80}(?:\s+[a-z]{1,10}){0,3}(?:\.[a-z_]{1,20}\d{0,6}){0,2}")
_MOST_CSS = 4 * 2**20


def declarations(text: str) -> str:
    """Return the allowed declarations of a `style`, "" for none.

    >>> declarations("color: red; position: fixed; background: url(http://x/)")
    'color:red'
    """
    kept: list[str] = []
    for one in text.split(";")[:60]:
        name, _, value = one.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name in PROPERTIES and _is_safe(name, value):
            kept.append(f"{name}:{value}")
    return ";".join(kept)


def _is_safe(name: str, value: str) -> bool:
    if not _VALUE.fullmatch(value) or value.count("(") != value.count(")"):
        return False
    if value.count('"') % 2 or value.count("'") % 2 or "--" in value:
        return False
    if any(call.lower() not in _FUNCTIONS for call in _CALL.findall(value)):
        return False
    if _EXPONENT.search(value):
        return False
    most = _MOST_SIZE if name in _SIZES else _MOST_ROOM if name.startswith(("padding", "border")) else None
    lengths = _LENGTH.findall(_HEX.sub("", value))
    # What is as large as the page would cover it.
    return most is None or all(float(number) <= most[unit.lower() in _LETTERS] for number, unit in lengths)


def sheet(html: str) -> str:
    """Return the rules about a styled table of pandas that a piece of HTML brings, made anew; "" for none."""
    rules: list[str] = []
    for block in _blocks(html):
        if len(block) > _MOST_CSS:
            continue
        for selectors, body in _rules(_COMMENT.sub("", block)):
            names = [" ".join(one.split()) for one in selectors.split(",")]
            said = declarations(body)
            if said and all(_SELECTOR.fullmatch(one) for one in names):
                rules.append(f"{','.join(names)}{{{said}}}")
    return "".join(rules)


def _blocks(html: str) -> Iterator[str]:
    """Yield what stands in `<style>`; what has no end is looked for once."""
    at = 0
    while (begin := _BEGIN.search(html, at)) and (end := _END.search(html, begin.end())):
        yield html[begin.end() : end.start()]
        at = end.end()


def _rules(text: str) -> Iterator[tuple[str, str]]:
    """Yield the selectors and the declarations of each rule."""
    for piece in text.split("}")[:-1]:
        head, has_body, body = piece.rpartition("{")
        if has_body:
            yield head.rpartition("{")[2], body
