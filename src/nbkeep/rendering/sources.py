"""Texts of markdown cells as they leave: without what does not show in them; code in them is left alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .notes import Notes

# A block between fences, or code within a line: neither is HTML.
_CODE = re.compile(
    r"(?:^|(?<=\n))(?P<fence>[ ]{0,3}(?P<mark>`{3,}|~{3,})[^\n]*\n"
    r".*?(?:\n[ ]{0,3}(?P=mark)[`~]*[ \t]*(?=\n|$)|$))"
    r"|(?P<ticks>`+)(?!`)[^`]?.*?(?<!`)(?P=ticks)(?!`)",
    re.DOTALL,
)
_COMMENT = re.compile(r"<!--.*?(?:-->|$)|<!(?!--)[^>]*>|<\?.*?(?:\?>|$)", re.DOTALL)
_BLOCK = re.compile(r"<(script|style|template|noscript|title|iframe|object|svg|math)\b.*?(?:</\1\s*>|$)",
                    re.IGNORECASE | re.DOTALL)  # fmt: skip
_TAG = re.compile(
    r"<(/?)([a-zA-Z][\w-]*)((?:\s+[^\s\"'>/=]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?)*)\s*(/?)>"
)
_ATTRIBUTE = re.compile(r"([^\s\"'>/=]+)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)")
_KEPT = frozenset({"src", "href", "alt", "width", "height", "align", "colspan", "rowspan", "start"})
_SHOWN_TAGS = re.compile(
    r"a|abbr|b|blockquote|br|caption|center|cite|code|dd|del|div|dl|dt|em|figcaption|figure|font|h[1-6]|hr|i|img|ins|kbd|"
    r"li|mark|ol|p|pre|q|s|samp|small|span|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|u|ul|var|details|summary",
    re.IGNORECASE,
)
# A definition of a link: shown by what refers to it, and a well-known way of writing comments.
_DEFINITION = re.compile(r"(?:^|(?<=\n))[ ]{0,3}\[(?!\^)([^\]\n]{1,500})\]:[ \t]*(\S[^\n]*)(?:\n|$)")
_TITLE = re.compile(r"(\]\(\s*(?:<[^>\n]*>|[^\s()<>]*))\s+(?:\"[^\"\n]*\"|'[^'\n]*'|\([^()\n]*\))\s*\)")


def shown(source: str, notes: Notes) -> str:
    """Return a text of markdown without comments, unused definitions and the attributes of raw HTML."""
    if "<" not in source and "]:" not in source and "](" not in source:
        return source
    made: list[str] = []
    at = 0
    for found in _CODE.finditer(source):
        made += [_cleaned(source[at : found.start()], source, notes), found[0]]
        at = found.end()
    made.append(_cleaned(source[at:], source, notes))
    return "".join(made)


def _cleaned(text: str, whole: str, notes: Notes) -> str:
    if "<" in text:
        text, comments = _COMMENT.subn("", text)
        text, blocks = _BLOCK.subn("", text)
        if comments + blocks:
            notes.add("comments", comments + blocks)
        text = _TAG.sub(_tag, text)
    if "]:" in text:
        text = _DEFINITION.sub(lambda found: _definition(found, whole, notes), text)
    return _TITLE.sub(r"\1)", text) if "](" in text else text


def _tag(found: re.Match[str]) -> str:
    closing, name, said, end = found.groups()
    if not _SHOWN_TAGS.fullmatch(name):
        return ""
    kept = [f"{key}={value}" for key, value in _ATTRIBUTE.findall(said) if key.lower() in _KEPT]
    return f"<{closing}{' '.join([name, *kept])}{end}>"


def _definition(found: re.Match[str], whole: str, notes: Notes) -> str:
    label, target = found[1], found[2].split()[0]
    used = len(re.findall(re.escape(f"[{label}]"), whole, re.IGNORECASE)) > 1
    if not used:
        notes.add("comments")
        return ""
    return f"[{label}]: {target}\n"
