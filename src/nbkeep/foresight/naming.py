"""Which names a document gives to what: gone through once, for all of its cells, before anything is told."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from .methods import Known, Local, Ref, canonical, items
from .names import UNKNOWN
from .operators import plus

if TYPE_CHECKING:
    from collections.abc import Callable

    from .constants import Constants
    from .methods import Value


def name_all(tree: ast.AST, constants: Constants) -> None:
    """Note the names that a cell gives to imports, values and functions, in the order of its lines."""
    constants.carried.note(tree)
    giving = [one for one in ast.walk(tree) if type(one) in _WAYS]
    for node in sorted(giving, key=lambda one: (getattr(one, "lineno", 0), getattr(one, "col_offset", 0))):
        _WAYS[type(node)](node, constants)


def _import(node: ast.Import, constants: Constants) -> None:
    for one in node.names:
        name = one.name if one.asname else one.name.partition(".")[0]
        constants.names.give(one.asname or name, [canonical(Ref(name))])


def _import_from(node: ast.ImportFrom, constants: Constants) -> None:
    for one in node.names:
        if one.name == "*":
            constants.names.stars.append(node.module or "")
        else:
            name = canonical(Ref(f"{node.module or ''}.{one.name}"))
            constants.names.give(one.asname or one.name, [name])


def _assign(node: ast.Assign, constants: Constants) -> None:
    for target in node.targets:
        _target(target, node.value, constants)


def _assign_one(node: ast.AnnAssign | ast.NamedExpr, constants: Constants) -> None:
    _target(node.target, node.value, constants)


def _loop(node: ast.For | ast.AsyncFor, constants: Constants) -> None:
    values: list[Value] = []
    for one in constants.of(node.iter)[:2]:
        values += (items(one) or [])[:6]
    _each(node.target, values, constants)


def _with(node: ast.With | ast.AsyncWith, constants: Constants) -> None:
    for item in node.items:
        if item.optional_vars is not None:
            _target(item.optional_vars, item.context_expr, constants)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, constants: Constants) -> None:
    constants.names.give(node.name, [Local(node)])
    _parameters(node, constants)


def _class(node: ast.ClassDef, constants: Constants) -> None:
    constants.names.give(node.name, [Ref(f"local.{node.name}")])


def _except(node: ast.ExceptHandler, constants: Constants) -> None:
    if node.name is not None:
        constants.names.give(node.name, [])


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, constants: Constants) -> None:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [
        *[None] * (len(positional) - len(arguments.defaults)),
        *arguments.defaults,
        *arguments.kw_defaults,
    ]
    for one, default in zip([*positional, *arguments.kwonlyargs], defaults, strict=False):
        constants.names.give(one.arg, [UNKNOWN, *constants.of(default)])


def _target(target: ast.expr, value: ast.expr | None, constants: Constants) -> None:
    if isinstance(target, ast.Name):
        constants.names.give(target.id, constants.of(value))
    elif isinstance(target, (ast.Tuple, ast.List)):
        if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
            for one, other in zip(target.elts, value.elts, strict=True):
                _target(one, other, constants)
            return
        found = [items(one) for one in constants.of(value)[:1]]
        for at, one in enumerate(target.elts):
            if isinstance(one, ast.Name):
                inner = found[0] if found else None
                constants.names.give(one.id, inner[at : at + 1] if inner else [])
    elif isinstance(target, ast.Starred):
        _target(target.value, None, constants)


def _each(target: ast.expr, values: list[Value], constants: Constants) -> None:
    if isinstance(target, ast.Name):
        constants.names.give(target.id, values)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for at, one in enumerate(target.elts):
            inner = [found for value in values if (found := (items(value) or [])[at : at + 1])]
            _each(one, [x for found in inner for x in found], constants)


def _more(node: ast.AugAssign, constants: Constants) -> None:
    if not isinstance(node.target, ast.Name) or not isinstance(node.op, ast.Add):
        if isinstance(node.target, ast.Name):
            constants.names.give(node.target.id, [UNKNOWN])
        return
    before = [one for one in constants.names.values.get(node.target.id, []) if isinstance(one, Known)]
    added = constants.of(node.value)
    for one in before[-2:]:
        for other in added[:2]:
            made = plus(one, other)
            if made is not None:
                constants.names.give(node.target.id, [made])


_WAYS: dict[type[ast.AST], Callable[[Any, Constants], None]] = {
    ast.Import: _import, ast.ImportFrom: _import_from, ast.Assign: _assign, ast.AnnAssign: _assign_one,
    ast.NamedExpr: _assign_one, ast.AugAssign: _more, ast.For: _loop, ast.AsyncFor: _loop, ast.With: _with,
    ast.AsyncWith: _with, ast.FunctionDef: _function, ast.AsyncFunctionDef: _function, ast.ClassDef: _class,
    ast.ExceptHandler: _except,
}  # fmt: skip
