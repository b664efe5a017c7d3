"""Which language a text is in: by its name, its first line, its words."""

from __future__ import annotations

import ast
import codecs
import re

KINDS = {
    ".py": "python", ".pyw": "python", ".ipy": "python", ".pyi": "python", ".pth": "python", ".r": "r",
    ".rmd": "markdown", ".qmd": "markdown", ".sh": "shell", ".bash": "shell", ".zsh": "shell",
    ".jl": "julia", ".js": "javascript", ".ts": "javascript", ".mjs": "javascript", ".md": "markdown",
    ".markdown": "markdown", ".html": "html", ".htm": "html", ".svg": "html", ".sql": "sql",
    ".scala": "scala", ".rb": "ruby", ".pl": "perl", ".lua": "lua", ".txt": "text", "": "text",
    ".pkl": "pickle", ".pickle": "pickle",
}  # fmt: skip

KERNELS = frozenset({
    "r", "julia", "javascript", "typescript", "deno", "scala", "java", "kotlin", "c", "c++", "c#", "f#",
    "csharp", "fsharp", "ruby", "go", "rust", "perl", "lua", "octave", "matlab", "sas", "stata", "haskell",
    "powershell", "php", "fortran", "ocaml", "swift", "polyglot-notebook", "sos", "wolfram language",
    "mathematica", "racket", "bash", "sh", "zsh", "shell", "calysto_bash",
})  # fmt: skip
"""Languages of kernels. What is none of these may be a name that was made up for code of Python."""


def by_first_line(text: str) -> str:
    """Return the language that the first line of a script names, or ""."""
    first = text[:200].partition("\n")[0]
    if not first.startswith("#!"):
        return ""
    return (
        "python"
        if "python" in first
        else "shell"
        if re.search(r"\b(?:ba|z|da|k)?sh\b", first)
        else "r"
        if "Rscript" in first
        else ""
    )


_CODING = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_PLAIN = frozenset(
    {"utf-8", "utf8", "utf-8-sig", "latin-1", "latin1", "iso-8859-1", "iso8859-1", "ascii", "us-ascii"}
)
_UNDONE = {
    "unicode-escape": "unicode_escape", "raw-unicode-escape": "raw_unicode_escape", "utf-7": "utf-7",
    "utf7": "utf-7", "unicode-1-1-utf-7": "utf-7", "u7": "utf-7",
}  # fmt: skip


def coding(data: bytes) -> str:
    """Return the encoding that the first two lines of a script name for it, where it is not a plain one."""
    for line in re.split(rb"\r\n|\r|\n", data[:4096])[:2]:
        if (found := _CODING.match(line)) is not None:
            name = found[1].decode("ascii", "replace").lower().replace("_", "-")
            return "" if name in _PLAIN else name
    return ""


def recoded(data: bytes, coding: str) -> str:
    """Return a script as Python reads it by its coding, or "" where that is not undone here."""
    if coding in {"rot13", "rot-13"}:
        return codecs.decode(data.decode("utf-8", "replace"), "rot13")
    return data.decode(_UNDONE[coding], "replace") if coding in _UNDONE else ""


def is_python(text: str) -> bool:
    """Tell whether a text of no named kind is Python."""
    return (
        re.search(r"^\s*(?:import \w|from \w[\w.]* import |def \w+\(|[!%]\w)", text, re.MULTILINE) is not None
    )


def looks_like_python(text: str) -> bool:
    """Tell whether a text has words of Python that do something."""
    return (
        re.search(
            r"\b(?:import|from|def|exec|eval|print|lambda|__import__|get_ipython|open|getattr)\b|\w\(", text
        )
        is not None
    )


def is_expression(text: str) -> bool:
    """Tell whether a text is one expression of Python, at most 20,000 characters."""
    if len(text) > 20_000:
        return False
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True
