"""What operators of Python make of values that are known."""

from __future__ import annotations

import ast
import posixpath
from typing import TYPE_CHECKING, Any

from .methods import LONGEST, MOST_ITEMS, Known, Ref, Value, as_str, is_sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def plus(one: Value | None, other: Value | None) -> Value | None:
    """Return a sum. A text plus what is not known is a text with a mark in it; None is not known."""
    left = one.value if isinstance(one, Known) else None
    right = other.value if isinstance(other, Known) else None
    how = (one.how if isinstance(one, Known) else ()) or (other.how if isinstance(other, Known) else ())
    if (
        isinstance(left, (str, bytes))
        and isinstance(right, (str, bytes))
        and len(left) + len(right) > LONGEST
    ):
        return None
    if isinstance(left, str) and isinstance(right, str):
        return Known((left + right)[:LONGEST], how)
    if isinstance(left, bytes) and isinstance(right, bytes):
        return Known((left + right)[:LONGEST], how)
    if isinstance(left, int) and isinstance(right, int):
        return Known(_small(left + right), how)
    if is_sequence(left) and is_sequence(right):
        return Known((left + right)[:MOST_ITEMS], how)
    if isinstance(left, str):
        return Known(f"{left}{{…}}", how)
    if isinstance(right, str):
        return Known(f"{{…}}{right}", how)
    return one if isinstance(one, Ref) and one.name != "?" else other if isinstance(other, Ref) else None


def _small(number: int) -> int:
    return number if abs(number) < 1 << 64 else 0


def operated(op: ast.operator, left: Value, right: Value) -> Iterator[Value]:
    """Yield what an operator other than + makes of two values."""
    if isinstance(op, ast.Div) and isinstance(right, Known) and isinstance(right.value, str):
        yield from _below(left, right)
        return
    if not (isinstance(left, Known) and isinstance(right, Known)):
        return
    if isinstance(op, ast.Mult) and (repeated := _repeated(left, right)) is not None:
        yield repeated
        return
    if isinstance(op, ast.Mod) and isinstance(left.value, str):
        yield from _filled(left, right)
    if isinstance(left.value, int) and isinstance(right.value, int):
        make = _OF_NUMBERS.get(type(op))
        number = make(left.value, right.value) if make is not None else None
        if number is not None:
            yield Known(number)


def _below(left: Value, right: Known) -> Iterator[Value]:
    """Yield the path that `/` makes."""
    if isinstance(left, Known) and isinstance(left.value, str):
        yield Known(posixpath.join(left.value, right.value), left.how)
    elif isinstance(left, Ref):
        yield Known(posixpath.join("{…}", right.value), right.how)


def _repeated(left: Known, right: Known) -> Known | None:
    """Return a text or sequence several times, within bounds; None where it is none, or too long."""
    one, times = left.value, right.value
    if isinstance(one, int) and not isinstance(times, int):
        one, times = times, one
    if isinstance(times, int) and not isinstance(one, int) and 0 <= times * max(1, len(one)) <= 10**6:
        return Known(one * times, left.how or right.how)
    return None


def _filled(pattern: Known, with_: Known) -> Iterator[Value]:
    """Yield a text with `%s` filled in; not by Python's own: "%999999999d" takes gigabytes."""
    values: list[Any] = list(with_.value) if is_sequence(with_.value) else [with_]
    pieces = str(pattern.value).split("%s")
    if len(pieces) > 200:
        return
    made = pieces[0]
    for at, piece in enumerate(pieces[1:]):
        one = values[at] if at < len(values) else None
        if len(made) > LONGEST:
            return
        made += (as_str(one.value) if isinstance(one, Known) else "{…}") + piece
    yield Known(made[:LONGEST], pattern.how)


# What operators make of two numbers; None where that is an error, or would take much memory.
_OF_NUMBERS: dict[type[ast.operator], Callable[[int, int], int | None]] = {
    ast.BitXor: lambda one, other: one ^ other,
    ast.BitAnd: lambda one, other: one & other,
    ast.BitOr: lambda one, other: one | other,
    ast.Sub: lambda one, other: _small(one - other),
    ast.Mult: lambda one, other: _small(one * other),
    ast.Mod: lambda one, other: one % other if other else None,
    ast.FloorDiv: lambda one, other: one // other if other else None,
    ast.RShift: lambda one, other: one >> other if 0 <= other < 64 else None,
    ast.LShift: lambda one, other: one << other if 0 <= other < 64 and abs(one) < 1 << 32 else None,
}
