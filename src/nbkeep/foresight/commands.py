"""What IPython's own commands would do: magics, shells, cells for other programs, extensions, aliases."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar, Protocol

from . import active, ipython, places
from .methods import Known
from .values import DANGEROUS, NOTABLE, ORDINARY, Spot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .collect import Collector
    from .constants import Constants

    _Way = Callable[["Commands", "_Use"], None]

_SHELL_CELLS = frozenset({"bash", "sh", "zsh", "system", "sx", "!", "cmd", "shell", "ksh", "fish", "dash"})
_KNOWN_EXTENSIONS = frozenset({
    "autoreload", "tensorboard", "sql", "rpy2.ipython", "line_profiler", "memory_profiler", "dotenv",
    "nb_black", "lab_black", "jupyter_black", "watermark", "google.colab.data_table", "cudf.pandas",
    "blackcellmagic", "ipytest", "pycodestyle_magic", "heat", "wurlitzer", "snakeviz", "bigquery",
    "google.cloud.bigquery", "jupyter_ai", "scalene", "storemagic", "version_information",
    "sparkmagic.magics", "kedro.ipython",
})  # fmt: skip
_CALM = frozenset({
    "matplotlib", "pylab", "autoreload", "time", "timeit", "config", "who", "whos", "who_ls", "pwd",
    "lsmagic", "precision", "pprint", "xmode", "reset", "tensorboard", "watermark", "memit", "mprun",
    "lprun", "prun", "capture", "latex", "svg", "markdown", "hist", "history", "quickref", "pinfo", "pdoc",
    "psource", "colors", "debug", "pdb", "sql", "bigquery", "cd", "ls", "ll", "bookmark", "dhist", "pushd",
    "popd", "cat", "mkdir", "less", "more", "man", "env", "load_dotenv", "dotenv", "automagic", "page",
    "recall", "rerun", "notebook", "gui", "reload_ext", "unload_ext", "logstart", "logstop", "nb_black",
    "html", "HTML", "manim", "ipytest", "heat", "snakeviz", "scalene", "tb", "doctest_mode", "unalias",
    "profile", "skip", "data_table", "shell_on_error",
})  # fmt: skip


_LOADS = (
    "run", "load", "loadpy", "edit", "macro", "pycat", "px", "pfile", "import_notebook", "execute_file",
)  # fmt: skip
_PYTHONS = frozenset({"python", "python2", "python3", "pypy"})
_FOREIGN = frozenset({
    *_PYTHONS, "perl", "ruby", "R", "julia", "javascript", "js", "html", "HTML", "svg", "cython", "markdown",
    "latex",
})  # fmt: skip
_LANGUAGES = {
    "python2": "python", "python3": "python", "pypy": "python", "js": "javascript", "HTML": "html",
    "svg": "html", "R": "r", "latex": "markdown",
}  # fmt: skip
_READ_HERE = frozenset({"html", "markdown", "shell", "python", "javascript"})


class Reader(Protocol):
    """Reads what stands below or behind a command."""

    def shell(self, text: str, spot: Spot) -> None:
        """Read a text as lines for a shell."""
        ...

    def source(self, text: str, spot: Spot, language: str) -> None:
        """Read a text as code of a language."""
        ...


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a command. `name`: without aliases; `text`: as it is written; `below`: where its body is."""

    command: ipython.Command
    name: str
    text: str
    spot: Spot
    below: Spot
    depth: int

    @property
    def first(self) -> str:
        """Return the first word of what it is given, or ""."""
        return next(iter(self.command.arguments.split()), "")


