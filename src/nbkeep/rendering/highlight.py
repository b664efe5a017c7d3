"""Code in colours: the words of a language in `span`s, whose classes the page's style sheet knows."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .terminal import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 200_000
# Kinds of tokens by the beginning of their name in Pygments: the first that fits.
_CLASSES = (
    ("Token.Comment", "c"), ("Token.Keyword", "k"), ("Token.Literal.String", "s"),
    ("Token.Literal.Number", "n"),
    ("Token.Name.Function", "f"), ("Token.Name.Class", "f"), ("Token.Name.Builtin", "b"),
    ("Token.Name.Decorator", "d"), ("Token.Name.Namespace", "m"), ("Token.Operator.Word", "k"),
    ("Token.Name.Tag", "k"), ("Token.Name.Attribute", "d"), ("Token.Operator", "o"),
    ("Token.Generic.Heading", "f"), ("Token.Generic.Deleted", "d"), ("Token.Generic.Inserted", "s"),
)  # fmt: skip
# Words that are no language of their own, or not what Pygments calls it.
_SAME = {
    "python3": "python",
    "ipython": "python",
    "ipython3": "python",
    "py": "python",
    "c++11": "c++",
    "c++17": "c++",
}


def block(code: str, language: str) -> str:
    """Return code as HTML, in colours where the language is known. Raises nothing for any text."""
    return f"<pre>{_coloured(code, language)}</pre>"


def _coloured(code: str, language: str) -> str:
    lexer = _lexer(_SAME.get(language, language)) if language and len(code) <= _LONGEST else None
    if lexer is None:
        return safe(code)
    made: list[str] = []
    for name, text in _joined(lexer, code):
        made.append(f'<span class="{name}">{safe(text)}</span>' if name else safe(text))
    return "".join(made)


def _joined(lexer: Any, code: str) -> Iterator[tuple[str, str]]:
    """Yield the class and text of each stretch of one kind."""
    last, texts = "", list[str]()
    for kind, text in lexer.get_tokens(code):
        name = _class(kind)
        if name != last and text.strip():
            if texts:
                yield last, "".join(texts)
            last, texts = name, []
        texts.append(text)
    if texts:
        yield last, "".join(texts)


@cache
def _class(kind: Any) -> str:
    said = str(kind)
    return next((name for begin, name in _CLASSES if said.startswith(begin)), "")


@cache
def _lexer(language: str) -> Any:
    options = {"stripnl": False, "ensurenl": False}
    if language == "python":  # without the list of all languages
        module: Any = import_module("pygments.lexers.python")
        return module.PythonLexer(**options)
    lexers: Any = import_module("pygments.lexers")  # slow
    try:
        return lexers.get_lexer_by_name(language, **options)
    except lexers.ClassNotFound:
        return None


def language_of(path: str) -> str:
    """Return the language of a file by its name, as Pygments calls it; "" for none."""
    lexers: Any = import_module("pygments.lexers")
    found = lexers.find_lexer_class_for_filename(path)
    return str(found.aliases[0]) if found is not None and found.aliases else ""
