"""HTML of outputs and of texts, cleaned by nh3 (a real HTML parser, which writes anew what it understood).

What is left can neither run nor load anything, nor lie over the page: no script, no frame, no form, no
address but those of links, pictures only as `data:` and only made anew, styles by an allow-list. What was
hidden by a style or an attribute is shown: both are gone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import nh3

from . import css, pictures, svg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .notes import Notes

_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup", "dd",
    "del", "dfn",
    "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img",
    "ins",
    "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub",
    "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
# Gone with what is in them. HTML parsers disagree about SVG and MathML (mutation XSS): none is written.
_GONE = {
    "applet", "audio", "base", "button", "canvas", "embed", "frame", "frameset", "head", "iframe", "input",
    "link", "math", "meta", "noembed", "noframes", "noscript", "object", "option", "plaintext", "script",
    "select",
    "style", "svg", "template", "textarea", "title", "video", "xmp",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"style", "class", "align", "dir", "id"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "col": {"span"},
    "colgroup": {"span"},
    "ol": {"start"},
    "li": {"value"},
}
_SCHEMES = {"http", "https", "mailto", "data", "attachment"}
_CLASS = re.compile(
    r"(?:dataframe|data|blank|index_name|(?:row|col|column)_(?:heading|trim)|(?:level|row|col)\d{1,5}|task|gone)"
)
_IDENTITY = re.compile(r"T_[0-9A-Za-z_]{1,100}|h-[^\s\"'<>&]{1,200}")
_WITHIN = re.compile(r"#[^\s\"'<>&]{1,200}")
_NUMBER = re.compile(r"\d{1,5}")
_WORD = re.compile(r"[a-z]{1,10}")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s\"'<>`\\]{1,2000}", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,", re.IGNORECASE)
# A picture without an address, as nh3 writes it: ">" stands in no attribute.
_BARE = re.compile(r"<img(?![^>]* src=)([^>]*)>")
_COMMENT = re.compile(r"<!--")
# Stand in a text for what is put in after it was cleaned: see markdown.py.
MARKS = re.compile("[\ue000\ue001]")
_MOST_CHARACTERS = 8 * 2**20


def cleaned(
    html: str, notes: Notes, attached: Mapping[str, str] | None = None, *, styled: bool = True
) -> str:
    """Return what is allowed of a piece of HTML. Cleaning it again changes nothing.

    `attached`: addresses (`data:`) of pictures that the text calls `attachment:NAME`. `styled`: whether the
    style sheet of a table comes along.
    """
    if len(html) > _MOST_CHARACTERS:
        html = html[:_MOST_CHARACTERS]
        notes.add("long")
    comments = len(_COMMENT.findall(html))
    if comments:
        notes.add("comments", comments)
    rules = css.sheet(html) if styled and "<style" in html.lower() else ""
    made = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES,
        attribute_filter=_Filter(notes, attached or {}),
        url_schemes=_SCHEMES,
        url_relative=lambda address: address if _WITHIN.fullmatch(address) else None,
        link_rel="noopener noreferrer",
        strip_comments=True,
    )
    made = _BARE.sub(lambda found: _gone(found[1]), made)
    return f"<style>{rules}</style>\n{made.lstrip(chr(10))}" if rules else made


def _link(address: str) -> str | None:
    if _WITHIN.fullmatch(address):
        return address if address.startswith("#h-") else f"#h-{address[1:]}"
    return address if _LINK.fullmatch(address) else None


def _gone(attributes: str) -> str:
    """Return what stands where a picture was."""
    alt = re.search(r' alt="([^"]+)"', attributes)
    return f'<span class="gone">picture not included{f": {alt[1]}" if alt else ""}</span>'


def shows_nothing(html: str) -> bool:
    """Return whether nobody would see anything of a piece of cleaned HTML."""
    html = re.sub(r'<span class="gone">[^<]*</span>', "", html)
    return not nh3.clean(html, tags={"img", "hr"}, clean_content_tags={"style"}, attributes={}).strip()


class _Filter:
    """Decides about each attribute that nh3 lets through. None takes it away."""

    def __init__(self, notes: Notes, attached: Mapping[str, str]) -> None:
        self._notes, self._attached = notes, attached

    def __call__(self, tag: str, name: str, value: str) -> str | None:
        try:
            return self._decided(tag, name, MARKS.sub("", value))
        except Exception:  # noqa: BLE001  nh3 would keep the attribute as it is, and go on
            return None

    def _decided(self, tag: str, name: str, value: str) -> str | None:
        match name:
            case "style":
                return css.declarations(value) or None
            case "class":
                return " ".join(one for one in value.split()[:20] if _CLASS.fullmatch(one)) or None
            case "id":
                return value if _IDENTITY.fullmatch(value) else None
            case "src":
                return self._picture(value) if tag == "img" else None
            case "href":
                return _link(value)
            case "alt":
                return value[:1000]
            case "rel":
                return "noopener noreferrer"
            case "align" | "dir" | "scope":
                return value if _WORD.fullmatch(value.lower()) else None
            case "colspan" | "rowspan" | "span" | "start" | "value" | "width" | "height":
                return value if _NUMBER.fullmatch(value) else None
            case _:
                return None

    def _picture(self, address: str) -> str | None:
        address = address.strip()
        if address.lower().startswith("attachment:"):
            return self._attached.get(address.partition(":")[2])
        found = _PICTURE.match(address)
        if found:
            made = pictures.renewed(address[found.end() :])
            if made is None:
                self._notes.add("pictures")
            return f"data:{made[0]};base64,{made[1]}" if made else None
        if drawing := svg.from_address(address):
            return svg.as_address(drawing)
        self._notes.add("remote")
        return None