@dataclass
class Commands:
    """Reads the commands of one document, which may rename each other. `kinds`: languages by suffix."""

    reader: Reader
    found: Collector
    constants: Constants
    kinds: Mapping[str, str]
    _aliases: dict[str, str] = field(default_factory=dict[str, str])
    _kept: list[ast.AST] = field(default_factory=list[ast.AST])  # whose parts are known by their numbers

    def magic(self, name: str, arguments: str, body: str | None, spot: Spot) -> None:
        """Read a command of IPython that is called as a function."""
        command = ipython.Command("%%" if body is not None else "%", name, arguments, 1, body or "")
        self.read(command, spot, depth=1)

    def read(self, command: ipython.Command, spot: Spot, depth: int = 0) -> None:
        """Note what a command does. `depth`: 1 for one that is called as a function."""
        name = self._aliases.get(command.name, command.name)
        is_shell = command.sign == "!"
        text = f"!{command.arguments}" if is_shell else f"{command.sign}{command.name} {command.arguments}"
        below = replace(spot, line=spot.line + 1) if spot.line else spot
        use = _Use(command, name, text if is_shell else text.strip(), spot, below, depth)
        way = self._ways[command.sign].get("" if is_shell else name)
        if way is None:
            self._unknown(use)
        else:
            way(self, use)

    def _filled(self, text: str) -> Iterator[str]:
        """Yield a command with the values of Python's names put in, as IPython does: `{name}` and `$name`."""
        made = [text]
        for found in list(re.finditer(r"\{([^{}]{1,300})\}|\$([A-Za-z_]\w*)", text))[:10]:
            values = [
                str(one.value)
                for one in self._values(found[1] or found[2])
                if isinstance(one.value, (str, int))
            ]
            if values:
                made = [one.replace(found[0], value) for one in made for value in values[:4]][:8]
        yield from dict.fromkeys(one.replace("{{", "{").replace("}}", "}") for one in made)

    def _values(self, expression: str) -> list[Known]:
        try:
            tree = ast.parse(expression.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []
        self._kept.append(tree)
        return [one for one in self.constants.of(tree.body) if isinstance(one, Known)]

    def _note(self, use: _Use, kind: str, weight: str, what: str) -> None:
        self.found.add(kind, weight, use.spot, what, use.text)

    def _nothing(self, use: _Use) -> None:
        """Say nothing: its body is Python, which is read as such."""

    def _unknown(self, use: _Use) -> None:
        name = use.name
        if name in _CALM:
            return
        if use.command.sign == "%%":
            what = f"gives the cell to a command that is not known here: %%{name}"
            self._note(use, "dynamic", NOTABLE, what)
            self.reader.source(use.command.body, use.below, "other")
        elif use.depth == 0:
            self._note(use, "dynamic", ORDINARY, f"runs a command that is not known here: %{name}")

    # What is for a shell.

    def _line(self, use: _Use) -> None:
        for one in self._filled(use.command.arguments):
            self.reader.shell(one.partition("=")[2] if use.name == "sc" else one, use.spot)

    def _program(self, use: _Use) -> None:
        for one in self._filled(f"{use.name} {use.command.arguments}"):
            self.reader.shell(one, use.spot)

    def _moved(self, use: _Use) -> None:
        self.reader.shell(f"{use.name} {use.command.arguments}", use.spot)

    def _shell_cell(self, use: _Use) -> None:
        if use.command.arguments and use.name in {"system", "sx", "!"}:
            self.reader.shell(use.command.arguments, use.spot)
        self.reader.source(use.command.body, use.below, "shell")

    # Cells whose body is for another program, or for a file.

    def _script(self, use: _Use) -> None:
        plain = [one for one in use.command.arguments.split() if not one.startswith("-")]
        program = plain[0].rsplit("/", 1)[-1] if plain else "sh"
        self._note(use, "shell", NOTABLE, f"runs the cell as a script of {program}")
        language = program.lower()
        if program in {"bash", "sh", "zsh", "dash", "ksh"}:
            language = "shell"
        elif program.startswith(("python", "ipython")):
            language = "python"
        self._foreign(use, language)

    def _other(self, use: _Use) -> None:
        self._foreign(use, _LANGUAGES.get(use.name, use.name))

    def _foreign(self, use: _Use, language: str) -> None:
        """Look at a cell whose body is for another program."""
        if language == "cython":
            self._note(use, "native", NOTABLE, "builds native code")
            language = "other"
        elif language not in _READ_HERE or use.name in _PYTHONS:
            weight = NOTABLE if use.name != "R" else ORDINARY
            self._note(use, "shell", weight, f"runs the cell in {use.name}")
        self.reader.source(use.command.body, use.below, language)

    def _written(self, use: _Use) -> None:
        path = next((one for one in use.command.arguments.split() if not one.startswith("-")), "")
        kind, weight, word = places.weight_of_path(path, writes=True)
        self._note(use, kind, weight, f"writes {path or 'a file'}{f', {word}' if word else ''}")
        language = self.kinds.get(PurePosixPath(path).suffix.lower(), "other")
        if use.command.body.strip() and language not in {"text", "other", "sql"}:
            self.reader.source(use.command.body, use.below, language)

    # What changes IPython, or what is run later.

    def _alias(self, use: _Use) -> None:
        new, _, old = use.command.arguments.partition(" ")
        self._note(use, "dynamic", NOTABLE, f"calls {old} {new} from now on")
        if use.name == "alias":
            self.reader.shell(old, use.spot)
        else:
            self._aliases[new.lstrip("%-lc ")] = old.strip().split()[0].lstrip("%") if old.strip() else ""

    def _environment(self, use: _Use) -> None:
        said = use.command.arguments
        if "=" in said or " " in said:
            variable, _, value = re.sub(r"[= ]", "\n", said, count=1).partition("\n")
            if not self.found.sets(variable, value, use.spot, use.text):
                self._note(use, "credentials", ORDINARY, f"sets {variable}")
        elif use.name == "env" and not said:
            self._note(use, "credentials", NOTABLE, "shows the whole environment")
        else:
            self._unknown(use)

    def _extension(self, use: _Use) -> None:
        weight = ORDINARY if use.first in _KNOWN_EXTENSIONS else NOTABLE
        self._note(use, "dynamic", weight, f"loads the extension {use.first}")
        self.found.trail.runs(f"{use.first}.py", use.spot, use.text, "loads")

    def _loaded(self, use: _Use) -> None:
        weight = DANGEROUS if places.is_address(use.first) and use.name != "macro" else NOTABLE
        verb = "runs" if use.name in {"run", "px"} else "loads"
        self._note(use, "dynamic", weight, f"{verb} {use.first or 'a file'}")
        for one in use.command.arguments.split()[:8]:
            self.found.trail.runs(one, use.spot, use.text, verb)

    def _stored(self, use: _Use) -> None:
        if "-r" in use.command.arguments:
            self._unknown(use)
        else:
            self._note(use, "persistence", ORDINARY, "keeps variables for later sessions")

    # What is shown.

    def _markup(self, use: _Use) -> None:
        active.markup(use.command.body or use.command.arguments, use.spot, self.found)

    def _javascript(self, use: _Use) -> None:
        active.script(use.command.body or use.command.arguments, use.spot, self.found)

    _of_both: ClassVar[dict[str, _Way]] = {
        **dict.fromkeys(("pip", "conda", "mamba", "micromamba", "uv", "npm"), _program),
        **dict.fromkeys(("rm", "rmdir", "mv", "cp"), _moved),
        **dict.fromkeys(("writefile", "file"), _written),
        **dict.fromkeys(("alias", "alias_magic"), _alias),
        **dict.fromkeys(("env", "set_env"), _environment),
        **dict.fromkeys(_LOADS, _loaded),
        "load_ext": _extension,
        "store": _stored,
    }
    # By sign and name; what stands further down counts more.
    _ways: ClassVar[dict[str, dict[str, _Way]]] = {
        "!": {"": _line},
        "%": {
            **_of_both,
            **dict.fromkeys(("system", "sx", "sc"), _line),
            **dict.fromkeys(("html", "HTML"), _markup),
            **dict.fromkeys(("javascript", "js"), _javascript),
        },
        "%%": {
            **_of_both,
            **dict.fromkeys(ipython.PYTHON_BODIES, _nothing),
            **dict.fromkeys(_FOREIGN, _other),
            "script": _script,
            **dict.fromkeys(_SHELL_CELLS, _shell_cell),
        },
    }
