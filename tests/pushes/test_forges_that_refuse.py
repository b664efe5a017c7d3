"""An approved push that its forge does not take may be pushed again; one that may be there may not."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from guard_parts import say
from nbkeep.egress.spool import Spool
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.clock import ManualClock
from nbkeep.outbox.notices import list_notices
from nbkeep.pushes.decide import approve_push, withdraw_pushes_of
from nbkeep.pushes.settle import settle_unheard
from nbkeep.store.push_tables import PushRow
from nbkeep.store.tables import UserRow
from push_parts import needs_git
from scan_parts import KEY

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from push_parts import Pushing

pytestmark = [needs_git, pytest.mark.usefixtures("without_a_jail")]


def approved(at_work: Pushing) -> tuple[Actor, str, str]:
    """Push a key, which is held and approved; return the reviewer, the push's id and the commit's."""
    say(at_work.office, "everywhere", "push", secret="review", unread="review")
    at_work.judge_now()
    office, rita = at_work.office, at_work.office.user("rita", Role.REVIEWER)
    # More than lies between two programs on their way, so that it can end in the middle.
    at_work.commit("data.bin", os.urandom(7 << 20))
    tip = at_work.commit(text=f'key = "{KEY}"\n')
    assert "was not sent yet" in at_work.push().stderr
    with office.store.write() as tx:
        row = tx.query(PushRow).one()
        approve_push(tx, office.clock, office.settings, rita, row.id, fingerprint=row.fingerprint)
        return rita, row.id, tip


def state(at_work: Pushing, push_id: str) -> str:
    with at_work.office.store.read() as tx:
        return tx.get_one(PushRow, push_id).state


def told(at_work: Pushing) -> str:
    """Return what Jane is told."""
    with at_work.office.store.read() as tx:
        return "\n".join(one.text for one in list_notices(tx, at_work.jane))


def hook(at_work: Pushing, status: int) -> None:
    file = at_work.forge.folder / "risk.git/hooks/pre-receive"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\nexit {status}\n")
    file.chmod(0o755)


@pytest.mark.parametrize("how", ["hook", "403", "503", "down", "cut"])
def test_what_the_forge_refuses_may_be_pushed_again_by_the_same_approval_and_once(
    at_work: Pushing, how: str
) -> None:
    _, push_id, tip = approved(at_work)
    match how:
        case "hook":
            hook(at_work, 1)
        case "down":
            at_work.outside.was_asked = lambda: setattr(at_work.forge, "is_down", True)
        case "cut":
            at_work.forge.is_cutting = True
        case status:
            at_work.forge.answers = int(status)
    assert at_work.push().returncode != 0
    assert [one["outcome"] for one in at_work.outside.report()] == ["refused"]
    assert state(at_work, push_id) == "approved"
    assert "push exactly the same again" in told(at_work)
    assert at_work.refs == {}

    hook(at_work, 0)
    at_work.outside.was_asked = at_work.forge.answers = None
    at_work.forge.is_down = at_work.forge.is_cutting = False
    done = at_work.push()
    assert done.returncode == 0, done.stderr
    assert [one["outcome"] for one in at_work.outside.report()] == ["taken"]
    assert at_work.refs == {"refs/heads/main": tip}
    assert state(at_work, push_id) == "pushed"
    assert [one["outcome"] for one in at_work.events("push.settled")] == ["taken", "refused"]
    (at_work.forge.folder / "risk.git/refs/heads/main").unlink()
    assert "was not sent yet" in at_work.push().stderr, "the approval is used up"


def test_where_the_forge_is_faster_than_other_commits_the_approval_stays_for_these_alone(
    at_work: Pushing,
) -> None:
    _, push_id, tip = approved(at_work)
    hook(at_work, 1)
    at_work.push()
    at_work.outside.report()
    at_work.commit("b.py", f'other = "{KEY}"\n')
    assert "was not sent yet" in at_work.push().stderr
    assert "was not sent yet" in at_work.push("origin", f"{tip}:refs/heads/other").stderr
    assert state(at_work, push_id) == "approved"


@pytest.mark.parametrize("status", [0, 200, 502])
def test_of_what_nobody_can_tell_the_approval_is_used_up_and_its_author_is_told(
    at_work: Pushing, status: int
) -> None:
    _, push_id, _ = approved(at_work)
    at_work.forge.answers = status
    at_work.push()
    assert [one["outcome"] for one in at_work.outside.report()] == ["unknown"]
    assert state(at_work, push_id) == "pushed"
    assert "The approval is used up" in told(at_work)
    at_work.forge.answers = None
    assert "was not sent yet" in at_work.push().stderr


def test_one_of_several_branches_that_is_taken_uses_the_approval_up(at_work: Pushing) -> None:
    say(at_work.office, "everywhere", "push", secret="review")
    at_work.judge_now()
    office, rita = at_work.office, at_work.office.user("rita", Role.REVIEWER)
    at_work.commit(text=f'key = "{KEY}"\n')
    both = ("origin", "main:refs/heads/a", "main:refs/heads/b")
    at_work.push(*both)
    with office.store.write() as tx:
        row = tx.query(PushRow).one()
        approve_push(tx, office.clock, office.settings, rita, row.id, fingerprint=row.fingerprint)
    file = at_work.forge.folder / "risk.git/hooks/update"
    file.parent.mkdir(exist_ok=True)
    file.write_text('#!/bin/sh\ntest "$1" = refs/heads/a\n')
    file.chmod(0o755)
    assert at_work.push(*both).returncode != 0
    assert [one["outcome"] for one in at_work.outside.report()] == ["taken"]
    assert list(at_work.refs) == ["refs/heads/a"]


def test_while_one_is_under_way_the_same_is_not_sent_a_second_time(at_work: Pushing) -> None:
    _, push_id, _ = approved(at_work)
    at_work.forge.answers = 403
    at_work.push()
    assert state(at_work, push_id) == "sending"
    sent = len(at_work.forge.pushed)
    assert f"under way to the forge ({push_id})" in at_work.push().stderr
    assert len(at_work.forge.pushed) == sent


def test_an_old_report_gives_no_later_pass_back(at_work: Pushing) -> None:
    _, push_id, _ = approved(at_work)
    at_work.forge.answers = 403
    at_work.push()
    batch = at_work.outside.report()
    assert isinstance(at_work.office.clock, ManualClock)
    at_work.office.clock.advance(1)
    at_work.forge.answers = 0
    at_work.push()
    assert at_work.outside.client is not None
    at_work.outside.client.post("/internal/v1/gateway/pushes/outcomes", json={"records": batch})
    assert state(at_work, push_id) == "sending"


def test_what_was_withdrawn_under_way_is_not_given_back(at_work: Pushing) -> None:
    _, push_id, _ = approved(at_work)
    at_work.forge.answers = 403
    at_work.push()
    with at_work.office.store.write() as tx:
        withdraw_pushes_of(tx, at_work.office.clock, OPERATOR, tx.get_one(UserRow, at_work.jane.id))
    at_work.outside.report()
    assert state(at_work, push_id) == "withdrawn"


def test_after_a_gateway_that_was_killed_the_next_one_says_that_nobody_knows(at_work: Pushing) -> None:
    _, push_id, _ = approved(at_work)
    at_work.forge.answers = 0
    at_work.push()
    file = at_work.outside.folder / "pushes.jsonl"
    began = next(line for line in file.read_text().splitlines() if line.startswith('{"o"'))
    other = at_work.outside.folder / "next.jsonl"
    other.write_text(began + "\n")
    assert at_work.outside.client is not None
    at_work.outside.client.post(
        "/internal/v1/gateway/pushes/outcomes", json={"records": Spool(other).batch()}
    )
    assert state(at_work, push_id) == "pushed"
    assert "The approval is used up" in told(at_work)


def test_what_no_gateway_ever_reports_is_used_up_and_told(at_work: Pushing) -> None:
    _, push_id, _ = approved(at_work)
    at_work.forge.answers = 403
    at_work.push()
    office = at_work.office
    assert settle_unheard(office.store, office.clock) == 0
    office.clock.advance(timedelta(hours=2).total_seconds())
    assert settle_unheard(office.store, office.clock) == 1
    assert state(at_work, push_id) == "pushed"
    assert "nobody has said what became of it. The approval is used up" in told(at_work)
    at_work.outside.report()
    assert state(at_work, push_id) == "pushed", "whoever comes too late gives nothing back"
