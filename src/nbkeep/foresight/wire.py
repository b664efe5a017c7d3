"""What the child says of a document: written here, and checked value by value by whoever started it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.model.jsontypes import is_list, is_object
from nbkeep.rendering.wire import clean, sentence_of

from .values import KINDS, WEIGHTS, Act, Foreseen, Missed, Spot

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST, _MOST_CELLS = 4_000, 2**31


def as_json(found: Foreseen) -> dict[str, Any]:
    """Return what came of looking as a value for JSON, in the form in which everybody is told it."""
    return {
        "acts": [act_as_json(one) for one in found.acts],
        "not_read": [
            clean({**_spot(one.spot), "reason": one.reason}) | {"partly": one.partly}
            for one in found.not_read
        ],
        "language": clean(found.language),
        "cells": found.cells,
        "problem": clean(found.problem),
        "counts": {weight: found.count(weight) for weight in WEIGHTS},
    }


def act_as_json(one: Act) -> dict[str, Any]:
    """Return one act as a value for JSON."""
    said = {"kind": one.kind, "weight": one.weight, **_spot(one.spot), "what": one.what, "code": one.code}
    return clean(said)


def _spot(one: Spot) -> dict[str, Any]:
    return {"cell": one.cell, "line": one.line, "part": one.part, "within": list(one.within)}


def read(value: Any) -> Foreseen:
    """Return what a value from a child says. Raises ValueError for anything else, KeyError for what lacks."""
    if not is_object(value):
        raise ValueError("no answer")
    acts, missed = value["acts"], value["not_read"]
    if not is_list(acts) or not is_list(missed) or len(acts) > _MOST or len(missed) > _MOST:
        raise ValueError("no lists, or too long")
    return Foreseen(
        acts=[_act(one) for one in acts],
        not_read=[_missed(one) for one in missed],
        language=sentence_of(value["language"]),
        cells=_number(value["cells"]),
        problem=sentence_of(value["problem"]),
    )


def _act(one: Any) -> Act:
    if not is_object(one) or one.get("kind") not in KINDS or one.get("weight") not in WEIGHTS:
        raise ValueError("no act")
    return Act(one["kind"], one["weight"], _spot_of(one), sentence_of(one["what"]), sentence_of(one["code"]))


def _missed(one: Any) -> Missed:
    if not is_object(one) or not isinstance(one["partly"], bool):
        raise ValueError("no reason")
    return Missed(_spot_of(one), sentence_of(one["reason"]), one["partly"])


def _spot_of(one: dict[str, Any]) -> Spot:
    within: Any = one["within"]
    if not is_list(within) or len(within) > 20:
        raise ValueError("no place")
    return Spot(_number(one["cell"]), _number(one["line"]), sentence_of(one["part"]), _texts(within))


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(sentence_of(one) for one in values)


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MOST_CELLS:
        raise ValueError("no number")
    return value
