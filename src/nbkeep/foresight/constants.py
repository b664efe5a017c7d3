"""What an expression of Python comes to, as far as that can be known without running it: texts, bytes, names.

A name may have had several values: each expression has several, at most `MOST_VALUES`. Nothing of the
document is run: only what is listed here is worked out, within bounds.
"""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING, Any, ClassVar

from . import functions, methods, operators, reach
from .carried import Carried
from .decoding import DECODERS, codec
from .methods import Known, Local, Ref, Value, is_sequence
from .names import MOST_VALUES, UNKNOWN, Names, attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Scope = dict[str, list[Value]]

_STEPS = 1_500_000
_DEEPEST = 120
_LONGEST = 2 * 2**20
_ROOM = 48 * 2**20  # characters that are made, of all texts together


class Constants:
    """Works out expressions. One for a document; `names` may grow until `fix` is called.

    `carried`: which of them hold a secret.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.carried = Carried(self)
        self._left = _STEPS
        self._room = _ROOM
        self._known: dict[int, list[Value]] | None = None
        self._kept: list[ast.AST] = []

    def fix(self) -> None:
        """Say that names are complete: from now on, what an expression came to is remembered."""
        self._known = {}

    @property
    def is_exhausted(self) -> bool:
        """Tell whether there was more to work out than is done for one document."""
        return self._left <= 0

    def of(self, node: ast.AST | None, scope: Scope | None = None, depth: int = 0) -> list[Value]:
        """Return what an expression may come to; nothing where that is not known."""
        self._left -= 1
        if node is None or depth > _DEEPEST or self._left <= 0:
            return []
        if self._known is not None and not scope and (known := self._known.get(id(node))) is not None:
            return known
        found = [
            one
            for one in itertools.islice(_once(self._of(node, scope or {}, depth + 1)), MOST_VALUES)
            if self._has_room(one)
        ]
        if self._known is not None and not scope:
            self._known[id(node)] = found
            self._kept.append(node)  # its number is nobody else's while it is kept
        return found

    def _has_room(self, one: Value | None) -> bool:
        """Tell whether a value may be kept: texts that double with each line would fill all memory."""
        size = len(one.value) if isinstance(one, Known) and not isinstance(one.value, int) else 0
        if size > 1000:
            if size > self._room:
                self._left = 0
                return False
            self._room -= size
        return True

    def texts(self, node: ast.AST | None) -> list[Known]:
        """Return the texts (or bytes) that an expression may come to."""
        return [
            one for one in self.of(node) if isinstance(one, Known) and isinstance(one.value, (str, bytes))
        ]

    def callees(self, node: ast.Call) -> list[Ref]:
        """Return what a call may call, by full names."""
        return [one for one in self.of(node.func) if isinstance(one, Ref) and one != UNKNOWN]

    def _of(self, node: ast.AST, scope: Scope, depth: int) -> Iterator[Value]:
        way = self._ways.get(type(node))
        return way(self, node, scope, depth) if way is not None else iter(())

    def _constant(self, node: ast.Constant, _scope: Scope, _depth: int) -> Iterator[Value]:
        if isinstance(node.value, (str, bytes, int)):
            yield Known(node.value)

    def _name(self, node: ast.Name, scope: Scope, _depth: int) -> Iterator[Value]:
        yield from scope[node.id] if node.id in scope else self.names.named(node.id)

    def _attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> Iterator[Value]:
        for one in self.of(node.value, scope, depth):
            yield from attribute(one, node.attr)

    def _operation(self, node: ast.BinOp, scope: Scope, depth: int) -> Iterator[Value]:
        if isinstance(node.op, ast.Add):
            yield from self._added(node, scope, depth)
            return
        for left, right in self._both(node.left, node.right, scope, depth):
            yield from operators.operated(node.op, left, right)

    def _inner(
        self, node: ast.FormattedValue | ast.NamedExpr | ast.Starred | ast.Await, scope: Scope, depth: int
    ) -> Iterator[Value]:
        yield from self.of(node.value, scope, depth)

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope, depth: int) -> Iterator[Value]:
        made: list[Value] = []
        for one in node.elts[:200_000]:
            if isinstance(one, ast.Constant) and isinstance(one.value, (str, bytes, int)):
                made.append(Known(one.value))
            else:
                made += self.of(one, scope, depth)[:1] or [UNKNOWN]
        yield Known(tuple(made))

    def _table(self, node: ast.Dict, scope: Scope, depth: int) -> Iterator[Value]:
        values = (self.of(one, scope, depth)[:1] for one in node.values)
        yield Known(tuple(itertools.chain.from_iterable(values)))

    def _either(self, node: ast.IfExp, scope: Scope, depth: int) -> Iterator[Value]:
        yield from self.of(node.body, scope, depth)
        yield from self.of(node.orelse, scope, depth)

    def _any(self, node: ast.BoolOp, scope: Scope, depth: int) -> Iterator[Value]:
        for one in node.values:
            yield from self.of(one, scope, depth)

    def _negative(self, node: ast.UnaryOp, scope: Scope, depth: int) -> Iterator[Value]:
        if isinstance(node.op, ast.USub):
            for one in self.of(node.operand, scope, depth):
                if isinstance(one, Known) and isinstance(one.value, int):
                    yield Known(-one.value)

    def _lambda(self, node: ast.Lambda, _scope: Scope, _depth: int) -> Iterator[Value]:
        yield Local(node)

    def _both(self, left: ast.AST, right: ast.AST, scope: Scope, depth: int) -> Iterator[tuple[Value, Value]]:
        pairs = itertools.product(self.of(left, scope, depth), self.of(right, scope, depth))
        return itertools.islice(pairs, 3 * MOST_VALUES)

    def _added(self, node: ast.BinOp, scope: Scope, depth: int) -> Iterator[Value]:
        """Yield what a sum of many comes to: flat, for a text may be split into hundreds of pieces."""
        terms: list[ast.AST] = []
        left: ast.AST = node
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add) and len(terms) < 20_000:
            terms.append(left.right)
            left = left.left
        sums: list[Value | None] = list(self.of(left, scope, depth)) or [None]
        for term in reversed(terms):
            here: list[Value | None] = list(self.of(term, scope, depth)) or [None]
            pairs = itertools.islice(itertools.product(sums, here), 2 * MOST_VALUES)
            sums = list(_once(operators.plus(one, other) for one, other in pairs))[:MOST_VALUES] or [None]
            if not all(self._has_room(one) for one in sums):
                return
        yield from (one for one in sums if one is not None)

    def _formatted(self, node: ast.JoinedStr, scope: Scope, depth: int) -> Iterator[Value]:
        made: list[Known] = [Known("")]
        for part in node.values:
            found = [one for one in self.of(part, scope, depth) if isinstance(one, Known)]
            texts = [Known(methods.as_str(one.value), one.how) for one in found] or [Known("{…}")]
            if not all(self._has_room(one) for one in texts):
                return
            made = [Known(f"{one.value}{other.value}"[:_LONGEST], one.how or other.how)
                    for one, other in itertools.product(made, texts)][:MOST_VALUES]  # fmt: skip
        yield from made

    def _item(self, node: ast.Subscript, scope: Scope, depth: int) -> Iterator[Value]:
        if isinstance(node.slice, ast.Slice):
            bounds = [
                self._number(one, scope, depth)
                for one in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            given = (node.slice.lower, node.slice.upper, node.slice.step)
            if (
                any(one is not None and bound is None for one, bound in zip(given, bounds, strict=True))
                or bounds[2] == 0
            ):
                return
            for one in self.of(node.value, scope, depth):
                if isinstance(one, Known) and not isinstance(one.value, int):
                    backwards = ("reversed",) if bounds[2] == -1 else ()
                    yield Known(one.value[slice(*bounds)], (*one.how, *backwards))
                elif isinstance(one, Ref):
                    yield one
            return
        for of, key in self._both(node.value, node.slice, scope, depth):
            yield from self.names.looked_up(of, key)

    def _number(self, node: ast.AST | None, scope: Scope, depth: int) -> int | None:
        found = self.of(node, scope, depth) if node is not None else []
        return (
            found[0].value
            if found and isinstance(found[0], Known) and isinstance(found[0].value, int)
            else None
        )

    def _each(
        self, node: ast.GeneratorExp | ast.ListComp | ast.SetComp, scope: Scope, depth: int
    ) -> Iterator[Value]:
        """Yield what a comprehension over something known makes: texts are hidden by such."""
        first = node.generators[0]
        if len(node.generators) > 1 or first.ifs:
            yield from self._made(node)
            return
        for one in self.of(first.iter, scope, depth)[:2]:
            made = self._looped(node.elt, first.target, methods.items(one), scope, depth)
            if made is not None:
                is_computed = any(isinstance(x, ast.Call | ast.BinOp) for x in ast.walk(node.elt))
                yield Known(made, ("a loop",) if is_computed else ())
        yield from self._made(node)

    def _looped(
        self, made_of: ast.expr, target: ast.expr, items: list[Value] | None, scope: Scope, depth: int
    ) -> tuple[Value, ...] | None:
        """Return what an expression comes to for each item, or None where one of them is not known."""
        if items is None or len(items) > 100_000:
            return None
        made: list[Value] = []
        for item in items:
            found = self.of(made_of, {**scope, **_given(target, item)}, depth)
            if not found or not isinstance(found[0], Known):
                return None
            made.append(found[0])
        return tuple(made)

    def _made(self, node: ast.AST) -> Iterator[Value]:
        """Yield that something was decoded, where letters are computed."""
        for one in ast.walk(node):
            if isinstance(one, ast.BitXor) or (isinstance(one, ast.Name) and one.id in {"chr", "ord"}):
                yield Ref("decoded()")
                return

    def _called(self, node: ast.Call, scope: Scope, depth: int) -> Iterator[Value]:
        function = node.func
        if isinstance(function, ast.Attribute):
            for of in self.of(function.value, scope, depth):
                if isinstance(of, Known):
                    arguments = [self.of(one, scope, depth) for one in node.args[:50]]
                    yield from methods.method(
                        of, function.attr, arguments, self._keywords(node, scope, depth)
                    )
        for callee in self.of(function, scope, depth):
            if isinstance(callee, Local):
                yield from self._returned(callee, node, scope, depth)
            elif isinstance(callee, Ref):
                yield from self._result(callee, node, scope, depth)

    def _keywords(self, node: ast.Call, scope: Scope, depth: int) -> dict[str, list[Value]]:
        return {one.arg: self.of(one.value, scope, depth) for one in node.keywords[:50] if one.arg}

    def _returned(self, of: Local, node: ast.Call, scope: Scope, depth: int) -> Iterator[Value]:
        """Yield what a function of the document's own returns for these arguments."""
        if depth > _DEEPEST // 3:
            return
        names = [one.arg for one in (*of.node.args.posonlyargs, *of.node.args.args)]
        inner: Scope = {
            name: self.of(one, scope, depth) or [UNKNOWN] for name, one in zip(names, node.args, strict=False)
        }
        inner |= {name: values or [UNKNOWN] for name, values in self._keywords(node, scope, depth).items()}
        for expression in of.returns():
            yield from self.of(expression, inner, depth + 5)

    def _result(self, callee: Ref, node: ast.Call, scope: Scope, depth: int) -> Iterator[Value]:
        first = self.of(node.args[0], scope, depth) if node.args else []
        second = self.of(node.args[1], scope, depth) if len(node.args) > 1 else []
        reached = reach.reached(self.names, callee.name, first, second)
        if reached is not None:
            return reached
        return self._computed(callee.name, first, second, node, scope, depth)

    def _computed(
        self, name: str, first: list[Value], second: list[Value], node: ast.Call, scope: Scope, depth: int
    ) -> Iterator[Value]:
        if name in DECODERS:
            how, undo = DECODERS[name]
            yield from _undone(how, undo, first)
        elif name in {"codecs.decode", "codecs.encode"} and second:
            chosen = codec(str(second[0].value)) if isinstance(second[0], Known) else None
            if chosen and (name == "codecs.decode" or chosen[0] == "rot13"):
                for one in _undone(*chosen, first):
                    yield methods.rot13_text(one, chosen[0])
            else:
                yield from first
        else:
            arguments = [self.of(one, scope, depth) for one in node.args[:50]]
            known = functions.function(name, arguments)
            if known is not None:
                yield from known
            else:
                yield methods.canonical(Ref(f"{name}()"[:400]))

    _ways: ClassVar[dict[type[ast.AST], Callable[[Constants, Any, Scope, int], Iterator[Value]]]] = {
        ast.Constant: _constant, ast.Name: _name, ast.Attribute: _attribute, ast.BinOp: _operation,
        ast.JoinedStr: _formatted, ast.FormattedValue: _inner, ast.NamedExpr: _inner, ast.Starred: _inner,
        ast.Await: _inner, ast.Subscript: _item, ast.Call: _called, ast.List: _sequence,
        ast.Tuple: _sequence, ast.Set: _sequence, ast.Dict: _table, ast.GeneratorExp: _each,
        ast.ListComp: _each, ast.SetComp: _each, ast.IfExp: _either, ast.BoolOp: _any,
        ast.UnaryOp: _negative, ast.Lambda: _lambda,
    }  # fmt: skip


def _given(target: ast.expr, item: Value) -> Scope:
    """Return the names that a loop gives to an item."""
    if isinstance(target, ast.Name):
        return {target.id: [item]}
    if not (isinstance(target, ast.Tuple) and isinstance(item, Known) and is_sequence(item.value)):
        return {}
    pairs = zip(target.elts, item.value, strict=False)
    return {one.id: [value] for one, value in pairs if isinstance(one, ast.Name)}


def _undone(how: str, undo: Any, values: list[Value]) -> Iterator[Value]:
    is_known = False
    for one in values:
        if isinstance(one, Known) and isinstance(one.value, (str, bytes)):
            data = one.value.encode("utf-8", "replace") if isinstance(one.value, str) else one.value
            made = undo(data[:_LONGEST])
            if made is not None:
                is_known = True
                yield Known(made[:_LONGEST], (*one.how, how))
    if not is_known:
        yield Ref("decoded()")


def _once(values: Iterator[Any]) -> Iterator[Any]:
    seen: list[Any] = []
    for one in values:
        if one is not None and one not in seen:
            seen.append(one)
            yield one
