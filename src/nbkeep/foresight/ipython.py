"""Cells as IPython reads them: its commands taken out, what is left is Python of the same lines."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CELL = re.compile(r"\s*%%(!|[\w.+-]+)?([^\n]*)\n?")
_ASSIGNED = re.compile(r"(\s*[\w.,\s\[\]'\"*]{1,200}?=\s*)(!|%(?=[A-Za-z]))(.*)\Z", re.DOTALL)
_HELP = re.compile(r"[ \t]*(?:\?{1,2}[\w.%*]+|%{0,2}[\w.*\[\]'\"()]+\?{1,2})[ \t]*\Z")
_LINE = re.compile(r"([ \t]*)(%|!!|!|/(?=[A-Za-z_])|,(?=[A-Za-z_])|;(?=[A-Za-z_]))(.*)\Z", re.DOTALL)
# What IPython takes for a command without its sign, where it is nothing else (automagic).
_BARE = frozenset({
    "pip", "conda", "mamba", "micromamba", "uv", "cd", "ls", "cat", "cp", "mv", "rm", "mkdir", "rmdir",
    "ll", "man", "more", "less", "run", "load", "env", "set_env", "system", "sx", "sc", "writefile",
    "store", "alias", "alias_magic", "load_ext", "macro", "edit", "rerun",
})  # fmt: skip
_BARE_LINE = re.compile(r"([ \t]*)([a-z_]+)(?:[ \t]+(.*))?\Z", re.DOTALL)
_OPERATORS = re.compile(r"(?:[=.,:)\]}\[+/%&|^<>@]|\(|-(?=\s)|\*(?=\s)|(?:in|is|and|or|not|if|else|for)\b)")
PYTHON_BODIES = frozenset({
    "time", "timeit", "capture", "prun", "python_in_process", "mprun", "memit", "lprun", "px", "debug",
    "scalene", "heat", "snakeviz", "pyinstrument", "cython_pyximport", "profile", "nbdev_export", "skip",
    "ai_fix",
})  # fmt: skip
"""Commands for cells whose body is Python that runs as ever."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of IPython. `sign`: "%", "%%" or "!"; `body`: what stands below "%%"; `line` from 1."""

    sign: str
    name: str
    arguments: str
    line: int
    body: str = ""


_BREAK = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""What ends a line for IPython (`str.splitlines`), and neither for Python nor on the screen."""
BREAK_IN_CODE = re.compile(f"(?<=[^\\n\\r]){_BREAK.pattern}(?=[^\\n\\r])")
"""The same within a line: between two lines it is a page break of old."""


def split(source: str) -> tuple[str, list[Command]]:
    """Return the Python of a cell with as many lines as before, and the commands of IPython in it.

    Where lines end that only IPython sees, the commands are those that IPython finds, at their visible lines.
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if _BREAK.search(source) is None:
        return _split(source)
    broken = _BREAK.sub("\n", source)
    code, commands = _split(broken)
    lines = [0]  # the visible line of each one
    for at, one in enumerate(source.split("\n"), 1):
        lines += [at] * (len(_BREAK.findall(one)) + 1)
    moved = [
        Command(one.sign, one.name, one.arguments, lines[min(one.line, len(lines) - 1)], one.body)
        for one in commands
    ]
    if source.lstrip().startswith("%%"):
        return code, moved
    alone, others = _split(source)
    return alone, [*moved, *(one for one in others if one not in moved)]


def _split(source: str) -> tuple[str, list[Command]]:
    found = _CELL.match(source) if source.lstrip()[:2] == "%%" else None
    if found is not None and (found[1] or "").strip():
        line = source[: found.start(1)].count("\n") + 1
        body = source[found.end() :]
        command = Command("%%", found[1], found[2].strip(), line, body)
        if command.name in PYTHON_BODIES:
            inner, commands = _split("\n" * line + body) if body.lstrip()[:2] != "%%" else _below(body, line)
            timed = _statement(command) if command.name in {"timeit", "time", "prun"} else ""
            return (timed + inner if timed else inner), [command, *commands]
        return "", [command]
    python: list[str] = []
    commands: list[Command] = []
    for text, line in _logical_lines(source):
        python.append(_read(text, line, commands))
    return "\n".join(python), commands


