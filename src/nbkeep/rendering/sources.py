"""Texts of markdown cells as they leave: without what does not show in them; code in them is left alone."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape
from typing import TYPE_CHECKING

from . import fences

if TYPE_CHECKING:
    from collections.abc import Callable

    from .notes import Notes

_COMMENT = re.compile(r"<!--|<!(?!--)[^<>]*>|<\?")
_BLOCK = re.compile(r"<(script|style|template|noscript|title|iframe|object|svg|math)\b", re.IGNORECASE)
_TAG = re.compile(
    r"<(/?)([a-zA-Z][\w-]*)((?:\s+[^\s\"'>/=<]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>]+))?)*)\s*(/?)>"
    # A link by itself, or where a link leads to; and what another reader might take for a tag.
    r"|<(?:(?:https?://|mailto:)[^\s<>\"'`\\]+|[\w.+-]+@[\w.-]+"
    r"|data:image/(?:png|jpe?g|gif|webp);base64,[\w+/=]+)>|<(?=[a-zA-Z/!?<])"
)
_ATTRIBUTE = re.compile(r"([^\s\"'>/=]+)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+)")
_KEPT = frozenset({"alt", "width", "height", "align", "colspan", "rowspan", "start"})
_ADDRESSES = {
    "a": re.compile(r"(?:https?://|mailto:|#)", re.IGNORECASE),
    "img": re.compile(r"(?:attachment:|data:image/(?:png|jpe?g|gif|webp)[;,])", re.IGNORECASE),
}
_SHOWN_TAGS = re.compile(
    r"a|abbr|b|blockquote|br|caption|center|cite|code|dd|del|div|dl|dt|em|figcaption|figure|font|h[1-6]|hr|i|img|ins|kbd|"
    r"li|mark|ol|p|pre|q|s|samp|small|span|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|u|ul|var|details|summary",
    re.IGNORECASE,
)
# A definition of a link: shown by what refers to it, and a well-known way of writing comments.
_DEFINITION = re.compile(r"(?:^|(?<=\n))[ ]{0,3}\[(?!\^)([^\]\n]{1,500})\]:[ \t]*(\S[^\n]*)(?:\n|$)")
_LABEL = re.compile(r"\[([^\[\]\n]{1,500})\]")
_TITLE = re.compile(
    r"(\]\(\s*+(?:<[^<>\n]{0,2000}>|[^\s()<>]++))\s+(?:\"[^\"\n]*\"|'[^'\n]*'|\([^()\n]*\))\s*\)"
)
# A picture as markdown writes it. Of one that the document does not hold itself, the link stays.
_PICTURE = re.compile(
    r"(\\*)!(?=\[)(\[((?:[^\[\]\\\n]|\\.){0,2000})\](?:\(\s*+<?([^\s<>)]{0,20})|\[([^\[\]\n]{0,500})\])?)?"
)
_HELD = re.compile(r"attachment:|data:image/", re.IGNORECASE)
# Where a link leads to: behind its text, or in a definition with nothing but a title behind it.
_TARGET = re.compile(r"(\]\(\s*+)(<[^<>\n]*+>|(?!<)(?:[^\s()]|\([^\s()]*\))++)")
_DEFINED = re.compile(
    r"(^[ \t>*+\d.)-]*\[([^\]\n]{1,500})\]:[ \t]*\n?[ \t]*)(<[^<>\n]*>|(?!<)\S+)"
    r"(?=\s*(?:$|[ \t\n](?:\"[^\"]*\"|'[^']*'|\([^()]*\))[ \t]*$))",
    re.MULTILINE,
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_LEADING = frozenset({"http", "https", "mailto", "ftp", "attachment"})
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_UNSEEN_BY_BROWSERS = re.compile(r"[\x00-\x20]")


def shown(source: str, notes: Notes) -> str:
    """Return a text of markdown without comments, unused definitions and the attributes of raw HTML.

    Nothing in it is fetched from elsewhere when it is shown: pictures that lie elsewhere are links. Links
    that run something (`javascript:`) or lead to a file of the reader's lead nowhere.
    """
    if "<" not in source and "]:" not in source and "](" not in source and "![" not in source:
        return source
    made: list[str] = []
    at = 0
    labels = Counter(one.lower() for one in _LABEL.findall(source)) if "]:" in source else Counter[str]()
    held = _held(source) if "![" in source else frozenset[str]()
    for begin, end in fences.code_in(source):
        made += [_cleaned(source[at:begin], labels, held, notes), source[begin:end]]
        at = end
    made.append(_cleaned(source[at:], labels, held, notes))
    return "".join(made)


def _cleaned(text: str, labels: Counter[str], held: frozenset[str], notes: Notes) -> str:
    if "<" in text:
        text, comments = _without(text, _COMMENT, _end_of_comment)
        text, blocks = _without(text, _BLOCK, _end_of_block)
        if comments + blocks:
            notes.add("comments", comments + blocks)
        text = _TAG.sub(lambda found: _tag(found, notes), text)
    if "]:" in text:
        text = _DEFINITION.sub(lambda found: _definition(found, labels, notes), text)
    if "](" in text:
        text = _TITLE.sub(r"\1)", text)
        text = _TARGET.sub(lambda found: _led(found, notes), text)
    if "]:" in text:
        text = _DEFINED.sub(lambda found: _led(found, notes), text)
    return _PICTURE.sub(lambda found: _picture(found, held, notes), text) if "![" in text else text


def _held(source: str) -> frozenset[str]:
    """Return the labels of pictures that the text holds itself, wherever each of them is defined."""
    if "]:" not in source:
        return frozenset()
    defined = [
        (found[2].lower(), bool(_HELD.match(found[3].strip("<")))) for found in _DEFINED.finditer(source)
    ]
    return frozenset(label for label, _ in defined) - {label for label, is_held in defined if not is_held}


def _led(found: re.Match[str], notes: Notes) -> str:
    """Return where a link leads to; "#" where a browser would run it, or open a file of the reader's."""
    address = _UNSEEN_BY_BROWSERS.sub("", _ESCAPED.sub(r"\1", unescape(found[found.re.groups].strip("<>"))))
    scheme = _SCHEME.match(address)
    if scheme is None or scheme[1].lower() in _LEADING or _HELD.match(address):
        return found[0]
    notes.add("links")
    return f"{found[1]}#"


