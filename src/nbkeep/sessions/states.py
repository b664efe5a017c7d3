"""The life of a session as one table, and the only function that moves a session along it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.errors import Refused
from nbkeep.model.session import SessionState

if TYPE_CHECKING:
    from nbkeep.store.tables import SessionRow

_S = SessionState
TRANSITIONS: dict[SessionState, frozenset[SessionState]] = {
    _S.REQUESTED: frozenset({_S.STARTING, _S.STOPPING, _S.FAILED}),
    _S.STARTING: frozenset({_S.READY, _S.STOPPING, _S.FAILED}),
    _S.READY: frozenset({_S.FROZEN, _S.STOPPING, _S.SUSPENDED, _S.STOPPED, _S.FAILED}),
    _S.FROZEN: frozenset({_S.READY, _S.STOPPING, _S.SUSPENDED, _S.STOPPED, _S.FAILED}),
    _S.STOPPING: frozenset({_S.SUSPENDED, _S.STOPPED, _S.FAILED}),
    # Resumed; or its state was deleted, and then it is as its end had left it.
    _S.SUSPENDED: frozenset({_S.REQUESTED, _S.STOPPED, _S.FAILED}),
    # The node, which was away at its end, says later that it has saved state.
    _S.STOPPED: frozenset({_S.SUSPENDED}),
    _S.FAILED: frozenset({_S.SUSPENDED}),
}
if set(TRANSITIONS) != set(SessionState):
    raise AssertionError("every SessionState needs its line in TRANSITIONS")


def may_move(old: SessionState, new: SessionState) -> bool:
    """Tell whether the table has this transition."""
    return new in TRANSITIONS[old]


def move(row: SessionRow, new: SessionState) -> None:
    """Set the state of a session; raise `Refused` (409) for a transition that the table does not have."""
    old = SessionState(row.state)
    if not may_move(old, new):
        raise Refused(
            "wrong-state",
            f"The session is {old.value}: it cannot become {new.value}.",
            "Look at the session again: it has moved on.",
            status=409,
        )
    row.state = new.value
