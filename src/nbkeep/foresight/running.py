"""Calls that run something: programs, texts as code, commands of IPython, pickles."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from . import places
from .languages import is_expression, is_python
from .methods import Known, Ref, Value, is_sequence
from .telling import DECODED, LONGEST_TEXT, PARTS, Call, Teller, as_text, shown_name
from .values import DANGEROUS, NOTABLE, ORDINARY

if TYPE_CHECKING:
    from collections.abc import Iterator

_AS_TEXT = "a text that is run"
_IS_CALLING = re.compile(r"\w\s*\(|__")
# What templates reach from which one gets to everything: `{{ ''.__class__ }}`, `{% … cycler.__init__ … %}`.
_REACHING = re.compile(
    r"(?:\{\{|\{%|\$\{|<%)[^{}%]{0,2000}?(?:__[a-z]+__|\bpopen\b|\bsubprocess\b|\bos\s*\.\s*system\b|\|\s*attr\b)"
)
_MOST_PIECES = 500
_WHILE_IT_RUNS = " that is made while it runs"


class RunningCalls(Teller):
    """Tells of calls that run something."""

    def _way_none(self, call: Call) -> None:
        weight, shown, words = call.weight, shown_name(call.callee), call.means.words
        if call.callee.name.endswith("__subclasses__"):
            ways = {"__base__", "__bases__", "__mro__", "__class__"}
            is_from_anything = any(
                isinstance(one, ast.Attribute) and one.attr in ways for one in ast.walk(call.node.func)
            )
            weight = DANGEROUS if is_from_anything or "object" in call.callee.name else weight
        told = f"{words} {shown}" if words.endswith("with") else f"{words} ({shown})"
        self.add(call.means.kind, weight, call.node, f"{call.trick}{told}")
        if call.means.kind in {"dynamic", "native"}:
            for one in (one for given in call.node.args[:2] for one in self.constants.texts(given)):
                self.found.trail.runs(as_text(one.value), self.at(call.node), self.code(call.node))

    def _way_shell(self, call: Call) -> None:
        texts = self.constants.texts(call.first)
        for one in texts:
            self._told_of_shell(call, as_text(one.value), one)
        if not texts:
            what = "runs what is made while it runs, as lines for a shell"
            self._unknown(call, f"{call.trick}{what} ({shown_name(call.callee)})")

    def _connected(self, node: ast.Call, name: str) -> None:
        """Look at what a program is given to read, and at connections that are given to one."""
        if name.startswith(("socket.socket", "socket.create_connection")):
            self.found.trail.opens()
        elif name in {"os.dup2", "pty.spawn"}:
            self.found.trail.hands_over(self.at(node), self.code(node))
        given = [one.value for one in node.keywords if one.arg == "input"]
        if name in {"subprocess.Popen().communicate", "subprocess.Popen().stdin.write"}:
            given += node.args[:1]
        elif not name.startswith("subprocess."):
            return
        for one in (one for two in given for one in self.constants.texts(two)):
            text = as_text(one.value)
            read = self.reader.python if is_python(text) else self.reader.shell
            read(text, self.hidden_spot(node, one))

    def _told_of_shell(self, call: Call, text: str, one: Known) -> None:
        self.reader.shell(text, self.hidden_spot(call.node, one))
        if call.trick or one.how:
            told = f"{call.trick}runs {text} ({shown_name(call.callee)})"
            self.add("shell", DANGEROUS, call.node, told, one.how)

    def _unknown(self, call: Call, told: str) -> None:
        self.add(call.means.kind, self.unknown_weight(call.first, call.weight), call.node, told)

    def _way_argv(self, call: Call) -> None:
        told = False
        for one in self.constants.of(call.first):
            text = _command_line(one)
            if text is not None and isinstance(one, Known):
                told = True
                self._told_of_shell(call, text, one)
        if not told:
            what = "runs a program whose name is made while it runs"
            self._unknown(call, f"{call.trick}{what} ({shown_name(call.callee)})")

    def _way_code(self, call: Call) -> None:
        texts = self.constants.texts(call.first)
        for one in texts:
            text = as_text(one.value)
            told = f"{call.trick}{call.means.words}: {text}"
            self.add("dynamic", _weight_of_code(call, one, text), call.node, told, one.how)
            spot = self.at(call.node)
            within = replace(spot, within=(*spot.within, call.callee.name))
            self.reader.python(text, self.hidden_spot(call.node, one) if one.how else within)
        if texts:
            return
        if self.is_made_of(call.first, DECODED):
            self.tell(call, DANGEROUS, " that it decodes or fetches")
        elif self.is_made_of(call.first, PARTS):
            self.tell(call, call.weight, " that it reads from a file")
            for node in ast.walk(call.first) if call.first is not None else ():
                for one in self.constants.texts(node) if isinstance(node, ast.Constant) else ():
                    self.found.trail.runs(as_text(one.value), self.at(call.node), self.code(call.node))
        else:
            self.tell(call, call.weight, _WHILE_IT_RUNS)

    def _way_texts(self, call: Call) -> None:
        """Read each text that a call is given: the first one, and what is run before it."""
        for given in (*call.node.args[:4], *(one.value for one in call.node.keywords)):
            texts = self.constants.texts(given)
            for one in texts:
                self._run_text(call, one, as_text(one.value))
            if not texts and self.is_made_of(given, DECODED):
                self.tell(call, DANGEROUS, " that it decodes or fetches")

    def _run_text(self, call: Call, one: Known, text: str) -> None:
        weight = DANGEROUS if one.how or call.trick else ORDINARY
        self.add("dynamic", weight, call.node, f"{call.trick}{call.means.words}: {text}", one.how)
        self._read_inner(call, one, text)

    def _read_inner(self, call: Call, one: Known, text: str) -> None:
        spot = self.at(call.node)
        within = replace(spot, within=(*spot.within, _AS_TEXT)[:12])
        self.reader.python(text, self.hidden_spot(call.node, one) if one.how else within)

    def _way_expression(self, call: Call) -> None:
        """Read an expression; told where it is more than columns and numbers."""
        for one in self.constants.texts(call.first):
            text = as_text(one.value).replace("@", "").strip()
            if _IS_CALLING.search(text) and is_expression(text):
                self._run_text(call, one, text)

    def _way_template(self, call: Call) -> None:
        for one in self.constants.texts(call.first):
            text = as_text(one.value)
            if (inner := _REACHING.search(text)) is not None:
                told = f"{call.means.words} that reaches into Python itself: {inner[0]}"
                self.add("dynamic", DANGEROUS, call.node, told, one.how)
            if call.callee.name.startswith("mako."):
                for code in _of_mako(text):
                    self._read_inner(call, one, code)

    def _way_r(self, call: Call) -> None:
        for one in self.constants.texts(call.first):
            self.add("dynamic", ORDINARY, call.node, f"{call.means.words}: {as_text(one.value)}", one.how)
            self.reader.source(as_text(one.value), self.hidden_spot(call.node, one), "r")

    def _way_cell(self, call: Call) -> None:
        texts = self.constants.texts(call.first)
        for one in texts:
            text = as_text(one.value)
            told = f"{call.trick}{call.means.words}: {text}"
            self.add("dynamic", DANGEROUS if one.how else call.weight, call.node, told, one.how)
            spot = self.at(call.node)
            self.reader.cell(text, replace(spot, within=(*spot.within, *(one.how or ("run_cell",)))[:12]))
        if not texts:
            self.tell(call, self.unknown_weight(call.first, call.weight), _WHILE_IT_RUNS)

    def _way_magic(self, call: Call) -> None:
        names, second, body = (self._texts_at(call, at) for at in range(3))
        if not names:
            what = "runs a command of IPython whose name is made while it runs"
            self.add("shell", NOTABLE, call.node, f"{call.trick}{what} ({shown_name(call.callee)})")
        for name in names:
            word, _, rest = name.partition(" ")
            arguments = second[0] if second else rest or ("{…}" if len(call.node.args) > 1 else "")
            self.reader.magic(word.lstrip("%!"), arguments, body[0] if body else None, self.at(call.node))

    def _texts_at(self, call: Call, at: int) -> list[str]:
        """Return the texts that an argument may be."""
        given = call.node.args[at] if len(call.node.args) > at else None
        return [str(one.value) for one in self.constants.texts(given if at else call.first)]

    def _way_pickle(self, call: Call) -> None:
        texts = [one for one in self.constants.texts(call.first) if isinstance(one.value, bytes)]
        for one in texts:
            self.tell(call, DANGEROUS, " what stands in it", one.how)
            self.reader.payload(one.value, self.hidden_spot(call.node, one), "pickle")
        if not texts:
            weight = self.unknown_weight(call.first, call.weight)
            self.tell(call, weight, " what is made while it runs")

    def _way_unpickle(self, call: Call) -> None:
        texts = [one for one in self.constants.texts(call.first) if isinstance(one.value, str)]
        for one in texts:
            weight = DANGEROUS if places.is_address(one.value) else call.weight
            told = f"{call.means.words} {one.value} ({shown_name(call.callee)})"
            self.add("dynamic", weight, call.node, told, one.how)
        if not texts:
            self.tell(call, self.unknown_weight(call.first, call.weight), " a file")

    def _way_marshal(self, call: Call) -> None:
        self.tell(call, call.weight, ", which is not read here")
        self.found.miss(self.at(call.node), "has raw code of Python (marshal), which is not read")
        for one in self.constants.texts(call.first):
            if isinstance(one.value, bytes):
                self.reader.payload(one.value, self.hidden_spot(call.node, one), "marshal")

    def _way_yaml(self, call: Call) -> None:
        said = ast.unparse(call.node)[-2000:] if len(call.node.args) < 20 else ""
        if "Safe" not in said:
            told = f"{call.trick}reads YAML that may make any object of Python ({shown_name(call.callee)})"
            self.add("dynamic", NOTABLE, call.node, told)

    def _way_package(self, call: Call) -> None:
        given = (one for one in self.constants.of(call.first) if isinstance(one, Known))
        parts = (x for one in given for x in (one.value if is_sequence(one.value) else (one,)))
        words = " ".join(str(x.value) for x in parts if isinstance(x, Known))
        self.tell(call, call.weight, f" {words or 'packages'}")


def _of_mako(text: str) -> Iterator[str]:
    """Yield the Python in a template of Mako: `<% … %>` and `${…}`; in time to its length."""
    for begin, end in (("<%", "%>"), ("${", "}")):
        for piece in text.split(begin, _MOST_PIECES)[1:]:
            code, closed, _ = piece[:20_000].partition(end)
            if closed and code.strip():
                yield code.removeprefix("!").strip()


def _weight_of_code(call: Call, one: Known, text: str) -> str:
    if one.how or call.trick:
        return DANGEROUS
    return ORDINARY if len(text) < LONGEST_TEXT and "(" not in text else NOTABLE


def _command_line(one: Value) -> str | None:
    """Return a program with its arguments as a line for a shell, or None for what is none."""
    if not isinstance(one, Known):
        return None
    if isinstance(one.value, (str, bytes)):
        return as_text(one.value)
    if is_sequence(one.value) and one.value:
        return " ".join(_quoted(_word(x)) for x in one.value[:200])
    return None


def _word(one: Value) -> str:
    if isinstance(one, Known) and isinstance(one.value, (str, bytes)):
        return as_text(one.value)
    return "python" if isinstance(one, Ref) and one.name == "sys.executable" else "{…}"


def _quoted(word: str) -> str:
    if word and not set(word) & set(" \t\n'\"|&;()<>$`\\*"):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"
