"""Texts of markdown as HTML: formulas drawn, code in colours, all else cleaned like any HTML from outside."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections import defaultdict
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import mistune
from mistune.plugins.formatting import strikethrough
from mistune.plugins.table import table
from mistune.plugins.task_lists import task_lists

from . import highlight, mathml
from .pages import attribute, words
from .sanitise import MARKS, cleaned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .notes import Notes

_SPACES = re.compile(r"\s+")
# As Jupyter reads formulas: `$…$` with no blank inside its ends and no digit behind, `$$…$$`, environments.
_INLINE_MATH = r"(?<![\\$])\$(?!\$)(?P<latex_inline>(?=\S)(?:\\.|[^\\$\n`])+?(?<=\S))\$(?![\d$])"
_INLINE_DISPLAY = r"\$\$(?P<latex_display>(?:\\[\s\S]|[^\\$])+?)\$\$"
_BLOCK_MATH = r"^ {0,3}\$\$(?P<latex_block>(?:[^$\\]|\\[\s\S])+?)\$\$[ \t]*$"
_ENVIRONMENT = r"^ {0,3}(?P<latex_environment>\\begin\{(?P<environment>[a-z]+\*?)\})"
_END = re.compile(r"\\end\{([a-z]+\*?)\}")


def as_html(source: str, attachments: Mapping[str, tuple[str, str]], notes: Notes) -> str:
    """Return a text of markdown as clean HTML. `attachments`: name -> (mime, base64)."""
    renderer = _Renderer(source)
    reader = mistune.Markdown(renderer=renderer, plugins=[strikethrough, table, task_lists, _formulas])
    made = str(reader(MARKS.sub("", source)))
    addresses = {name: f"data:{mime};base64,{data}" for name, (mime, data) in attachments.items()}
    made = cleaned(made, notes, addresses, styled=False)
    # Only now, for MathML and colours are our own. A mark can stand in texts alone: the cleaning takes them
    # out of attributes.
    return renderer.put_in(made)


class _Renderer(mistune.HTMLRenderer):
    """Writes HTML, with marks where something of our own is put in later."""

    def __init__(self, source: str) -> None:
        super().__init__(escape=False, allow_harmful_protocols=True)  # addresses are decided by the cleaning
        self._later: list[str] = []
        # Nobody can write the marks of a text in it (as `&#xe000;`), for they name its hash; and the page is
        # the same each time.
        token = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:32]
        self._begin, self._mark = f"\ue000{token}-", re.compile(f"\ue000{token}-([0-9]{{1,7}})\ue001")

    def put_in(self, html: str) -> str:
        """Return a text with what its marks stand for; each is put in once."""
        left: list[str | None] = [*self._later]

        def put(found: re.Match[str]) -> str:
            number = int(found[1])
            made = left[number] if number < len(left) else None
            if made is None:
                return ""
            left[number] = None
            return made

        return self._mark.sub(put, html)

    def later(self, html: str) -> str:
        """Return a mark for this."""
        self._later.append(html)
        return f"{self._begin}{len(self._later) - 1}\ue001"

    def heading(self, text: str, level: int, **_attrs: Any) -> str:
        name = _SPACES.sub("-", unescape(re.sub(r"<[^>]*>", "", self._mark.sub("", text))).strip())
        return f'<h{level} id="h-{attribute(name)}">{text}</h{level}>\n'

    def block_code(self, code: str, info: str | None = None) -> str:
        language = (info or "").split(None, 1)[0].strip("{}.").lower() if info and info.strip() else ""
        return f"<div>{self.later(highlight.block(code.removesuffix(chr(10)), language))}</div>\n"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        del title  # shown by a pointer alone
        if url.lower().startswith("attachment:"):
            url = unquote(url)
        return f'<img src="{attribute(url)}" alt="{attribute(self._mark.sub("", text))}">'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        del title
        return f'<a href="{attribute(url)}">{text}</a>'

    def math_inline(self, latex: str) -> str:
        """Return a formula within a line."""
        return self.later(mathml.made(latex, block=False))

    def math_block(self, latex: str) -> str:
        """Return a formula by itself."""
        return f"<div>{self.later(mathml.made(latex, block=True))}</div>\n"

    def task_list_item(self, text: str, checked: bool = False) -> str:  # noqa: FBT001, FBT002  mistune's
        """Return an item of a list of things to do."""
        begin = "<p>" if text.startswith("<p>") else ""
        return f'<li class="task">{begin}{"☑" if checked else "☐"} {text.removeprefix(begin)}</li>\n'


def _formulas(md: mistune.Markdown) -> None:
    md.inline.register("math_display", _INLINE_DISPLAY, _inline("latex_display"), before="link")
    md.inline.register("math_inline", _INLINE_MATH, _inline("latex_inline"), before="link")
    md.block.register("math_block", _BLOCK_MATH, _block("latex_block"), before="list")
    md.block.register("math_environment", _ENVIRONMENT, _Environments().parse, before="list")
    if md.renderer is not None:
        renderer: Any = md.renderer
        renderer.register("formula", _Renderer.math_inline)
        renderer.register("formula_block", _Renderer.math_block)


def _inline(group: str) -> Callable[[Any, re.Match[str], Any], int]:
    def parse(_reader: Any, found: re.Match[str], state: Any) -> int:
        state.append_token({"type": "formula", "raw": found[group]})
        return found.end()

    return parse


def _block(group: str) -> Callable[[Any, re.Match[str], Any], int]:
    def parse(_reader: Any, found: re.Match[str], state: Any) -> int:
        state.append_token({"type": "formula_block", "raw": found[group]})
        return found.end() + 1

    return parse


class _Environments:
    r"""Reads `\begin{name}` … `\end{name}`; where these end is looked for once in each text."""

    def __init__(self) -> None:
        self._ends: dict[int, tuple[str, defaultdict[str, list[int]]]] = {}

    def parse(self, _reader: Any, found: re.Match[str], state: Any) -> int | None:
        """Take in one; None where it has no end, or something stands behind that."""
        text: str = state.src
        ends = self._ends_in(text)[found["environment"]]
        at = bisect_left(ends, found.end())
        if at == len(ends):
            return None
        end = ends[at] + len(r"\end{}") + len(found["environment"])
        line = text.find("\n", end)
        line = len(text) if line < 0 else line
        if text[end:line].strip(" \t"):
            return None
        state.append_token({"type": "formula_block", "raw": text[found.start("latex_environment") : end]})
        return line + 1

    def _ends_in(self, text: str) -> defaultdict[str, list[int]]:
        # The text is kept beside, so that no other one gets its identity.
        if id(text) not in self._ends:
            ends: defaultdict[str, list[int]] = defaultdict(list)
            for found in _END.finditer(text):
                ends[found[1]].append(found.start())
            self._ends[id(text)] = text, ends
        return self._ends[id(text)][1]


def plain_title(source: str) -> str:
    """Return the first heading of a text of markdown, without marks; "" for none."""
    found = re.search(r"^ {0,3}#{1,2}\s+(.+?)\s*#*\s*$", source, re.MULTILINE)
    text = re.sub(r"<[^>]*>|[*_`$\\]|!?\[([^\]]*)\]\([^)]*\)", r"\1", found[1]) if found else ""
    return words(MARKS.sub("", text).strip())[:200]
