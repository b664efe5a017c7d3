"""What HTML, SVG and JavaScript of a notebook would do in the browser of whoever opens it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import places, toggles
from .values import DANGEROUS, NOTABLE, ORDINARY, Spot

if TYPE_CHECKING:
    from .collect import Collector

_MOST = 2 * 2**20
_SCRIPT = re.compile(r"<\s*script\b", re.IGNORECASE)
_HANDLER = re.compile(r"<[a-z][^<>]{0,2000}?[\s/\"']on[a-z]{3,20}\s*=", re.IGNORECASE)
_RUNS = re.compile(
    r"(?:href|src|action|formaction|xlink:href|data)\s*=\s*[\"']?\s*"
    r"(?:javascript|vbscript|data:text/html)[\s]*[:;,]",
    re.IGNORECASE,
)
_FRAME = re.compile(r"<\s*(iframe|object|embed|applet|frame|portal)\b[^<>]{0,2000}", re.IGNORECASE)
_FORM = re.compile(
    r"<\s*(?:form|input|button)\b[^<>]{0,500}(?:action|formaction|type\s*=\s*[\"']?password)", re.IGNORECASE
)
_META = re.compile(
    r"<\s*(?:meta\b[^<>]{0,300}http-equiv|base\b|link\b[^<>]{0,300}(?:stylesheet|import|prefetch|preload))",
    re.IGNORECASE,
)
_REMOTE = re.compile(
    r"<\s*(?:img|image|video|audio|source|track)\b[^<>]{0,2000}?(?:src|href|srcset|poster)\s*=\s*[\"']?\s*"
    r"((?:https?:)?//[^\s\"'<>]{1,300})",
    re.IGNORECASE,
)
_REMOTE_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?\s*((?:https?:)?//[^\s\"'<>)]{1,300})", re.IGNORECASE)
_REMOTE_SCRIPT = re.compile(
    r"<\s*script\b[^<>]{0,500}?src\s*=\s*[\"']?\s*((?:https?:)?//[^\s\"'<>]{1,300})", re.IGNORECASE
)
_PICTURE = re.compile(
    r"!\[[^\]]{0,300}\]\(\s*<?((?:https?:)?//[^\s)>]{1,300})"
    r"|^\[[^\]]{1,100}\]:\s*((?:https?:)?//\S{1,300})",
    re.MULTILINE,
)
_LINK_RUNS = re.compile(r"\]\(\s*<?\s*(?:javascript|vbscript|data:text/html)\s*:", re.IGNORECASE)
# Script that speaks to Jupyter itself: it runs cells, reads files, takes tokens.
_JUPYTER = re.compile(
    r"kernel\s*(?:\.|\[[\"'])\s*(?:execute|requestExecute)|notebook\s*\.\s*(?:execute|insert|kernel)"
    r"|/api/(?:contents|kernels|terminals|sessions)\b"
    r"|document\s*(?:\.|\[[\"'])\s*cookie|_xsrf|jupyterapp|jupyterlab\b.{0,40}commands|localStorage"
    r"|requestExecute"
    r"|\bJupyter\s*\.\s*notebook|IPython\s*\.\s*notebook|window\s*\.\s*parent|top\s*\.\s*location",
    re.IGNORECASE,
)
_SHOWS = re.compile(r"\b(?:toggle|hide|show)\b")
_BOKEH = re.compile(
    r"cell\.notebook\.kernel\.execute\(cmd_(?:clean|destroy),?|Jupyter\.notebook\.get_cell"
    r"|window\.(?:parent\.)?Jupyter\b"
)


def markup(text: str, spot: Spot, found: Collector) -> None:
    """Note what HTML or SVG would run or load. `spot`: where it stands, each thing told once for it."""
    if len(text) > _MOST:
        found.miss(
            spot, f"has HTML of more than {_MOST >> 20} MiB, of which only the beginning was looked at"
        )
        text = text[:_MOST]
    if "<" not in text and "&" not in text:
        return
    whole = text
    text, is_toggle = toggles.without(text)
    if is_toggle:
        what = "has script in it that only shows and hides parts of what is shown"
        found.add("active", NOTABLE, spot, what, _around(whole, _SHOWS))
    elsewhere = _hosts(_REMOTE_SCRIPT.findall(text))
    if elsewhere:
        found.add("active", NOTABLE, spot, f"loads script from {elsewhere}", _around(text, _REMOTE_SCRIPT))
    if _SCRIPT.search(text):
        script(text, spot, found, "has script in it")
    for pattern, weight, what in (
        (_HANDLER, DANGEROUS, "runs script by an attribute (on…=)"),
        (_RUNS, DANGEROUS, "runs script by an address (javascript:)"),
        (_FORM, NOTABLE, "has a form in it, which sends what one types"),
        (_META, ORDINARY, "loads styles, or leads elsewhere"),
    ):
        if pattern.search(text):
            found.add("active", weight, spot, what, _around(text, pattern))
    if (frame := _FRAME.search(text)) is not None:
        hosts = _hosts(places.addresses_in(frame[0])) or "a page"
        is_local = "srcdoc" in frame[0].lower() or "data:text/html" in frame[0].lower()
        found.add(
            "active",
            ORDINARY if not is_local and "://" in frame[0] else NOTABLE,
            spot,
            f"shows {'a page of its own' if is_local else hosts} in a frame",
            frame[0],
        )
    if hosts := _hosts([*_REMOTE.findall(text), *_REMOTE_STYLE.findall(text)]):
        found.add("active", ORDINARY, spot, f"loads pictures from {hosts}, which learns who opens it", "")


def script(text: str, spot: Spot, found: Collector, what: str = "runs script in the browser") -> None:
    """Note what script would do: to Jupyter itself, or no more than script does."""
    bare = _BOKEH.sub("", text[:_MOST]) if "bokeh" in text[:_MOST] else text[:_MOST]
    if _JUPYTER.search(bare):
        found.add(
            "active",
            DANGEROUS,
            spot,
            "has script that speaks to Jupyter or to its page itself",
            _around(bare, _JUPYTER),
        )
    else:
        found.add("active", NOTABLE, spot, what, _around(text, _SCRIPT))


def bundle(mime: str, text: str, spot: Spot, found: Collector) -> None:
    """Note what a text does that is shown as what it says it is. `mime`: "" where that is not known."""
    if "javascript" in mime or "ecmascript" in mime or (not mime and _JUPYTER.search(text[:_MOST])):
        script(text, spot, found)
    elif mime in {"text/markdown", "text/latex"}:
        markdown(text, spot, found)
    elif mime != "text/plain":
        markup(text, spot, found)


def markdown(text: str, spot: Spot, found: Collector) -> None:
    """Note what a text cell would run or load: HTML in it, pictures from elsewhere."""
    markup(text, spot, found)
    if _LINK_RUNS.search(text):
        found.add("active", DANGEROUS, spot, "has a link that runs script", _around(text, _LINK_RUNS))
    if hosts := _hosts([one or other for one, other in _PICTURE.findall(text)]):
        found.add("active", ORDINARY, spot, f"loads pictures from {hosts}, which learns who opens it", "")


def _hosts(addresses: list[str]) -> str:
    hosts = list(
        dict.fromkeys(
            places.host_of(f"https:{one}" if one.startswith("//") else one) for one in addresses[:200]
        )
    )
    return ", ".join(hosts[:4]) + (" and others" if len(hosts) > 4 else "")


def _around(text: str, pattern: re.Pattern[str]) -> str:
    found = pattern.search(text)
    return "" if found is None else text[max(0, found.start() - 20) : found.start() + 160]
