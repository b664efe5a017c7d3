"""Files that tools leave behind, with values that people took out of what they work with long ago.

Pure: files and findings in, a verdict out. What is deleted, and whether, is decided by who asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from .values import Finding

_CACHES = frozenset({
    "__pycache__", ".cache", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".ipynb_cache", ".jupyter_cache",
    ".virtual_documents", ".sass-cache",
})  # fmt: skip
_TRASH = ".local/share/Trash/"
_EXPORTS = (".slides.html", ".html", ".htm", ".pdf", ".tex", ".rst")
"""What nbconvert makes of a notebook, and nobody writes. Not scripts and Markdown: those may be sources."""
# Copies of what a policy did not let be saved: nobody works with these. See examining/quarantine.py.
_QUARANTINE, _NOT_SAVED = ".nbkeep/quarantine/", ".not-saved-"
_BACKUPS = ("~", ".bak", ".orig", ".swp", ".swo", ".tmp", ".old")


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that a tool left behind, or that git keeps. `of`: the file that people work with, "" if none.

    `kind`: "checkpoint", "export", "backup", "cache", "trash", "quarantine" or "history" (with its `commit`).
    `removed`: findings whose values are in no file that people work with; `present`: the others.
    """

    path: str
    kind: str
    of: str
    removed: tuple[Finding, ...]
    present: tuple[Finding, ...]
    commit: str = ""

    @property
    def may_go(self) -> bool:
        """Whether deleting it takes away only what its author took out already."""
        return self.kind != "history" and bool(self.removed)


def kind_of(path: str, paths: Collection[str]) -> tuple[str, str] | None:
    """Return what kind of leftover a file is and of which file, or None for what people work with.

    `paths`: all files there are.

    >>> kind_of("a/.ipynb_checkpoints/b-checkpoint.ipynb", {"a/b.ipynb"})
    ('checkpoint', 'a/b.ipynb')
    >>> kind_of("a/b.html", {"a/b.ipynb"}), kind_of("a/b.html", {"a/c.ipynb"}), kind_of("b.py", {"b.ipynb"})
    (('export', 'a/b.ipynb'), None, None)
    """
    at = PurePosixPath(path)
    folders = at.parts[:-1]
    if ".ipynb_checkpoints" in folders:
        beside = at.parent.parent / at.name.replace("-checkpoint", "")
        return "checkpoint", str(beside) if str(beside) in paths else ""
    if f"/{_TRASH}" in f"/{path}" or any(one == ".Trash" or one.startswith(".Trash-") for one in folders):
        return "trash", ""
    if f"/{_QUARANTINE}" in f"/{path}" or at.name.startswith(_NOT_SAVED):
        return "quarantine", ""
    if _CACHES.intersection(folders) or path.endswith(".ipython/profile_default/history.sqlite"):
        return "cache", ""
    for suffix in _EXPORTS:
        if at.name.lower().endswith(suffix):
            notebook = str(at.parent / f"{at.name[: -len(suffix)]}.ipynb")
            if notebook in paths:
                return "export", notebook
    for suffix in _BACKUPS:
        if at.name.endswith(suffix) and len(at.name) > len(suffix):
            of = str(at.parent / at.name.removesuffix(suffix).removeprefix("."))
            return "backup", of if of in paths else ""
    return None


def leftovers(paths: Iterable[str], findings: Sequence[Finding]) -> list[Leftover]:
    """Return the leftovers with findings, of all files below one place and of git's history, by path.

    Values are compared by `Finding.same`, so all findings are to be of one run.
    """
    all_paths = frozenset(paths)
    by_file: dict[tuple[str, str], list[Finding]] = {}
    living: set[str] = set()
    kinds: dict[str, tuple[str, str] | None] = {}
    for one in findings:
        if one.path not in kinds:
            kinds[one.path] = kind_of(one.path, all_paths)
        if not one.commit and kinds[one.path] is None:
            living.add(one.same)
        else:
            by_file.setdefault((one.path, one.commit), []).append(one)
    found: list[Leftover] = []
    for (path, commit), of_file in by_file.items():
        kind, of = ("history", path if path in all_paths else "") if commit else kinds[path] or ("", "")
        removed = tuple(one for one in of_file if one.same not in living)
        present = tuple(one for one in of_file if one.same in living)
        if removed or not commit:  # what people work with is in git, too
            found.append(Leftover(path, kind, of, removed, present, commit))
    return sorted(found, key=lambda one: (one.kind == "history", one.path, one.commit))
