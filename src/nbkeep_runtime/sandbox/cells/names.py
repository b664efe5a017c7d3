"""Which names a cell reads, binds and changes in place, as its code tells."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .classes import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_WORD = re.compile(r"[^\W\d]\w*")
_MUTATORS = frozenset(
    {"append", "extend", "insert", "remove", "pop", "popitem", "popleft", "appendleft", "clear", "sort",
     "reverse", "add", "discard", "update", "setdefault", "intersection_update", "difference_update", "fill",
     "put", "resize", "shuffle", "fit", "partial_fit", "fit_transform", "load_state_dict", "step", "seek"}
)  # fmt: skip
_SEEDERS = frozenset({"seed", "manual_seed", "seed_everything", "set_state", "setstate", "set_seed"})
# Calls that look variables up by a text.
_LOOKERS = frozenset(
    {"eval", "exec", "query", "globals", "locals", "vars", "sql", "system", "getoutput", "run_line_magic",
     "run_cell_magic"}
)  # fmt: skip
_PYTHON_MAGICS = frozenset({"time", "timeit", "capture", "prun", "memit"})
# Functions that look at what they are handed through `__special__` methods alone.
_HARMLESS = frozenset(
    {"print", "str", "repr", "len", "list", "tuple", "set", "dict", "frozenset", "sorted", "reversed", "sum",
     "min", "max", "abs", "round", "int", "float", "bool", "bytes", "any", "all", "enumerate", "zip", "range",
     "isinstance", "issubclass", "type", "id", "hash", "iter", "next", "format", "display", "callable"}
)  # fmt: skip
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass
class Names:
    """What one cell's code says of names in the notebook's namespace."""

    # Before the cell itself bound them, in the order in which Python comes to them.
    reads: dict[str, None] = field(default_factory=dict[str, None])
    loads: set[str] = field(default_factory=set[str])  # anywhere
    wholes: set[str] = field(default_factory=set[str])  # loaded, and not only for an attribute
    attributes: set[str] = field(default_factory=set[str])  # looked up of anything, in functions' bodies, too
    stores: set[str] = field(default_factory=set[str])  # attributes that are set
    passed: dict[str, set[str]] = field(default_factory=dict[str, "set[str]"])  # to what; "": to anything
    binds: set[str] = field(default_factory=set[str])
    surely_binds: set[str] = field(default_factory=set[str])  # in no branch that may not be taken
    mutates: set[str] = field(default_factory=set[str])
    sets: set[str] = field(default_factory=set[str])  # by a function of the cell that it calls
    words: set[str] = field(default_factory=set[str])  # in texts by which variables may be looked up
    deferred: dict[str, set[str]] = field(default_factory=dict[str, "set[str]"])  # of functions' bodies
    seeds: bool = False
    is_empty: bool = False


def names_of(source: str, transform: Callable[[str], str]) -> Names:
    """Return the names of a cell; those of code that cannot be parsed are unknown, and none."""
    names = Names()
    try:
        tree = ast.parse(transform(source))
        names.is_empty = not tree.body
        names.attributes = _attributes(tree)
        reader = _Reader(names, transform)
        reader.visit(tree)
        names.surely_binds = reader.definite
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    return names


class _Reader(ast.NodeVisitor):
    """Visits in the order in which Python evaluates; `definite` is bound by then in any case."""

    def __init__(self, names: Names, transform: Callable[[str], str]) -> None:
        self._names = names
        self._transform = transform
        self.definite: set[str] = set()
        self._local: list[set[str]] = []
        self._changes: dict[str, set[int]] = {}  # by function: the places of arguments that it changes
        self._sets: dict[str, set[str]] = {}  # by function: the global variables that it sets

    def visit_Name(self, node: ast.Name) -> None:
        name = node.id
        if isinstance(node.ctx, ast.Load):
            self._load(name)
        else:
            if isinstance(node.ctx, ast.Del) and name not in self.definite:
                self._names.reads.setdefault(name)
            self._bind(name)

    def _load(self, name: str, *, whole: bool = True) -> None:
        if any(name in scope for scope in self._local):
            return
        self._names.loads.add(name)
        if whole:
            self._names.wholes.add(name)
        if name not in self.definite:
            self._names.reads.setdefault(name)

    def _bind(self, name: str) -> None:
        if self._local:
            self._local[-1].add(name)
            return
        self._names.binds.add(name)
        self.definite.add(name)

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _visit_maybe(self, *groups: Iterable[ast.AST]) -> None:
        before = self.definite
        for group in groups:
            self.definite = set(before)  # what a branch binds is sure within it alone
            self._visit_all(group)
        self.definite = before

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(node.value, ast.Lambda) and isinstance(target, ast.Name):
            self._defer(target.id, node.value)
        else:
            self.visit(node.value)
        self._visit_all(node.targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._visit_all([node.value, node.annotation])
        if node.value is not None:
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        root = _root(node.target)
        if root:
            self._load(root, whole=not isinstance(node.target, ast.Attribute))
            self._mutate(root)
        self.visit(node.value)
        self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.visit(node.target)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._visit_maybe([node.target, *node.body], node.orelse)

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._visit_maybe(node.body, node.orelse)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        before = set(self.definite)
        sure: list[set[str]] = []
        for branch in (node.body, node.orelse):
            self.definite = set(before)
            self._visit_all(branch)
            sure.append(self.definite)
        self.definite = before | (sure[0] & sure[1])

    def visit_Try(self, node: ast.Try) -> None:
        self._visit_maybe(node.body, node.handlers, node.orelse)
        self._visit_all(node.finalbody)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self._visit_maybe(node.cases)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._visit_all([node.pattern])
        if node.name:
            self._bind(node.name)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._visit_all([node.type])
        if node.name:
            self._bind(node.name)
        self._visit_all(node.body)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0])

    visit_ImportFrom = visit_Import

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = node.args
        self._visit_all([*node.decorator_list, *arguments.defaults, *arguments.kw_defaults])
        self._defer(node.name, node)
        self._changes[node.name] = _changed_arguments(node)
        self._sets[node.name] = {
            name for one in ast.walk(node) if isinstance(one, ast.Global) for name in one.names
        }
        self._bind(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all([*node.decorator_list, *node.bases, *node.keywords])
        self._local.append(set())
        self._visit_all(node.body)
        self._local.pop()
        self._defer(node.name, node)
        self._bind(node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all([*node.args.defaults, *node.args.kw_defaults])
        for name in sorted(_free(node)):
            self._load(name)

    def _comprehension(self, node: Any) -> None:
        self._local.append(set())
        for part in node.generators:
            self.visit(part.iter)
            self._visit_all([part.target, *part.ifs])
        self._visit_all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self._local.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._names.seeds |= node.attr in _SEEDERS
        if not isinstance(node.ctx, ast.Load):
            self._mutate(_root(node))
            self._names.stores.add(node.attr)
        if isinstance(node.value, ast.Name):
            self._load(node.value.id, whole=False)
        else:
            self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._mutate(_root(node))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        in_place = any(
            one.arg == "inplace" and isinstance(one.value, ast.Constant) and one.value.value is True
            for one in node.keywords
        )
        self._names.seeds |= name in _SEEDERS
        if isinstance(called, ast.Attribute) and (name in _MUTATORS or in_place):
            self._mutate(_root(called))
        if name in ("next", "shuffle", "setattr", "delattr", "heappush", "heappop") and node.args:
            self._mutate(_root(node.args[0]))
        if isinstance(called, ast.Name):
            self._names.sets |= self._sets.get(name, set())
            for at in self._changes.get(name, ()):
                if at < len(node.args):
                    self._mutate(_root(node.args[at]))
        if name in _LOOKERS:
            self._look(name, node)
        match node:
            case ast.Call(ast.Name("getattr"), [ast.Name(whose), ast.Constant(str(attribute)), *_]):
                self._names.attributes.add(attribute)
                self._load("getattr")
                self._load(whose, whole=False)
                self._visit_all(node.args[2:])
                return
            case _:
                pass
        self._pass(name if isinstance(called, ast.Name) else "", node)
        self.generic_visit(node)

    def _pass(self, to: str, node: ast.Call) -> None:
        for one in (*([] if to in _HARMLESS else node.args), *node.keywords):
            for inner in ast.walk(one):
                if isinstance(inner, ast.Name):
                    self._names.passed.setdefault(to, set()).add(inner.id)

    def _look(self, name: str, node: ast.Call) -> None:
        texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
        texts = [text for text in texts if isinstance(text, str)]
        if name.startswith("run_") and texts[0] in _PYTHON_MAGICS:
            self.visit(ast.parse(self._transform(texts[-1])))
        for text in texts:
            self._names.words.update(_WORD.findall(text))
        if name in ("eval", "exec", "query"):
            self._names.words.update(f"={one.id}" for one in node.args if isinstance(one, ast.Name))

    def _mutate(self, name: str) -> None:
        if name and not any(name in scope for scope in self._local):
            self._names.mutates.add(name)

    def _defer(self, name: str, node: ast.AST) -> None:
        if not self._local:
            self._names.deferred.setdefault(name, set()).update(_free(node))


def _changed_arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[int]:
    """Return the places of the arguments that a function is seen to change."""
    inside = Names()
    reader = _Reader(inside, str)
    for one in node.body:
        reader.visit(one)
    arguments = [*node.args.posonlyargs, *node.args.args]
    return {at for at, one in enumerate(arguments) if one.arg in inside.mutates - inside.surely_binds}


def _root(node: ast.AST) -> str:
    """Return the variable in which a thing lies: `a` of `a.b[c].d`."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _attributes(tree: ast.AST) -> set[str]:
    """Return the names of attributes that code looks up; one that is only set is not looked at."""
    found: set[str] = set()
    for one in ast.walk(tree):
        if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Load):
            found.add(one.attr)
        elif isinstance(one, ast.AugAssign) and isinstance(one.target, ast.Attribute):
            found.add(one.target.attr)
        elif isinstance(one, ast.MatchClass):
            found.add(ALL)
    return found


def _free(node: ast.AST) -> set[str]:
    """Return the names that a function's or a class's inside loads and does not bind."""
    loads: set[str] = set()
    own: set[str] = set()
    shared: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            (loads if isinstance(one.ctx, ast.Load) else own).add(one.id)
        elif isinstance(one, ast.arg):
            own.add(one.arg)
        elif isinstance(one, ast.Global):
            shared.update(one.names)
        elif isinstance(one, (*_INNER[:2], ast.ClassDef)) and one is not node:
            own.add(one.name)
    return loads - (own - shared)
