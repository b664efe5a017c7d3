"""Drawings (SVG) written anew: shapes and texts of an allow-list; shown as pictures, never part of a page."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.parsers import expat

from nbkeep.scanning.documents.strings import without_surrogates

from . import pictures
from .pages import attribute, words

if TYPE_CHECKING:
    from collections.abc import Callable

_ELEMENTS = frozenset({
    "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan",
    "textPath",
    "defs", "clipPath", "mask", "linearGradient", "radialGradient", "stop", "use", "symbol", "marker",
    "pattern",
    "image", "style",
})  # fmt: skip
# Gone with all that is in them; what stands in any other unknown element is kept without it.
_DROPPED = frozenset({"script", "foreignObject", "metadata", "title", "desc", "animate", "set", "iframe",
                      "audio", "video", "filter", "animateTransform",
                      "animateMotion", "handler", "listener"})  # fmt: skip
_ATTRIBUTES = frozenset({
    "alignment-baseline", "baseline-shift", "clip-path", "clip-rule", "clipPathUnits", "color", "cx", "cy",
    "d",
    "dominant-baseline", "dx", "dy", "fill", "fill-opacity", "fill-rule", "font-family", "font-size",
    "font-style",
    "font-weight", "fx", "fy", "gradientTransform", "gradientUnits", "height", "letter-spacing", "marker-end",
    "marker-mid", "marker-start", "markerHeight", "markerUnits", "markerWidth", "mask", "maskUnits", "offset",
    "opacity", "orient", "overflow", "paint-order", "patternTransform", "patternUnits", "points",
    "preserveAspectRatio", "r", "refX", "refY", "rotate", "rx", "ry", "shape-rendering", "spreadMethod",
    "stop-color", "stop-opacity", "stroke", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap",
    "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width", "text-anchor",
    "text-decoration",
    "textLength", "transform", "vector-effect", "viewBox", "width", "writing-mode", "x", "x1", "x2", "y",
    "y1", "y2",
    "id", "class",
})  # fmt: skip
_URL = re.compile(r"url\s*\(\s*['\"]?(?!#)", re.IGNORECASE)
_HIDES = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))", re.IGNORECASE)
_LOCAL = re.compile(r"#[\w.:-]{1,200}")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_DATA = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,", re.IGNORECASE)
_MOST_ELEMENTS = 200_000
_MOST_CHARACTERS = 20 * 2**20
_DEEPEST = 100


class _NoDrawing(ValueError):
    """What stands there is no SVG that can be made anew."""


def renewed(text: str) -> str | None:
    """Return a drawing with what is allowed of it; None for what is none. The same for the same drawing."""
    if len(text) > _MOST_CHARACTERS:
        return None
    writer = _Writer()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = writer.doctype
    parser.EntityDeclHandler = writer.entity
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.text
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        # The declaration may name another encoding; this is text already.
        parser.Parse(re.sub(r"\A\s*<\?xml[^>]*\?>", "", text).encode(), True)
    except (expat.ExpatError, _NoDrawing, RecursionError, UnicodeError):
        return None
    return writer.made()


def from_address(address: str) -> str | None:
    """Return the drawing that an address `data:image/svg+xml…` holds, made anew; None for what is none."""
    head, _, body = address.partition(",")
    if not head.lower().startswith("data:image/svg+xml"):
        return None
    try:
        text = base64.b64decode(body + "==").decode() if head.lower().endswith(";base64") else unquote(body)
    except ValueError:
        return None
    return renewed(without_surrogates(text))


def as_address(drawing: str) -> str:
    """Return a drawing as the address of a picture: as such, browsers run and load nothing that is in it."""
    return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode("ascii")


class _Writer:
    """Takes what expat reads, and writes what is allowed of it."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._open: list[str] = []  # "" for an element that is not written, but whose content is
        self._dropping = 0
        self._count = 0
        self._style: list[str] | None = None

    def made(self) -> str | None:
        return "".join(self._out) if self._out else None

    def doctype(self, _name: str, _system: str | None, _public: str | None, has_subset: bool) -> None:  # noqa: FBT001  expat's
        if has_subset:
            raise _NoDrawing("declares entities")

    def entity(self, *_what: object) -> None:
        raise _NoDrawing("declares entities")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        namespace, _, local = name.rpartition(" ")
        is_svg = namespace in {"", "http://www.w3.org/2000/svg"}
        if self._count > _MOST_ELEMENTS or len(self._open) > _DEEPEST:
            raise _NoDrawing("is too large")
        if self._count == 1 and not (is_svg and local == "svg"):
            raise _NoDrawing("is no svg")
        if self._dropping or not is_svg or local in _DROPPED or _is_hidden(attributes):
            self._dropping += 1
            return
        if local not in _ELEMENTS:
            self._open.append("")
            return
        self._open.append(local)
        if local == "style":
            self._style = []
            return
        said = "".join(self._attributes(local, attributes))
        if self._count == 1:
            said = f' xmlns="http://www.w3.org/2000/svg"{said}'
        self._out.append(f"<{local}{said}>")

    def end(self, _name: str) -> None:
        if self._dropping:
            self._dropping -= 1
            return
        local = self._open.pop()
        if local == "style":
            rules, self._style = "".join(self._style or ()), None
            if (kept := _sheet(rules)) is not None:
                self._out.append(f"<style>{words(kept)}</style>")
        elif local:
            self._out.append(f"</{local}>")

    def text(self, text: str) -> None:
        if self._dropping:
            return
        if self._style is not None:
            self._style.append(text)
        elif not text.strip():
            self._out.append(" " if text and "\n" not in text else "\n")
        elif "text" in self._open:
            self._out.append(words(text))

    def _attributes(self, local: str, attributes: dict[str, str]) -> list[str]:
        made: list[str] = []
        for name, value in sorted(attributes.items()):
            namespace, _, bare = name.rpartition(" ")
            if bare == "href" and namespace in {"", "http://www.w3.org/1999/xlink"}:
                link = _LINKED[local](value) if local in _LINKED else None
                if link and not any(one.startswith(" href=") for one in made):
                    made.append(f' href="{attribute(link)}"')
            elif (bare in _ATTRIBUTES and not namespace and _is_safe(value)) or (
                bare == "style" and not namespace and _is_safe(value)
            ):
                made.append(f' {bare}="{attribute(value)}"')
        return made


def _is_safe(value: str) -> bool:
    return not _URL.search(value) and "\\" not in value and "@" not in value and "/*" not in value


def _is_hidden(attributes: dict[str, str]) -> bool:
    if attributes.get("display") == "none" or attributes.get("visibility") in {"hidden", "collapse"}:
        return True
    return _HIDES.search(attributes.get("style", "")) is not None


def _sheet(rules: str) -> str | None:
    rules = _COMMENT.sub("", rules)
    return rules if _is_safe(rules) and "<" not in rules and not _HIDES.search(rules) else None


def _local(value: str) -> str | None:
    return value if _LOCAL.fullmatch(value) else None


def _picture(value: str) -> str | None:
    found = _DATA.match(value)
    made = pictures.renewed(value[found.end() :]) if found else None
    return f"data:{made[0]};base64,{made[1]}" if made else None


# What may refer to something, and to what: its own parts, or a picture that it brings along.
_LINKED: dict[str, Callable[[str], str | None]] = {
    "use": _local, "linearGradient": _local, "radialGradient": _local, "pattern": _local, "textPath": _local,
    "image": _picture,
}  # fmt: skip
