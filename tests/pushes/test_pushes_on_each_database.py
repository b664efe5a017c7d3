"""A push is held, decided, passed, lapsed and forgotten the same on each database engine."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from guard_parts import say
from nbkeep.model.actor import Role
from nbkeep.pushes.decide import approve_push, withdraw_pushes_of
from nbkeep.pushes.forget import forget_pages, lapse_pushes
from nbkeep.pushes.records import find_push, list_pushes, waiting_for
from nbkeep.pushes.settle import settle_pushes
from nbkeep.pushes.view import page_of, push_view
from nbkeep.rendering.kept import Documents
from nbkeep.store.push_tables import PushRow
from nbkeep.store.tables import UserRow
from push_parts import FORGE, hold

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests


def approve(office: OfficeForTests, by: Actor, push_id: str) -> None:
    with office.store.write() as tx:
        mark = tx.get_one(PushRow, push_id).fingerprint
        approve_push(tx, office.clock, office.settings, by, push_id, fingerprint=mark)


def states(office: OfficeForTests) -> dict[str, str]:
    with office.store.read() as tx:
        return {one.id: one.state for one in tx.scalars(select(PushRow))}


def settle(office: OfficeForTests, push_id: str, outcome: str) -> None:
    with office.store.write() as tx:
        began = tx.get_one(PushRow, push_id).ended_at
        assert began is not None
        record = {"push_id": push_id, "passed_at": began.isoformat(), "outcome": outcome, "reason": ""}
        assert settle_pushes(tx, office.clock, [record]) == []


def test_a_push_is_held_read_and_passes_once(any_office: OfficeForTests) -> None:
    office = any_office
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    session_id = office.ready(jane)
    say(office, "everywhere", "push", secret="review")
    push_id = hold(office, session_id)
    assert hold(office, session_id) == push_id, "the same is asked for once"
    with office.store.read() as tx:
        now = office.clock.now()
        assert [one.id for one, _ in list_pushes(tx, rita, now, show="to-review").items] == [push_id]
        assert list_pushes(tx, jane, now, show="to-review").items == []
        assert waiting_for(tx, rita, now) == 1
        seen = push_view(rita, now, *find_push(tx, rita, push_id))
    assert seen["repository"] == f"https://{FORGE}/risk.git"
    assert [one["commit"] for one in seen["findings"]] == ["c" * 40]
    page = page_of(office.store, office.clock, Documents(office.settings.pushes_dir), rita, push_id)
    assert page["commits"][0]["id"] == "c" * 40
    approve(office, rita, push_id)
    assert hold(office, session_id) == push_id, "it passes"
    settle(office, push_id, "refused")
    assert states(office) == {push_id: "approved"}, "its forge did not take it"
    office.clock.advance(1)
    assert hold(office, session_id) == push_id, "it passes again"
    settle(office, push_id, "taken")
    office.clock.advance(1)
    other = hold(office, session_id)
    assert other != push_id, "and once"
    assert states(office) == {push_id: "pushed", other: "waiting"}
    with office.store.read() as tx:
        first = list_pushes(tx, jane, office.clock.now(), show="mine", limit=1)
        second = list_pushes(tx, jane, office.clock.now(), show="mine", limit=1, cursor=first.next or "")
    assert [one.id for one, _ in (*first.items, *second.items)] == [other, push_id]
    assert second.next is None


def test_time_ends_what_is_held_and_deletes_what_was_shown(any_office: OfficeForTests) -> None:
    office = any_office
    jane, rita = office.user("jane"), office.user("rita", Role.REVIEWER)
    session_id = office.ready(jane)
    say(office, "everywhere", "push", secret="review")
    first = hold(office, session_id)
    approve(office, rita, first)
    office.clock.advance(office.settings.release_valid_s + 1)
    office.beat(session_id)
    assert lapse_pushes(office.store, office.clock) == 1
    assert lapse_pushes(office.store, office.clock) == 0
    second = hold(office, session_id)
    with office.store.write() as tx:
        assert withdraw_pushes_of(tx, office.clock, rita, tx.get_one(UserRow, jane.id)) == 1
    assert states(office) == {first: "lapsed", second: "withdrawn"}
    documents = Documents(office.settings.pushes_dir)
    assert forget_pages(office.store, office.clock, office.settings, documents) == 0
    office.clock.advance(timedelta(days=100).total_seconds())
    assert forget_pages(office.store, office.clock, office.settings, documents) == 1, "both show the same"
    assert list(documents.names()) == []