def _below(body: str, line: int) -> tuple[str, list[Command]]:
    """Read a command for a cell that stands right below another one."""
    inner, commands = _split(body)
    moved = [Command(one.sign, one.name, one.arguments, one.line + line, one.body) for one in commands]
    return "\n" * line + inner, moved


def _statement(command: Command) -> str:
    """Return the Python that stands behind `%%timeit` itself: it runs, too."""
    words = re.sub(r"^(?:-\w+(?:\s+\d+)?\s+)*", "", command.arguments)
    return words.replace("\n", " ") if words and not words.startswith("-") else ""


def _read(text: str, line: int, commands: list[Command]) -> str:
    """Return a logical line as Python; what IPython would do goes into `commands`."""
    rest = "\n" * text.count("\n")
    if _HELP.match(text):
        return rest
    found = _LINE.match(text)
    if found is not None:
        indent, sign, words = found[1], found[2], _joined(found[3])
        if sign in {"/", ",", ";"}:  # IPython calls the first word with the rest
            name, _, arguments = words.partition(" ")
            return f"{indent}{name}({arguments if sign == '/' else repr(arguments)})" + rest
        commands.append(_command("!" if sign[0] == "!" else "%", words, line))
        return f"{indent}pass{_timed(words) if sign == '%' else ''}{rest}"
    assigned = _ASSIGNED.match(text)
    if assigned is not None and "(" not in assigned[1] and "==" not in assigned[1]:
        commands.append(_command(assigned[2], _joined(assigned[3]), line))
        return f"{assigned[1]}None{rest}"
    bare = _BARE_LINE.match(text)
    if (
        bare is not None
        and bare[2] in _BARE
        and not _OPERATORS.match(bare[3] or "")
        and (bare[3] or bare[2] in {"ls", "ll", "env"})
    ):
        commands.append(_command("%", _joined(text.strip()), line))
        return f"{bare[1]}pass{rest}"
    return text


def _timed(words: str) -> str:
    """Return the Python that `%time` and its like run, behind a semicolon."""
    name, _, arguments = words.partition(" ")
    if name not in {"time", "timeit", "prun", "memit"}:
        return ""
    return f"; {re.sub(r'^(?:-[a-z]+(?:[ ]*[0-9]+)?[ ]+)*', '', arguments.strip())}"


def _joined(words: str) -> str:
    return re.sub(r"\\\n", " ", words).strip()


def _command(sign: str, words: str, line: int) -> Command:
    if sign == "!":
        return Command("!", "", words.lstrip("!"), line)
    name, _, arguments = words.partition(" ")
    return Command("%", name.lstrip("%"), arguments.strip(), line)


def _logical_lines(source: str) -> list[tuple[str, int]]:
    """Return the lines as Python counts them: with the strings and brackets that go on over several.

    A line that begins with a command goes on only with a backslash: quotes in it are a shell's.
    """
    made: list[tuple[str, int]] = []
    pending: list[str] = []
    begun, depth, quote = 1, 0, ""
    for number, line in enumerate(source.split("\n"), 1):
        if not pending:
            begun = number
            if line.lstrip()[:1] in {"%", "!", "?"}:
                depth, quote = -1, ""
        pending.append(line)
        if depth >= 0:
            depth, quote = _state(line, depth, quote)
        if line.endswith("\\") and number - begun < 2000:
            continue
        if depth <= 0 and not quote:
            made.append(("\n".join(pending), begun))
            pending, depth = [], 0
    if pending:  # a string or a bracket that never ends: no Python, so each line by itself
        made += [(line, begun + at) for at, line in enumerate(pending)]
    return made


_TOKENS = re.compile(r"\"\"\"|'''|[\"'#()\[\]{}]|\\.")


def _state(line: str, depth: int, quote: str) -> tuple[int, str]:
    """Return how many brackets are open at the end of a line, and which quotes of three are."""
    at = 0
    while (found := _TOKENS.search(line, at)) is not None:
        sign, at = found[0], found.end()
        if len(quote) == 3:
            quote = "" if sign == quote else quote
        elif quote:
            quote = "" if sign == quote else quote
            if len(sign) == 3 and sign[0] == quote:
                quote, at = "", found.start() + 1
        elif sign == "#":
            break
        elif sign[0] in "\"'":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth = max(0, depth - 1)
    return depth, quote if len(quote) == 3 else ""
