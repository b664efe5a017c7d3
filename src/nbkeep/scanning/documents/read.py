"""Chooses the reader: by the first bytes of the file, by its name only where text has no other mark."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Limits, Part, Place, Unread

from . import archive, image, markup, notebook, parquet, pdf, strings, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODE = frozenset({
    ".py", ".pyi", ".pyx", ".ipy", ".r", ".rmd", ".qmd", ".sql", ".js", ".jsx", ".mjs", ".ts", ".tsx",
    ".java", ".kt", ".scala", ".sc", ".sh", ".bash", ".zsh", ".fish", ".jl", ".go", ".rs", ".c", ".cc",
    ".cpp", ".cxx", ".h", ".hpp", ".cs", ".rb", ".php", ".pl", ".pm", ".lua", ".ps1", ".psm1", ".bat",
    ".cmd", ".m", ".mat", ".do", ".sas", ".swift", ".dart", ".groovy", ".gradle", ".vb", ".vbs", ".bas",
    ".f90", ".f", ".hs", ".ml", ".ex", ".exs", ".clj", ".erl",
})  # fmt: skip
_CONFIG = frozenset({
    ".env", ".envrc", ".json", ".jsonl", ".ndjson", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf",
    ".config", ".cnf", ".properties", ".netrc", ".npmrc", ".pypirc", ".tf", ".tfvars", ".tfstate",
    ".pgpass", ".htpasswd", ".dockercfg", ".ovpn", ".rdp", ".reg", ".plist", ".credentials", ".lock",
    ".service", ".kubeconfig",
})  # fmt: skip
_CONFIG_NAMES = frozenset({
    "credentials", "config", "kubeconfig", "_netrc", ".boto", ".s3cfg", ".git-credentials",
    ".gitconfig", ".my.cnf", ".odbc.ini", "dockerfile", "authorized_keys", "known_hosts", "hosts",
    ".condarc", ".rprofile", ".renviron", ".bash_history", ".python_history", ".zsh_history",
})  # fmt: skip
_TABLES = frozenset({".csv", ".tsv", ".tab", ".psv"})
_MARKUP = frozenset({".html", ".htm", ".xhtml", ".svg", ".xml"})
_MARKUP_HEADS = ("<!doctype html", "<html", "<svg", "<?xml")


def read(
    data: bytes, name: str, limits: Limits, depth: int = 0, spent: list[int] | None = None
) -> Iterator[Part | Unread]:
    """Yield the texts of a document, and what of it could not be read.

    `name`: what it is called; it decides only what the content does not. `depth`, `spent`: how many archives
    it lies in, and how many bytes were unpacked of the outermost one.
    """
    if not data:
        return
    if image.is_image(data):
        yield from image.read_image(data, limits)
    elif pdf.is_pdf(data):
        yield from pdf.read_pdf(data, limits)
    elif archive.is_archive(data):
        yield from archive.read_archive(data, name, limits, depth, [0] if spent is None else spent, read)
    elif parquet.is_parquet(data):
        yield from parquet.read_parquet(data, limits)
    elif (text := strings.text_of(data)) is not None:
        yield from read_text(text, name, limits)
    else:
        yield from strings.read_strings(data)


def read_text(text: str, name: str, limits: Limits) -> Iterator[Part | Unread]:
    """Yield the parts of a document that is text."""
    path = PurePosixPath(name.replace("\\", "/"))
    kind = path.suffix.lower() or path.name.lower()
    if kind == ".ipynb" or notebook.looks_like_one(text):
        yield from notebook.read_notebook(text, path.name, limits)
    elif kind in _TABLES:
        yield from table.read_table(text, path.name, limits)
    elif (
        kind in _MARKUP
        or text.lstrip()[:15].lower().startswith(_MARKUP_HEADS)
        or (kind_of(path) == "text" and markup.PICTURE.search(text))
    ):
        yield from markup.read_markup(text, Place(), limits, name=path.name)
    else:
        yield Part(text, Hint(kind_of(path), name=path.name))


def kind_of(path: PurePosixPath) -> str:
    """Return what a file of text is, by its name.

    >>> [kind_of(PurePosixPath(name)) for name in ("a/train.py", ".env.local", "notes.txt")]
    ['code', 'config', 'text']
    """
    name, suffix = path.name.lower(), path.suffix.lower()
    if name in _CONFIG_NAMES or suffix in _CONFIG or name in _CONFIG or name.startswith(".env"):
        return "config"
    if suffix in _CODE or name in {"makefile", "jenkinsfile", "rakefile"}:
        return "code"
    return "text"
