"""What the office decided for a session at the gates upload and push. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from nbkeep.model.judged import is_all_allowed, judge_told

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nbkeep.model.gates import Found, Gate
    from nbkeep.model.judged import Judgement


@dataclass(frozen=True)
class Told:
    """Decisions by gate, as `guard.records.told` makes them. Empty: all of it may go."""

    of_gates: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def is_open(self, gate: Gate) -> bool:
        """Whether whatever may be found may leave by a gate, so that nothing has to be looked for."""
        return not self.of_gates or is_all_allowed(self.of_gates.get(gate.value))

    def judge(self, gate: Gate, found: Collection[Found]) -> Judgement:
        """Return what happens at a gate to what this was found in; what cannot be understood is refused."""
        return judge_told(self.of_gates.get(gate.value), found)

    def is_decided(self, gate: Gate, found: Collection[Found]) -> bool:
        """Whether all that may be found comes to the same, so that nobody needs to look."""
        return len({self.judge(gate, [one]).decision for one in found}) == 1


EVERYTHING = Told()


@lru_cache(maxsize=256)
def read_told(text: str) -> Told:
    """Return what the field `leaving` of a session's policy says; what cannot be read refuses everything."""
    if not text:
        return EVERYTHING
    try:
        found: object = json.loads(text)
    except ValueError:
        found = None
    # Not empty, and nothing in it is understood: each gate refuses.
    return Told(cast("dict[str, Any]", found) if isinstance(found, dict) and found else {"": None})
