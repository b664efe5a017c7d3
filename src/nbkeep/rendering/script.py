"""A notebook as a script in its own language: code and texts in cells ("percent" format), never an output."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .book import Book, Cell

# Language: file suffix, how a comment begins.
_LANGUAGES = {
    "python": (".py", "#"), "r": (".r", "#"), "julia": (".jl", "#"),
    "bash": (".sh", "#"), "ruby": (".rb", "#"),
    "octave": (".m", "%"), "matlab": (".m", "%"), "scala": (".scala", "//"), "java": (".java", "//"),
    "javascript": (".js", "//"), "typescript": (".ts", "//"), "c++": (".cpp", "//"), "c": (".c", "//"),
    "rust": (".rs", "//"), "go": (".go", "//"), "kotlin": (".kt", "//"), "c#": (".cs", "//"),
    "sql": (".sql", "--"),
    "haskell": (".hs", "--"), "lua": (".lua", "--"),
}  # fmt: skip
_MAGIC = re.compile(r"\s*(?:%|!|\?[\w*]|[\w.]+\?{1,2}\s*$)")


def suffix(language: str) -> str:
    """Return how the name of a script ends."""
    return _LANGUAGES.get(language, (".txt", "#"))[0]


def of_book(book: Book) -> bytes:
    """Return a notebook as a script. What IPython alone understands (magics, `!commands`) is in comments."""
    _, mark = _LANGUAGES.get(book.language, (".txt", "#"))
    made = [_cell(one, mark, is_python=book.language == "python") for one in book.cells]
    return "\n".join(one for one in made if one).encode()


def _cell(one: Cell, mark: str, *, is_python: bool) -> str:
    if one.kind != "code":
        kind = "markdown" if one.kind == "markdown" else "raw"
        return f"{mark} %% [{kind}]\n" + _commented(one.source, mark)
    if not one.source:
        return ""
    if is_python and one.source.lstrip().startswith("%%"):
        return f"{mark} %%\n" + _commented(one.source, mark)
    lines = one.source.split("\n")
    if is_python:
        lines = [f"{mark} {line}" if _MAGIC.match(line) and not _continues(lines, at) else line
                 for at, line in enumerate(lines)]  # fmt: skip
    return f"{mark} %%\n" + "\n".join(lines) + "\n"


def _continues(lines: list[str], at: int) -> bool:
    """Return whether a line goes on with those before: "% 2" there is no magic."""
    before = "\n".join(lines[:at])
    is_open = sum(before.count(one) for one in "([{") > sum(before.count(one) for one in ")]}")
    in_text = before.count('"""') % 2 or before.count("'''") % 2
    return bool(is_open or in_text or before.endswith("\\"))


def _commented(text: str, mark: str) -> str:
    return "".join(f"{mark} {line}".rstrip() + "\n" for line in text.splitlines())
