"""Joins the parts: reads a document cell by cell and says what it would do if it were run, and shown."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.rendering import hiding
from nbkeep.scanning.documents import notebook as notebooks
from nbkeep.scanning.documents.strings import text_of

from . import active, cells, decoding, hidden, ipython, shell, words
from .collect import Collector
from .commands import Commands
from .constants import Constants
from .languages import KERNELS, KINDS, by_first_line, coding, is_python, looks_like_python, recoded
from .names import Names
from .naming import name_all
from .programs import Inner
from .python import PythonLooker
from .values import DANGEROUS, NOTABLE, ORDINARY, Foreseen, Spot, by_weight

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 64 * 2**20
_MOST_PARSED, _MOST_PARSED_OF_ALL = 2**20, 12 * 2**20
_MOST_OUTPUTS = 500
_FOR_NOTHING = "Jupyter gives nothing for that"
_SHELL_KERNELS = frozenset({"bash", "sh", "zsh", "shell", "calysto_bash"})
_MARKUP = frozenset({"html", "markdown", "text", "plain", "plaintext", "xml", "svg", "json", "yaml", "raw"})
# Modules that do something, in a pickle; of Python's own functions, those that only make values.
_ACTING = frozenset({
    "os", "posix", "nt", "subprocess", "builtins", "__builtin__", "sys", "runpy", "pty", "socket", "shutil",
    "importlib", "webbrowser", "ctypes", "code", "pip", "commands",
})  # fmt: skip
_CALM_BUILTINS = frozenset({
    "builtins.set", "builtins.frozenset", "builtins.slice", "builtins.complex", "builtins.object",
    "builtins.range", "builtins.bytearray",
})  # fmt: skip
_FENCED = {"py": "python", "sh": "shell", "bash": "shell", "console": "shell", "ipython": "python"}
_FENCE = re.compile(
    r"^[ ]{0,3}(?:```|~~~)\s*\{?\s*([A-Za-z]+)[^\n]*\n(.*?)^[ ]{0,3}(?:```|~~~)", re.MULTILINE | re.DOTALL
)
_OF_A_SHELL = re.compile(r"\b(?:curl|wget|bash|sh|chmod|rm|sudo|nc|crontab|python3?)\s+\S")


def foresee(data: bytes, name: str) -> Foreseen:
    """Return what a notebook or script would do if it were run. Raises nothing for any content.

    `name`: its file name, for its kind where its content does not tell. To be called where a crash, and the
    time and memory of a hostile document, hurt nobody: see job.py.
    """
    if len(data) > LARGEST:
        return Foreseen(problem=f"The document is larger than {LARGEST >> 20} MiB.")
    warnings.simplefilter("ignore")  # of Python's parser, about what it parses
    return _Looker().document(data, name)


@dataclass
class _Looker:
    found: Collector = field(default_factory=Collector)
    constants: Constants = field(default_factory=lambda: Constants(Names()))
    parsed: int = 0
    commands: Commands = field(init=False)
    _pending: list[tuple[ast.AST, str, Spot]] = field(default_factory=list[tuple[ast.AST, str, Spot]])
    _commands: list[tuple[ipython.Command, Spot]] = field(default_factory=list[tuple[ipython.Command, Spot]])
    _seen: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def __post_init__(self) -> None:
        self.commands = Commands(self, self.found, self.constants, KINDS)

    def magic(self, name: str, arguments: str, body: str | None, spot: Spot) -> None:
        """Read a command of IPython that is called as a function."""
        self.commands.magic(name, arguments, body, spot)

    def document(self, data: bytes, name: str) -> Foreseen:
        """Return what a document would do."""
        suffix = PurePosixPath(name).suffix.lower()
        text = text_of(data)
        if suffix == ".ipynb" or (
            text is not None
            and notebooks.looks_like_one(text[:400_000])
            and suffix not in {".py", ".sh", ".r"}
        ):
            return self._notebook(data)
        if (made := decoding.pickled(data)) is not None and text is None:
            self.payload(data, Spot(), "pickle")
            return self._done("pickle", 0)
        if text is None or suffix not in KINDS:
            kind = decoding.program(data) or "no text"
            return Foreseen(
                problem=f"The document is {kind}, and no notebook or script that can be read here."
                if made is None
                else ""
            )
        kind = KINDS[suffix]
        kind = by_first_line(text) or ("python" if kind == "text" and is_python(text) else kind)
        hidden.look(text, Spot(), self.found, is_code=kind not in {"markdown", "html", "text"})
        self.source(text, Spot(line=1), kind)
        if kind == "python" and (name := coding(data)):
            what = f"is read by Python in another encoding than it is shown in ({name})"
            self.found.add("hidden", DANGEROUS, Spot(line=1), what)
            self.python(recoded(data, name), Spot(within=(name,)))
        self._finish()
        return self._done(kind, 0)

    def _done(self, language: str, count: int) -> Foreseen:
        if self.constants.is_exhausted:
            self.found.miss(Spot(), "makes more of its texts while it runs than was worked out")
        for spot, what, code in self.found.trail.told():
            self.found.add("network", DANGEROUS, spot, what, code)
        missed = list(self.found.missed.values())
        return Foreseen(by_weight(list(self.found.acts.values())), missed, language, count)

    def _notebook(self, data: bytes) -> Foreseen:
        try:
            book = cells.read(data)
        except cells.NoNotebook as error:
            self.found.miss(Spot(), f"{error}; it was looked through by words", partly=False)
            text = text_of(data) or ""
            words.look(text.replace("\\n", "\n").replace('\\"', '"'), Spot(line=0), self.found, self.payload)
            active.markup(text, Spot(part="file"), self.found)
            return self._done("", 0)
        if book.is_ambiguous:
            what = "has a key twice in its JSON: readers disagree about what is in it"
            self.found.add("trust", DANGEROUS, Spot(part="metadata"), what)
        if book.count > cells.MOST_CELLS:
            what = f"has more than {cells.MOST_CELLS:,} cells: the rest was not looked at"
            self.found.miss(Spot(), what, partly=False)
        self._metadata(book)
        if book.others and "python" in (book.language, *book.others):
            named = " and ".join((book.language, *book.others))
            what = f"names {named} as the language of its code: it is not run as it is shown"
            self.found.add("trust", DANGEROUS, Spot(part="metadata"), what)
        folds = hiding.Folds()
        for cell in book.cells:
            self._cell(cell, book, folds)
        self._finish()
        return self._done(book.language, book.count)

    def _metadata(self, book: cells.Notebook) -> None:
        spot = Spot(part="metadata")
        for key, said in (("trusted", "trusted"), ("signature", "signed")):
            if book.metadata.get(key):
                self.found.add("trust", NOTABLE, spot, f"says of itself that it is {said}: {_FOR_NOTHING}")
        kernel: Any = book.metadata.get("kernelspec")
        if is_object(kernel) and ("argv" in kernel or "env" in kernel):
            self.found.add("trust", NOTABLE, spot, "says how its kernel is to be started")
        if any(one in book.metadata for one in ("papermill", "jupytext", "voila", "nbconvert", "extensions")):
            self.found.add("trust", ORDINARY, spot, "has settings for other programs")
        for text in _texts_in(book.metadata.get("widgets")):
            active.markup(text, Spot(part="widgets"), self.found)
        if hiding.of_notebook(book.metadata):
            self.found.add("hidden", NOTABLE, spot, "hides the code of all its cells")

    def _cell(self, cell: cells.Cell, book: cells.Notebook, folds: hiding.Folds) -> None:
        self._of_cell(cell, folds)
        for text in cell.sources:
            self._source_of(cell, text, book)
        for number, output in enumerate(cell.outputs[:_MOST_OUTPUTS], 1):
            self._output(output, cell.number, number)
        for text in _texts_in(cell.attachments):
            active.markup(text, Spot(cell.number, 0, "attachment"), self.found)

    def _of_cell(self, cell: cells.Cell, folds: hiding.Folds) -> None:
        """Look at what a cell says of itself."""
        spot, metadata = Spot(cell.number, 1), Spot(cell.number, 0, "metadata")
        source = cell.sources[0] if cell.sources else ""
        if len(cell.sources) > 1:
            self.found.add("trust", DANGEROUS, spot, "is written twice: readers disagree about what is in it")
        if cell.is_odd:
            self.found.miss(spot, "is no cell that can be read", partly=False)
        if cell.metadata.get("trusted"):
            what = f"says of itself that it is trusted: {_FOR_NOTHING}"
            self.found.add("trust", ORDINARY, metadata, what)
        is_folded = folds.has(cell.kind, source[:100_000], cell.metadata)
        hides = hiding.of_cell(cell.metadata, source[:100_000]) & {hiding.CELL, hiding.SOURCE}
        if (is_folded or hides) and cell.kind == "code" and source.strip():
            what = "is hidden from whoever opens the notebook"
            self.found.add("hidden", NOTABLE, metadata, what, source[:120])

    def _source_of(self, cell: cells.Cell, text: str, book: cells.Notebook) -> None:
        spot = Spot(cell.number, 1)
        hidden.look(text, spot, self.found, is_code=cell.kind != "markdown")
        if cell.kind in {"markdown", "raw"}:
            active.markdown(text, spot, self.found)
            if cell.kind == "raw":
                self._raw(text, spot)
        else:
            for language in (book.language, *book.others):
                if language in _SHELL_KERNELS:
                    self.shell(text, spot)
                else:
                    self.source(text, spot, language)
            if "python" not in (book.language, *book.others) and book.language not in KERNELS:
                self._take(text, spot, is_sure=book.language in _MARKUP)

    def _raw(self, text: str, spot: Spot) -> None:
        """Look at a raw cell as the text that it is: it is not run, until somebody makes it code."""
        inner = Collector()
        words.look(text, spot, inner, _unheard)
        if any(one.weight == DANGEROUS for one in inner.acts.values()):
            self.found.add(
                "hidden",
                NOTABLE,
                spot,
                "has code in a raw cell, which is not run unless somebody makes it code",
                text[:150],
            )

    def _output(self, output: dict[str, Any], cell: int, number: int) -> None:
        for mime, text in cells.shown(output):
            spot = Spot(cell, 0, f"output {number} {mime}")
            if mime in {"text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/xml"}:
                active.markup(text, spot, self.found)
            elif mime in {"text/markdown", "text/latex"}:
                active.markdown(text, spot, self.found)
            elif "javascript" in mime or "ecmascript" in mime:
                active.script(text, spot, self.found)
            elif mime.startswith("application/vnd.") and ("<script" in text or "onerror=" in text):
                active.markup(text, spot, self.found)

    def source(self, text: str, spot: Spot, language: str) -> None:
        """Read a text as code of a language."""
        way = self._languages.get(language)
        if way is not None:
            way(self, text, spot)
            return
        if language not in {"r", "sql"}:
            self.found.miss(spot, f"is {language[:30]}, which is only looked through by words")
        words.look(text, spot, self.found, self.payload, self.shell)

    def _markdown(self, text: str, spot: Spot) -> None:
        active.markdown(text, Spot(spot.cell, 1), self.found)
        for fence in _FENCE.finditer(text):
            language = _FENCED.get(fence[1].lower(), fence[1].lower())
            below = replace(spot, line=spot.line + text.count("\n", 0, fence.start(2)))
            self.source(fence[2], below, language if language not in {"markdown", "text"} else "other")

    def _html(self, text: str, spot: Spot) -> None:
        active.markup(text, Spot(spot.cell, 0), self.found)

    def _javascript(self, text: str, spot: Spot) -> None:
        active.script(text, spot, self.found)
        words.look(text, spot, self.found, self.payload)

    # What stands in what: each of these may lead to the others.

    def _take(self, text: str, spot: Spot, *, is_sure: bool = True) -> None:
        """Read a cell of Python; it is looked at once all names of the document are known.

        `is_sure`: that it is Python; else nothing is said where it is none.
        """
        code, commands = ipython.split(text) if len(text) <= 4 * _MOST_PARSED else (text, [])
        for one in commands:
            at = replace(spot, line=spot.line + one.line - 1) if not spot.within else spot
            self._commands.append((one, at))
        if code.strip():
            tree = self._parse(code, spot, is_sure=is_sure)
            if tree is not None:
                name_all(tree, self.constants)
                self._pending.append((tree, code, spot))

    def _parse(self, code: str, spot: Spot, *, is_sure: bool = True) -> ast.AST | None:
        """Return the tree of Python, or None: then it was looked through by words, and that is said."""
        if len(code) > _MOST_PARSED or self.parsed + len(code) > _MOST_PARSED_OF_ALL:
            why = "is too long to be read as Python"
        else:
            self.parsed += len(code)
            try:
                return ast.parse(code)
            except SyntaxError as error:
                why = f"is no Python that can be read (line {(error.lineno or 1) + spot.line - 1})"
            except (ValueError, RecursionError, MemoryError, OverflowError):
                why = "is nested too deeply, or has signs in it that Python does not read"
        if is_sure and (not spot.within or spot.within[-1] in {"exec", "eval", "run_cell"}):
            self.found.miss(spot, f"{why}; it was looked through by words")
        words.look(code, spot, self.found, self.payload)
        return None

    def _finish(self) -> None:
        """Look at all that was read, and at what comes out of it, until nothing more comes."""
        self.constants.fix()
        while self._pending or self._commands:
            pending, self._pending = self._pending, []
            commands, self._commands = self._commands, []
            for tree, code, spot in pending:
                PythonLooker(self.constants, self.found, self, code, spot).look(tree)
            for command, spot in commands:
                self.commands.read(command, spot)

    def python(self, text: str, spot: Spot) -> None:
        """Read a text as Python."""
        if self._is_new("python", text, spot):
            self._take(text, spot)

    def cell(self, text: str, spot: Spot) -> None:
        """Read a text as a cell of IPython."""
        self.python(text, spot)

    def shell(self, text: str, spot: Spot) -> None:
        """Read a text as lines for a shell."""
        if self._is_new("shell", text, spot):
            shell.look(text, spot, self.found, self._inner)

    def _shell_in_shell(self, text: str, spot: Spot, depth: int) -> None:
        shell.look(text, spot, self.found, self._inner, depth)

    @property
    def _inner(self) -> Inner:
        return Inner(self._python_of_shell, self.payload, self._shell_in_shell)

    def _python_of_shell(self, text: str, spot: Spot) -> None:
        self.python(text, replace(spot, within=(*spot.within, "python -c")[:12]))

    def markup(self, text: str, spot: Spot) -> None:
        """Read HTML that is shown."""
        active.markup(text, spot, self.found)

    def script(self, text: str, spot: Spot) -> None:
        """Read JavaScript that is run in the browser."""
        active.script(text, spot, self.found)

    def bundle(self, mime: str, text: str, spot: Spot) -> None:
        """Read a text that is shown as what it says it is."""
        active.bundle(mime, text, spot, self.found)

    def payload(self, data: bytes, spot: Spot, how: str) -> None:
        """Read bytes that were hidden, and what is hidden in them."""
        here = self.found.deeper(spot, how, len(data)) if how not in spot.within[-1:] else spot
        if here is None or not self._is_new("payload", data[:4096].hex(), here):
            return
        inner = decoding.packed(data)
        if inner is not None:
            self.payload(inner[1], here, inner[0])
            return
        if program := decoding.program(data):
            self.found.add("payload", DANGEROUS, here, f"has {program} in it")
            return
        if decoding.is_data(data):
            return
        if (loaded := decoding.pickled(data)) is not None:
            self._pickle(loaded, here)
            return
        text = decoding.as_text(data)
        if text is None or len(text.strip()) < 6:
            return
        if (again := decoding.literal(text.strip())) is not None:
            self.payload(again[1], here, again[0])
            return
        self._hidden_text(text, here)

    def _hidden_text(self, text: str, spot: Spot) -> None:
        """Look at a text that was hidden as whatever it could be; only what would do something is told."""
        before = len(self.found.acts)
        tree = self._as_python(text)
        if tree is not None:
            name_all(tree, self.constants)
            PythonLooker(self.constants, self.found, self, text, spot).look(tree)
        elif text.startswith("#!") or _OF_A_SHELL.search(text):
            self.shell(text, spot)
        else:
            inner = Collector(left=self.found.left)
            words.look(text, spot, inner, self.payload)
            for one in inner.acts.values():
                if one.weight != ORDINARY:
                    self.found.add(one.kind, one.weight, one.spot, one.what, one.code)
        if any(one.weight == DANGEROUS for one in list(self.found.acts.values())[before:]):
            self.found.add("payload", DANGEROUS, spot, f"hides what it does: {text}")

    def _as_python(self, text: str) -> ast.AST | None:
        """Return the tree of a text that is Python, and does something as such."""
        if (
            not looks_like_python(text)
            or len(text) > _MOST_PARSED
            or self.parsed + len(text) > _MOST_PARSED_OF_ALL
        ):
            return None
        self.parsed += len(text)
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return None

    def _pickle(self, loaded: tuple[list[str], list[str]], spot: Spot) -> None:
        names, texts = loaded
        heavy = [one for one in names if one.partition(".")[0] in _ACTING and one not in _CALM_BUILTINS]
        if heavy:
            called, said = ", ".join(dict.fromkeys(heavy)), "; ".join(texts[-3:])
            self.found.add("payload", DANGEROUS, spot, f"has a pickle in it that calls {called}: {said}")
            for text in texts:
                self.shell(text, spot)
        elif names:
            what = f"has a pickle in it, of {', '.join(list(dict.fromkeys(names))[:4])}"
            self.found.add("payload", NOTABLE, replace(spot, within=()), what)

    def _is_new(self, kind: str, text: str, spot: Spot) -> bool:
        """Tell whether this text was not looked at in this cell yet, and is not too much."""
        # What is hidden is often named on one line and run on another: told once for a cell.
        key = (f"{kind} {spot.cell} {0 if spot.within else spot.line}", text[:100_000])
        if key in self._seen:
            return False
        self._seen.add(key)
        if spot.within:
            if len(spot.within) >= 12 or len(text) > self.found.left:
                self.found.miss(
                    replace(spot, within=()), "hides more within itself than is unpacked here", partly=False
                )
                return False
            self.found.left -= len(text)
        return True

    _languages: ClassVar[dict[str, Callable[[_Looker, str, Spot], None]]] = {
        "python": _take, "shell": shell, "bash": shell, "sh": shell, "markdown": _markdown,
        "text": _markdown, "html": _html, "javascript": _javascript,
    }  # fmt: skip


def _unheard(_data: bytes, _spot: Spot, _how: str) -> None:
    """Take what is hidden in a text that is not run, and say nothing of it."""


def _texts_in(value: Any) -> list[str]:
    """Return the texts in nested values of JSON that could be HTML, at most so many."""
    made: list[str] = []
    stack = [value]
    steps = 0
    while stack and steps < 200_000 and len(made) < 5_000:
        steps += 1
        one = stack.pop()
        if isinstance(one, str):
            if "<" in one:
                made.append(one)
        elif is_object(one):
            stack += one.values()
        elif is_list(one):
            stack += one
    return made
