"""Where code stands in a text of markdown, in time that grows with the text.

In doubt it is none: what is no code is cleaned, so code may lose a tag, and HTML never passes for code.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUN = re.compile(r"`+|~{3,}")
_BLANK = re.compile(r"^[ \t]*$", re.MULTILINE)
# What begins a block of HTML (CommonMark 4.6), which goes on to the next blank line and knows no code.
_HTML = re.compile(
    r"^[ ]{0,3}<(?:[!?]|/?(?:address|article|aside|blockquote|body|center|dd|details|dialog|dir|div|dl|dt|"
    r"fieldset|figcaption|figure|footer|form|h[1-6]|header|hr|html|li|main|menu|nav|ol|p|pre|script|section|"
    r"style|summary|table|tbody|td|textarea|tfoot|th|thead|title|tr|ul)(?=[\s/>]|$)|[^\n]*>[ \t]*$)",
    re.MULTILINE | re.IGNORECASE,
)
# Lines that may begin something else, so that code within a paragraph ends before them: it was none then.
_BREAK = re.compile(r"^[ \t]*(?:$|[#>*+=_|~`<:-]|\d{1,9}[.)])", re.MULTILINE)
# Below the head of a table; a "|" ends a cell there, and code with it.
_TABLE = re.compile(r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*\|", re.MULTILINE)
_MOST_INDENT = 40
_INDENTED_CODE = 4


def code_in(text: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where code stands: between fences, and within lines."""
    runs = list(_RUN.finditer(text))
    if not runs:
        return
    starts: defaultdict[str, list[int]] = defaultdict(list)
    for run in runs:
        starts[run[0]].append(run.start())
    blanks = [found.start() for found in _BLANK.finditer(text)]
    breaks = [found.start() for found in _BREAK.finditer(text)]
    has_tables = _TABLE.search(text) is not None
    html = [found.start() for found in _HTML.finditer(text)]
    done = 0
    for run in runs:
        begin = run.start()
        if begin < done:
            continue
        paragraph = max(done, blanks[at - 1] if (at := bisect_right(blanks, begin)) else 0)
        if bisect_left(html, paragraph) < bisect_right(html, begin):
            continue
        end = _fenced(text, run) or _within(run, starts[run[0]], breaks)
        if end and has_tables and "\n" not in text[begin:end] and "|" in text[begin:end]:
            continue
        if end:
            yield begin, end
            done = end


def _fenced(text: str, run: re.Match[str]) -> int:
    """Return where a block ends that a run of marks begins; 0 where it begins none."""
    begin, marks = run.start(), run[0]
    line = text.rfind("\n", max(0, begin - _MOST_INDENT), begin) + 1
    indent = begin - line
    if len(marks) < 3 or indent > _MOST_INDENT or text[line:begin].strip(" "):
        return 0
    head = text.find("\n", run.end())
    if head < 0 or (marks[0] == "`" and "`" in text[run.end() : head]):
        return 0
    room = f"{{0,{_INDENTED_CODE - 1}}}" if indent < _INDENTED_CODE else "*"
    closing = re.compile(rf"\n[ ]{room}{marks[0]}{{{len(marks)},}}[ \t]*(?=\n|$)").search(text, head)
    end = closing.end() if closing else len(text)
    # In a list a block may stand further in. Elsewhere such lines are code all the same, and others are none.
    if indent >= _INDENTED_CODE and any(
        one.strip() and not one.startswith(" " * _INDENTED_CODE) for one in text[head:end].split("\n")
    ):
        return 0
    return end


def _within(run: re.Match[str], same: list[int], breaks: list[int]) -> int:
    """Return where code within a paragraph ends: at the next run of as many marks; 0 for none."""
    begin = run.start()
    if run[0][0] != "`" or run.string[max(0, begin - 1) : begin] == "\\":
        return 0
    at = bisect_right(same, begin)
    if at == len(same) or bisect_right(breaks, begin) < bisect_right(breaks, same[at]):
        return 0
    return same[at] + len(run[0])
