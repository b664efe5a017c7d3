r"""Formulas: LaTeX as MathML, which browsers draw themselves; what cannot be read is shown as it was written.

latex2mathml hands some texts on unescaped (`\text{<img …>}`) and makes links of `\href`. What it returns is
therefore parsed, and only the elements and attributes of an allow-list are written anew.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import lru_cache

from .pages import attribute, words

_ELEMENTS = frozenset({
    "math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom",
    "mprescripts",
    "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext",
    "mtr",
    "munder", "munderover", "none",
})  # fmt: skip
_ATTRIBUTES = frozenset({
    "accent", "accentunder", "columnalign", "columnlines", "columnspacing", "display", "displaystyle",
    "fence", "form",
    "largeop", "linebreak", "linethickness", "mathcolor", "mathvariant", "maxsize", "minsize",
    "movablelimits",
    "notation", "rowlines", "rowspacing", "scriptlevel", "separator", "stretchy", "symmetric",
})  # fmt: skip
_VALUE = re.compile(r"[\w.#%+\- ]{1,40}")
_LONGEST = 4000
_NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"


@lru_cache(maxsize=512)
def made(latex: str, *, block: bool) -> str:
    """Return a formula as HTML; the formula's source as code where it cannot be read. Raises nothing."""
    latex = latex.strip()
    shown = _converted(latex, block=block) if len(latex) <= _LONGEST else None
    if shown is None:
        mark = "$$" if block else "$"
        source = f'<code class="formula">{words(mark + latex + mark)}</code>'
        return f"<p>{source}</p>" if block else source
    return f'<div class="formula">{shown}</div>' if block else shown


def of_output(text: str) -> str:
    """Return an output of LaTeX as HTML."""
    bare = text.strip()
    for mark in ("$$", "$"):
        if len(bare) > 2 * len(mark) and bare.startswith(mark) and bare.endswith(mark):
            return made(re.sub(r"^\\displaystyle\s*", "", bare[len(mark) : -len(mark)].strip()), block=True)
    if bare.startswith("\\[") and bare.endswith("\\]"):
        return made(bare[2:-2], block=True)
    return made(bare, block=True) if bare.startswith("\\begin{") else f"<pre>{words(text)}</pre>"


def _converted(latex: str, *, block: bool) -> str | None:
    from latex2mathml import converter  # noqa: PLC0415  most documents have no formulas

    try:
        root = ET.fromstring(converter.convert(latex, display="block" if block else "inline"))  # noqa: S314  made by us
        return _written(root)
    except Exception:  # noqa: BLE001  it raises anything at all for what it cannot read
        return None


def _written(element: ET.Element) -> str:
    name = element.tag.removeprefix(_NAMESPACE)
    if name not in _ELEMENTS:
        raise ValueError(name)
    said = "".join(f' {key}="{attribute(value)}"' for key, value in sorted(element.attrib.items())
                   if key in _ATTRIBUTES and _VALUE.fullmatch(value))  # fmt: skip
    inner = words(element.text or "") + "".join(_written(one) + words(one.tail or "") for one in element)
    return f"<{name}{said}>{inner}</{name}>"
