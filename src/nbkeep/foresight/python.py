"""What Python would do: by the functions it calls, whatever way it takes to them, and what they are given."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from . import decoding, known, places
from .methods import Known, Local, Ref
from .reaching import ReachingCalls
from .running import RunningCalls
from .telling import FETCHED, LONGEST_TEXT, TRICK, Call, Reader
from .values import DANGEROUS, NOTABLE, ORDINARY

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PythonLooker", "Reader"]

_UNPICKLED = frozenset({"__reduce__", "__reduce_ex__", "__setstate__"})
_ON_PATHS = frozenset({
    "open", "rename", "symlink_to", "hardlink_to", "touch", "mkdir", "iterdir", "rglob", "glob", "chmod",
})  # fmt: skip
_WRITING = frozenset({"touch", "symlink_to", "hardlink_to", "rename", "chmod"})
# Arguments with a name that stand for the first one.
_FIRST = frozenset({
    "args", "url", "cmd", "path", "file", "filepath_or_buffer", "source", "path_or_buf", "data", "fname",
    "filename", "command",
})  # fmt: skip
_TRICKED = frozenset({"shell", "dynamic", "native", "network", "install", "credentials"})
_OF_NAMES = frozenset({"sys.modules", "globals().__builtins__", "__builtins__", "builtins.__dict__"})
_OF_ALL = frozenset({"os", "subprocess", "requests", "socket", "ssl", "pickle", "getpass"})
_LETTING = {
    "trust_remote_code": "runs code that comes with a model (trust_remote_code)",
    "allow_pickle": "lets a file of arrays hold pickles, which can run anything (allow_pickle)",
}


@dataclass(slots=True)
class _Seen:
    """Pieces of a tree, by number. `called`: told of as the name of a call; `handled`: as part of a text."""

    called: set[int] = field(default_factory=set[int])
    handled: set[int] = field(default_factory=set[int])


class PythonLooker(RunningCalls, ReachingCalls):
    """Looks at one tree of Python."""

    def look(self, tree: ast.AST) -> None:
        """Note what a tree does. Goes through it without recursion: however deep it is."""
        seen = _Seen()
        for node in ast.walk(tree):
            look = self._looks.get(type(node))
            if look is not None:
                look(self, node, seen)

    def _look_at_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, _seen: _Seen) -> None:
        self._decorated(node)
        self.shown_by(node.name, Local(node))
        if node.name in _UNPICKLED:
            what = f"defines {node.name}: an object that runs something as it is unpickled"
            self.add("dynamic", NOTABLE, node, what)

    def _look_at_class(self, node: ast.ClassDef, _seen: _Seen) -> None:
        self._decorated(node)
        for one in node.body:
            if isinstance(one, (ast.Assign, ast.AnnAssign)):
                targets = one.targets if isinstance(one, ast.Assign) else [one.target]
                if any(isinstance(x, ast.Name) and x.id == "_esm" for x in targets):
                    self.widget_script(one, one.value)

    def _decorated(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            for one in self.constants.of(decorator):
                if isinstance(one, Ref) and one.name in known.HANDED_ON:
                    self.add("dynamic", DANGEROUS, decorator, f"has {one.name} called as a decorator")

    def _look_at_import(self, node: ast.Import | ast.ImportFrom, _seen: _Seen) -> None:
        """Remember which modules are imported: one may be a file that the document fetches."""
        modules = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for one in modules:
            self.found.trail.runs(f"{one.replace('.', '/')}.py", self.at(node), self.code(node), "imports")

    def _look_at_call(self, node: ast.Call, seen: _Seen) -> None:
        seen.called.add(id(node.func))
        self._call(node)
        seen.handled.update(id(one) for one in ast.walk(node.func) if isinstance(one, ast.Constant))

    def _look_at_name(self, node: ast.Name, seen: _Seen) -> None:
        if isinstance(node.ctx, ast.Load) and id(node) not in seen.called:
            self._handed_on(node)

    def _look_at_attribute(self, node: ast.Attribute, seen: _Seen) -> None:
        if isinstance(node.ctx, ast.Load):
            if id(node) not in seen.called:
                self._handed_on(node)
            seen.called.add(id(node.value))
            self._inner_way(node)

    def _look_at_assignment(
        self, node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete, _seen: _Seen
    ) -> None:
        targets = node.targets if isinstance(node, (ast.Assign, ast.Delete)) else [node.target]
        for target in targets:
            if isinstance(target, ast.Subscript):
                self._put_into(node, target)
            elif isinstance(target, ast.Attribute):
                self._put_in_place(node, target)

    def _look_at_item(self, node: ast.Subscript, seen: _Seen) -> None:
        seen.called.add(id(node.value))
        self._environment(node)

    def _look_at_text(self, node: ast.Constant | ast.JoinedStr | ast.BinOp, seen: _Seen) -> None:
        """Look at texts that stand in the code: places of keys, addresses to drop things, what was hidden."""
        if id(node) in seen.handled:
            return
        if isinstance(node, ast.BinOp) and not isinstance(node.op, (ast.Add, ast.Div)):
            return
        for one in self.constants.texts(node):
            if not isinstance(node, ast.Constant):
                seen.handled.update(id(x) for x in ast.walk(node))
            if isinstance(one.value, bytes):
                if len(one.value) >= LONGEST_TEXT:
                    self._literal(one.value, node)
            else:
                self._text(node, one, one.value)

    def _call(self, node: ast.Call) -> None:
        told = False
        for callee in dict.fromkeys(self.constants.callees(node)):
            self._connected(node, callee.name)
            found = known.meaning(callee.name)
            if found is not None:
                told = True
                self._means(node, found, callee)
            elif _is_unknown_of_something(callee.name):
                told = True
                of = callee.name.partition(".")[0]
                what = f"calls a function of {of} whose name is made while it runs"
                self.add("dynamic", DANGEROUS, node, what)
        if not told and isinstance(node.func, ast.Attribute):
            self._method(node, node.func)
            if node.func.attr in {"write", "writelines", "copyfileobj"} and any(
                self.is_made_of(one, FETCHED) for one in node.args[:1]
            ):
                self.found.trail.fills(self.spot.cell)
        for name, what in _LETTING.items():
            if any(_is_on(one, name) for one in node.keywords):
                self.add("dynamic", NOTABLE, node, what)

    def _method(self, node: ast.Call, function: ast.Attribute) -> None:
        """Note what a method of something that is not known does."""
        found = known.method_meaning(function.attr)
        if found is not None and not any(isinstance(one, Local) for one in self.constants.of(function)):
            self._means(node, found, Ref(f"….{function.attr}"))
        else:
            self._path_method(node, function)

    def _path_method(self, node: ast.Call, function: ast.Attribute) -> None:
        """Note what is done to a path that is known: `Path("x").open("w")` and its like."""
        if function.attr not in _ON_PATHS:
            return
        for one in self.constants.texts(function.value):
            given = node.args[0] if node.args else None
            mode = next((str(x.value) for x in self.constants.texts(given)), "r")
            writes = function.attr in _WRITING or (function.attr == "open" and any(x in mode for x in "wax+"))
            if isinstance(one.value, str) and ("/" in one.value or "." in one.value):
                self.path(node, one, "writes" if writes else "opens", writes=writes)

    def _means(self, node: ast.Call, found: known.Meaning, callee: Ref) -> None:
        named = (one.value for one in node.keywords if one.arg in _FIRST)
        first = node.args[0] if node.args else next(named, None)
        weight, trick = found.weight, ""
        if callee.is_trick and found.kind in _TRICKED and weight != ORDINARY:
            weight, trick = DANGEROUS, f"{TRICK}({callee.name}) "
        call = Call(node, found, callee, first, weight, trick)
        if found.kind in {"network", "shell"} or found.way == "read":
            self.secrets_given(call)
        getattr(self, f"_way_{found.way}", self._way_none)(call)

    def _handed_on(self, node: ast.Name | ast.Attribute) -> None:
        for one in self.constants.of(node):
            if not isinstance(one, Ref):
                continue
            if one.name in known.HANDED_ON:
                weight = DANGEROUS if one.is_trick else NOTABLE
                self.add("dynamic", weight, node, f"hands {one.name} on, for something else to call it")
            elif one.name in {"os.environ", "os.environb"}:
                self.add("credentials", NOTABLE, node, "uses the whole environment of its process")

    def _inner_way(self, node: ast.Attribute) -> None:
        weight = known.INNER_WAYS.get(node.attr)
        if weight is not None and node.attr != "__subclasses__":
            self.add("dynamic", weight, node, f"reaches into Python itself by {node.attr}")
        for one in self.constants.of(node):
            if (
                isinstance(one, Ref)
                and one.name.endswith((".?", "?.system"))
                and one.name.startswith(("os.", "subprocess.", "builtins."))
            ):
                of = one.name.partition(".")[0]
                what = f"takes something out of {of} whose name is made while it runs"
                self.add("dynamic", DANGEROUS, node, what)

    def _environment(self, node: ast.Subscript) -> None:
        for one in self.constants.of(node):
            if isinstance(one, Ref) and one.name.startswith("os.environ[") and isinstance(node.ctx, ast.Load):
                name = one.name[11:-1]
                if places.is_secret_name(name):
                    self.add("credentials", ORDINARY, node, f"reads {name} of its environment")

    def _put_into(self, node: ast.AST, target: ast.Subscript) -> None:
        """Note what is put into tables of Python and of its process."""
        for of in self.constants.of(target.value):
            if isinstance(of, Ref) and of.name == "os.environ":
                for key in self.constants.texts(target.slice):
                    self.sets_variable(node, str(key.value), getattr(node, "value", None))
            elif isinstance(of, Ref) and of.name in _OF_NAMES:
                self.add("persistence", DANGEROUS, node, f"puts something else into {of.name}")

    def _put_in_place(self, node: ast.AST, target: ast.Attribute) -> None:
        """Note what is put in the place of functions that all code uses."""
        value = getattr(node, "value", None)
        if target.attr == "_esm":
            self.widget_script(node, value)
        for one in self.constants.of(value) if target.attr in known.SHOWN_BY else ():
            if isinstance(one, Local):
                self.shown_by(target.attr, one)
        what = "puts something else in the place of"
        for of in self.constants.of(target.value):
            if not isinstance(of, Ref):
                continue
            if of.name in {"builtins", "__builtins__"}:
                self.add("persistence", DANGEROUS, node, f"{what} Python's own {target.attr}")
            elif of.name in _OF_ALL and target.attr != "_create_default_https_context":
                self.add("persistence", NOTABLE, node, f"{what} {of.name}.{target.attr}")

    def _text(self, node: ast.AST, one: Known, text: str) -> None:
        if lying := places.names_credentials(text):
            what = f"names {lying}, where keys and passwords lie"
            self.add("credentials", DANGEROUS, node, what, one.how)
        if lasting := places.names_persistence(text):
            self.add("persistence", NOTABLE, node, f"names {lasting}, which is run later", one.how)
        for address in places.addresses_in(text):
            weight, word = places.weight_of_address(address)
            if weight == DANGEROUS:
                self.add("network", DANGEROUS, node, f"names {places.host_of(address)}, {word}", one.how)
        if len(text) >= LONGEST_TEXT and (hidden := decoding.literal(text)) is not None:
            self.reader.payload(hidden[1], self.at(node), hidden[0])

    def _literal(self, value: bytes, node: ast.AST) -> None:
        try:
            text = value.decode("ascii")
        except UnicodeDecodeError:
            text = ""
        hidden = decoding.literal(text) if text else None
        if hidden is not None:
            self.reader.payload(hidden[1], self.at(node), hidden[0])
        elif not text:
            self.reader.payload(value, self.at(node), "bytes")

    _looks: ClassVar[dict[type[ast.AST], Callable[[PythonLooker, Any, _Seen], None]]] = {
        ast.FunctionDef: _look_at_function, ast.AsyncFunctionDef: _look_at_function,
        ast.ClassDef: _look_at_class, ast.Call: _look_at_call, ast.Name: _look_at_name,
        ast.Attribute: _look_at_attribute, ast.Assign: _look_at_assignment,
        ast.AnnAssign: _look_at_assignment, ast.AugAssign: _look_at_assignment,
        ast.Delete: _look_at_assignment, ast.Subscript: _look_at_item, ast.Constant: _look_at_text,
        ast.JoinedStr: _look_at_text, ast.BinOp: _look_at_text, ast.Import: _look_at_import,
        ast.ImportFrom: _look_at_import,
    }  # fmt: skip


def _is_unknown_of_something(name: str) -> bool:
    return name.startswith("os.?") or name in {"subprocess.?", "builtins.?", "?"} or name.endswith("__.?")


def _is_on(keyword: ast.keyword, name: str) -> bool:
    value = keyword.value
    return keyword.arg == name and isinstance(value, ast.Constant) and bool(value.value)
