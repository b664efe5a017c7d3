"""What the office decided about saving in this session, and about what leaves it; pure.

The session's view tells under `leaving`, for each gate and each thing that may be found, what is decided, and
by the rule of which scope: `{"save": {"secret": {"decision": "deny", "scope": "everywhere"}, …}, …}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from nbkeep.model.gates import Decision, Found, Gate
from nbkeep.model.judged import Judgement, judge_told

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

LOOKED_FOR = (Found.SECRET, Found.PERSONAL, Found.UNREAD)


def judge(view: Mapping[str, Any] | None, gate: Gate, found: Collection[Found]) -> Judgement:
    """Return the strictest of what is decided about each thing that was found.

    Before the office has answered once, a save goes on (nothing leaves by it), and a download does not.
    """
    leaving: Any = (view or {}).get("leaving")
    if not isinstance(leaving, dict):
        return Judgement(Decision.ALLOW if gate is Gate.SAVE else Decision.DENY)
    told: Any = cast("dict[str, Any]", leaving).get(gate.value)
    return judge_told(told, found)


def is_decided(view: Mapping[str, Any] | None, gate: Gate) -> Judgement | None:
    """Return the judgement where nothing need be examined for it: all that may be found comes to the same."""
    each = [judge(view, gate, [found]) for found in Found]
    if len({one.decision for one in each}) > 1:
        return None
    return judge(view, gate, [Found.NOTHING])
