"""`nbkeep push`, as reviewers read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guard_parts import say
from nbkeep.store.push_tables import PushRow
from push_parts import hold

if TYPE_CHECKING:
    from cli_parts import Nbkeep

    from office_parts import OfficeForTests


def test_contents_begin_with_what_changed_since_it_was_pushed_before(
    nbkeep: Nbkeep, served: OfficeForTests
) -> None:
    say(served, "everywhere", "push", secret="review")
    session_id = served.ready(served.user("jane"))
    first = hold(served, session_id)
    assert "changed since" not in nbkeep("push", "show", first, "--contents").err
    with served.store.write() as tx:
        row = tx.get_one(PushRow, first)
        row.state, row.ended_at = "pushed", served.clock.now()
    served.clock.advance(1)
    said = nbkeep("push", "show", hold(served, session_id), "--contents").err
    assert f"changed since {first}:" in said
    assert "    key = AKIA…PD" in said
