"""Which names of a document hold a secret: read from the environment or a file of keys, then handed on.

A secret is followed through what makes a text, a list or a table of it, over all lines and cells, and into
the parameters of the document's own functions; not through what others' functions return: a table that was
read with a password is no password.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from . import places
from .methods import Known, Local, Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .constants import Constants
    from .methods import Value

VARIABLE, FILE, STORED, WHOLE = "variable", "file", "stored", "whole"
_MOST_MARKS = 6
_ALL_OF_IT = frozenset({"os.environ", "os.environ.copy()", "os.environ.items()", "os.environ.values()"})
_STORED = ("keyring.", "browser_cookie3.", "boto3.Session().get_credentials")
# What makes something else of what it is given, and has it still in it.
_FUNCTIONS = frozenset({
    "str", "bytes", "bytearray", "repr", "format", "dict", "list", "tuple", "set", "sorted", "reversed",
    "json.dumps", "json.loads", "json.load", "pickle.dumps", "yaml.dump", "io.BytesIO", "io.StringIO",
    "copy.copy", "copy.deepcopy", "codecs.encode", "zlib.compress", "gzip.compress", "bz2.compress",
    "lzma.compress", "open", "codecs.open", "pathlib.Path", "os.path.expanduser", "map", "zip", "filter",
})  # fmt: skip
_MODULES = ("base64.", "binascii.", "urllib.parse.")
_METHODS = frozenset({
    "format", "format_map", "join", "encode", "decode", "strip", "lstrip", "rstrip", "split", "splitlines",
    "replace", "hex", "lower", "upper", "items", "values", "get", "copy", "read", "readline", "readlines",
    "read_text", "read_bytes", "open", "expanduser",
})  # fmt: skip
_FILLS = frozenset({"update", "append", "extend", "add", "insert", "setdefault"})
_PARTS = (
    ast.BinOp, ast.JoinedStr, ast.FormattedValue, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.BoolOp,
    ast.Starred, ast.Await, ast.NamedExpr, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.comprehension, ast.keyword,
)  # fmt: skip


class Mark(NamedTuple):
    """A secret: what it is, and the name of its variable or file, "" where that is not known."""

    kind: str
    name: str = ""


class Carried:
    """Follows secrets through one document. What is noted is worked out when somebody first asks."""

    def __init__(self, constants: Constants) -> None:
        self._constants = constants
        self._new: list[ast.AST] = []
        self._marks: dict[str | int, set[Mark]] = {}
        self._leads: dict[str | int, list[str | int]] = {}
        self._count = 0

    def note(self, tree: ast.AST) -> None:
        """Remember what a tree hands on. Not to be called twice for one: that only takes time."""
        self._new.append(tree)

    def within(self, node: ast.AST) -> frozenset[Mark]:
        """Return the secrets that an expression has in it."""
        trees, self._new = self._new, []
        for tree in trees:
            for one in ast.walk(tree):
                for targets, value in self._handed(one):
                    self._connect(targets, value)
        found: set[Mark] = set()
        for one in self._leaves(node):
            found |= {one} if isinstance(one, Mark) else self._marks.get(one, set())
        return frozenset(found)

    def _handed(self, node: ast.AST) -> Iterator[tuple[list[str], ast.AST]]:
        """Yield names and what a statement or a call puts into them."""
        if isinstance(node, ast.Call):
            yield from self._put_by_call(node)
        elif isinstance(node, ast.Assign):
            yield [name for one in node.targets for name in _names(one)], node.value
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
            if node.value is not None:
                yield _names(node.target), node.value
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            yield _names(node.target), node.iter
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            yield _names(node.optional_vars), node.context_expr

    def _put_by_call(self, node: ast.Call) -> Iterator[tuple[list[str], ast.AST]]:
        if isinstance(node.func, ast.Name):
            yield from self._parameters(node)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _FILLS:
            for one in (*node.args, *node.keywords):
                yield _names(node.func.value), one

    def _parameters(self, node: ast.Call) -> Iterator[tuple[list[str], ast.AST]]:
        for one in self._constants.of(node.func):
            if isinstance(one, Local):
                names = [x.arg for x in (*one.node.args.posonlyargs, *one.node.args.args)]
                for name, value in zip(names, node.args, strict=False):
                    yield [name], value
                for given in node.keywords:
                    if given.arg is not None:
                        yield [given.arg], given.value

    def _connect(self, targets: list[str], value: ast.AST) -> None:
        self._count += 1
        here = self._count  # stands for this one statement: its names are not paired one by one
        self._leads[here] = [*targets]
        marks: set[Mark] = set()
        for one in self._leaves(value):
            if isinstance(one, Mark):
                marks.add(one)
            else:
                self._leads.setdefault(one, []).append(here)
                marks |= self._marks.get(one, set())
        self._spread(here, marks)

    def _spread(self, to: str | int, marks: set[Mark]) -> None:
        stack: list[tuple[str | int, set[Mark]]] = [(to, marks)]
        while stack:
            at, marks = stack.pop()
            there = self._marks.get(at, set())
            new = marks - there
            if new and len(there) < _MOST_MARKS:
                self._marks[at] = there | new
                stack += ((one, new) for one in self._leads.get(at, ()))

    def _leaves(self, node: ast.AST) -> Iterator[Mark | str]:
        """Yield the secrets that stand in an expression itself, and the names that it has in it."""
        stack: list[ast.AST] = [node]
        while stack:
            one = stack.pop()
            marks = list(_marked(self._constants.of(one))) if isinstance(one, ast.expr) else []
            yield from marks
            if (name := _name(one)) is not None:
                yield name
            if not marks and not isinstance(one, ast.Name):
                stack += self._inner(one)

    def _inner(self, node: ast.AST) -> Iterable[ast.AST]:
        """Return the parts of an expression whose secrets it has in it, too."""
        match node:
            case ast.IfExp():
                return node.body, node.orelse
            case ast.Attribute():
                return (node.value,)
            case ast.Subscript():
                # One variable of the environment that holds no secret is not all of it.
                is_one = any(_is_variable(one) for one in self._constants.of(node))
                return () if is_one else (node.value,)
            case ast.Call():
                return self._inner_of_call(node)
            case _:
                return ast.iter_child_nodes(node) if isinstance(node, _PARTS) else ()

    def _inner_of_call(self, node: ast.Call) -> list[ast.AST]:
        if any(_is_variable(one) for one in self._constants.of(node)):
            return []
        given: list[ast.AST] = [*node.args, *node.keywords]
        names = [one.name for one in self._constants.of(node.func) if isinstance(one, Ref)]
        if any(x in _FUNCTIONS or (x.startswith(_MODULES) and "()" not in x) for x in names):
            return given
        if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            return [node.func.value, *given]
        return []


def _marked(values: list[Value]) -> Iterator[Mark]:
    for one in values:
        if isinstance(one, Ref):
            if one.name in _ALL_OF_IT:
                yield Mark(WHOLE)
            elif one.name.startswith(_STORED):
                yield Mark(STORED, one.name[:80])
            elif one.name.startswith("os.environ["):
                name = one.name[11:].partition("]")[0]
                if name == "?" or places.is_secret_name(name):
                    yield Mark(VARIABLE, name)
        elif isinstance(one, Known) and isinstance(one.value, str):
            lying = places.names_credentials(one.value)
            if lying:
                yield Mark(FILE, lying)


def _is_variable(value: Value) -> bool:
    return isinstance(value, Ref) and value.name.startswith("os.environ[")


def _names(target: ast.AST) -> list[str]:
    """Return the names that a target gives something to: also by a part of what they stand for."""
    made: list[str] = []
    stack = [target]
    while stack:
        one = stack.pop()
        if (name := _name(one)) is not None:
            made.append(name)
        elif isinstance(one, (ast.Tuple, ast.List)):
            stack += one.elts
        elif isinstance(one, (ast.Starred, ast.Subscript)):
            stack.append(one.value)
    return made


def _name(node: ast.AST) -> str | None:
    """Return a name, or an attribute of one such as `self.token`, as it is written; None for all else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return None