def _picture(found: re.Match[str], held: frozenset[str], notes: Notes) -> str:
    marks, whole, text, target, label = found.groups()
    if len(marks) % 2:  # an escaped "!", and a link
        return found[0]
    if (target and _HELD.match(target)) or (target is None and (label or text or "").lower() in held):
        return found[0]
    if target is None and label is None:  # perhaps a picture: "!" is no mark of one then
        return f"{marks}\\!{whole or ''}"
    notes.add("remote")
    return f"{marks}{whole}" if text else f"{marks}[picture{whole[1:]}"


def _without(text: str, begins: re.Pattern[str], end_of: Callable[[re.Match[str]], int]) -> tuple[str, int]:
    """Return a text without what begins so, up to where it ends, and how often there was such a thing."""
    kept: list[str] = []
    done = 0
    while found := begins.search(text, done):
        kept.append(text[done : found.start()])
        done = end_of(found)
    return "".join([*kept, text[done:]]), len(kept)


def _end_of_comment(found: re.Match[str]) -> int:
    if found[0].endswith(">"):
        return found.end()
    closing = "-->" if found[0] == "<!--" else "?>"
    at = found.string.find(closing, found.end())
    return at + len(closing) if at >= 0 else len(found.string)


def _end_of_block(found: re.Match[str]) -> int:
    closing = re.compile(rf"</{found[1]}\s*>", re.IGNORECASE).search(found.string, found.end())
    return closing.end() if closing else len(found.string)


def _tag(found: re.Match[str], notes: Notes) -> str:
    closing, name, said, end = found.groups()
    if not name:
        # A blank makes it a sign, in words, in formulas and in code alike.
        return found[0] if len(found[0]) > 1 else "< "
    if not _SHOWN_TAGS.fullmatch(name):
        return ""
    kept = [f"{key}={value}" for key, value in _ATTRIBUTE.findall(said) if _is_kept(name, key, value, notes)]
    return f"<{closing}{' '.join([name, *kept])}{end}>"


def _is_kept(name: str, key: str, value: str, notes: Notes) -> bool:
    if key.lower() not in {"src", "href"}:
        return key.lower() in _KEPT
    allowed = _ADDRESSES.get(name.lower())
    if (
        allowed
        and (key.lower() == "href") == (name.lower() == "a")
        and allowed.match(value.strip("\"' \t\r\n"))
    ):
        return True
    if name.lower() == "img":
        notes.add("remote")
    return False


def _definition(found: re.Match[str], labels: Counter[str], notes: Notes) -> str:
    label, target = found[1], found[2].split()[0]
    if labels[label.lower()] < 2:  # itself, and what refers to it
        notes.add("comments")
        return ""
    return f"[{label}]: {target}\n"
