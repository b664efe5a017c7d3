"""What parent and child say to each other: written by one, checked value by value by the other."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nbkeep.model.gates import FORMATS
from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.scanning.values import SEVERITIES, Finding, NotRead, Place

from .interface import Keep, Order, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

_MOST, _LONGEST = 20_000, 2_000
_KINDS = frozenset({"secret", "personal"})


def order_as_json(order: Order) -> dict[str, Any]:
    """Return an order as a value for JSON; of its rules, which lie in a file, only whether there are any."""
    return {**asdict(order), "rules": bool(order.rules)}


def order_of(value: Any, read_rules: Callable[[], str]) -> Order:
    """Return the order that a value of JSON is. Raises ValueError for anything else.

    `read_rules`: gives what is in the file of rules; asked where there are any.
    """
    if not is_object(value) or value.get("form") not in FORMATS or not isinstance(value.get("path"), str):
        raise ValueError("no order")
    keep: Any = value.get("keep")
    if not is_object(keep) or not all(isinstance(one, bool) for one in keep.values()):
        raise ValueError("no order")
    rules = read_rules() if _flag(value.get("rules")) else ""
    return Order(
        value["path"], value["form"], Keep(**keep), rules, tuple(sentences_of(value.get("values_of")))
    )


def as_json(findings: Sequence[Finding], not_read: Sequence[NotRead]) -> dict[str, Any]:
    """Return what was found as a value for JSON.

    What tells equal values in a finding (`same`) is a hash of the value, which is written nowhere: numbers
    take its place.
    """
    numbers: dict[str, str] = {}
    told = [
        asdict(one) | {"same": numbers.setdefault(one.same, str(len(numbers) + 1))}
        for one in findings[:_MOST]
    ]
    return {"findings": clean(told), "not_read": clean([asdict(one) for one in not_read[:_MOST]])}


def clean(value: Any) -> Any:
    """Return a value of JSON whose texts can be shown anywhere: printable, and no longer than a page."""
    if isinstance(value, str):
        text = value[:_LONGEST]
        return text if text.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in text)
    if is_list(value):
        return [clean(one) for one in value]
    return {key: clean(one) for key, one in value.items()} if is_object(value) else value


def findings_of(value: Any) -> list[Finding]:
    """Return the findings that a value from a child holds. Raises ValueError for anything else."""
    return [_finding(one) for one in _few(value)]


def not_read_of(value: Any) -> list[NotRead]:
    """Return what a child could not read. Raises ValueError for anything else."""
    return [
        NotRead(
            _text(one["path"]),
            _place(one["place"]),
            _text(one["reason"]),
            _flag(one["partly"]),
            _text(one["commit"]),
        )
        for one in _objects(_few(value))
    ]


def values_of(value: Any) -> list[Value]:
    """Return the values that a child was asked for. Raises ValueError for anything else."""
    return [
        Value(_text(one["rule"]), _text(one["masked"]), _text(one["value"])) for one in _objects(_few(value))
    ]


def sentences_of(value: Any) -> list[str]:
    """Return the texts that a value from a child holds. Raises ValueError for anything else."""
    return [_text(one) for one in _few(value)]


def sentence_of(value: Any) -> str:
    """Return the text that a value from a child is. Raises ValueError for anything else."""
    return _text(value)


def flag_of(value: Any) -> bool:
    """Return the bool that a value from a child is. Raises ValueError for anything else."""
    return _flag(value)


def _finding(one: Any) -> Finding:
    if not is_object(one) or one.get("kind") not in _KINDS or one.get("severity") not in SEVERITIES:
        raise ValueError("no finding")
    return Finding(
        path=_text(one["path"]), place=_place(one["place"]), line=_number(one["line"]),
        file_line=_number(one["file_line"]), rule=_text(one["rule"]), kind=one["kind"],
        title=_text(one["title"]),
        severity=one["severity"], masked=_text(one["masked"]), decoded=_flag(one["decoded"]),
        commit=_text(one["commit"]), allowed=_text(one["allowed"]), place_id=_text(one["place_id"]),
        check=_text(one["check"]), same=_text(one["same"]),
    )  # fmt: skip


def _place(one: Any) -> Place:
    if not is_object(one):
        raise ValueError("no place")
    return Place(_text(one["inside"]), _number(one["cell"]), _text(one["cell_id"]), _text(one["part"]))


def _few(value: Any) -> list[Any]:
    if not is_list(value) or len(value) > _MOST:
        raise ValueError("no list, or too long")
    return value


def _objects(values: list[Any]) -> list[dict[str, Any]]:
    if not all(is_object(one) for one in values):
        raise ValueError("no objects")
    return values


def _is(kind: type[T], ok: Callable[[T], bool]) -> Callable[[Any], T]:
    def checked(value: Any) -> T:
        if type(value) is not kind or not ok(value):
            raise ValueError(f"no {kind.__name__}")
        return value

    return checked


_text = _is(str, lambda text: len(text) <= _LONGEST and text.isprintable())
_number = _is(int, lambda number: 0 <= number < 2**40)
_flag = _is(bool, lambda _flag: True)
