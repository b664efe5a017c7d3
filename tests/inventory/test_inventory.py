"""The inventory: everything that there is, what nobody owns first, and never a value."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from incident_parts import secret
from nbkeep.inventory.look import KINDS, inventory, things
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.people.tokens import create_token
from nbkeep.store.network_tables import ConnectionRow
from nbkeep.store.tables import ApiTokenRow, DeclaredConnectionRow, UserRow

if TYPE_CHECKING:
    from office_parts import OfficeForTests


def test_what_nobody_owns_comes_first_with_what_to_do(any_office: OfficeForTests) -> None:
    office = any_office
    root, jane = office.user("root", Role.ADMIN), office.user()
    office.ready(root)
    secret(office, jane, "user:jane")
    with office.store.write() as tx:
        create_token(tx, office.clock, jane, name="nightly", scopes=["self"], valid_s=86400)
        tx.get_one(UserRow, jane.id).status = "disabled"
    found = inventory(office, root)["items"]
    assert [one["level"] for one in found[:2]] == ["unowned", "unowned"]
    assert {one["name"] for one in found[:2]} == {"nightly", "openai"}
    assert all(one["todo"] for one in found[:2])
    whole = json.dumps(inventory(office, root, limit=1000))
    assert "sk-live" not in whole
    assert "of-this-test" not in whole  # the platform's own tokens and keys


def test_pages_hold_each_thing_once(office: OfficeForTests) -> None:
    root = office.user("root", Role.ADMIN)
    office.ready(root)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = inventory(office, root, limit=2, cursor=cursor)
        seen += [f"{one['kind']} {one['id']}" for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == len(things(office, root))


def test_further_pages_ask_nothing_and_tell_what_was_there_at_the_first(office: OfficeForTests) -> None:
    jane = office.user()
    with office.store.write() as tx:
        for number in range(9):
            create_token(tx, office.clock, jane, name=f"t{number}", scopes=["self"], valid_s=86400)
    first = inventory(office, OPERATOR, limit=4)
    with office.store.write() as tx:
        tx.query(ApiTokenRow).where(ApiTokenRow.name == "t6").delete()
        create_token(tx, office.clock, jane, name="t00", scopes=["self"], valid_s=86400)
    asked: list[str] = []
    event.listen(office.store.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    pages = [first]
    while pages[-1]["next"]:
        pages.append(inventory(office, OPERATOR, limit=4, cursor=pages[-1]["next"]))
    assert asked == []
    names = [one["name"] for page in pages for one in page["items"] if one["what"] == "API token"]
    assert names == [f"t{number}" for number in range(9)]
    assert {page["looked_at"] for page in pages} == {first["looked_at"]}
    assert inventory(office, OPERATOR)["counts"] == first["counts"]  # of now: one has gone, one has come
    assert "t00" in {one["name"] for one in inventory(office, OPERATOR)["items"]}


def test_what_others_look_at_meanwhile_changes_nobodys_pages(office: OfficeForTests) -> None:
    jane = office.user()
    with office.store.write() as tx:
        for number in range(9):
            create_token(tx, office.clock, jane, name=f"t{number}", scopes=["self"], valid_s=86400)
    first = inventory(office, OPERATOR, limit=4)
    with office.store.write() as tx:  # what was further down comes first now
        tx.get_one(UserRow, jane.id).status = "disabled"
    others = [inventory(office, OPERATOR, limit=4) for _ in range(7)]
    pages = [first]
    while pages[-1]["next"]:
        pages.append(inventory(office, OPERATOR, limit=4, cursor=pages[-1]["next"]))
    names = [one["name"] for page in pages for one in page["items"] if one["what"] == "API token"]
    assert names == [f"t{number}" for number in range(9)]
    assert others[0]["levels"] != first["levels"]
    inventory(office, OPERATOR, limit=4)  # one more than are kept: what comes next is of now
    assert inventory(office, OPERATOR, limit=4, cursor=first["next"])["levels"] == others[0]["levels"]


def test_a_page_that_is_turned_late_goes_on_where_the_last_one_ended(office: OfficeForTests) -> None:
    jane = office.user()

    def make(name: str) -> None:
        with office.store.write() as tx:
            create_token(tx, office.clock, jane, name=name, scopes=["self"], valid_s=86400)

    for name in ("b", "d", "f"):
        make(name)
    first = inventory(office, OPERATOR, kind="non-human-credentials", limit=2)
    assert [one["name"] for one in first["items"]] == ["b", "d"]
    for name in ("a", "e"):
        make(name)
    office.clock.advance(3600)
    second = inventory(office, OPERATOR, kind="non-human-credentials", limit=2, cursor=first["next"])
    assert [one["name"] for one in second["items"]] == ["e", "f"]
    assert second["looked_at"] > first["looked_at"]


def test_what_ends_soon_and_what_is_not_used_is_said(office: OfficeForTests) -> None:
    jane = office.user()
    with office.store.write() as tx:
        for name, days in (("soon", 3), ("later", 200)):
            create_token(tx, office.clock, jane, name=name, scopes=["self"], valid_s=days * 86400)
    levels = {one.name: one.level for one in things(office, OPERATOR, "non-human-credentials")}
    assert (levels["soon"], levels["later"]) == ("expiring", "fine")
    office.clock.advance(100 * 86400)
    told = {one.name: one.todo for one in things(office, OPERATOR, "non-human-credentials")}
    assert "soon" not in told
    assert told["later"].startswith("Not used for 100 days")


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "<b>"},
        {"cursor": "-1"},
        {"cursor": "9" * 50},
        {"cursor": "²"},
        {"cursor": "WzFd"},
        {"cursor": "WyI8Yj4iXQ"},
    ],
)
def test_what_is_no_kind_and_no_place_is_refused(office: OfficeForTests, bad: dict[str, str]) -> None:
    with pytest.raises(Refused) as refusal:
        inventory(office, OPERATOR, **bad)  # pyright: ignore[reportArgumentType]  they are all strings
    assert refusal.value.status == 400


def test_users_see_no_inventory(office: OfficeForTests) -> None:
    with pytest.raises(Refused):
        inventory(office, office.user())


def test_five_thousand_people_are_one_question_for_each_kind(office: OfficeForTests) -> None:
    now = office.clock.now()
    with office.store.write() as tx:
        tx.add_all(
            UserRow(id=f"usr_{one:020}", name=f"p{one}", email=f"p{one}@acme.com", role=Role.USER.value,
                    status="active", password_hash="x", uid_index=one + 10, max_sessions=1, home_size_bytes=1,
                    sessions_valid_from=now, created_at=now)
            for one in range(5000)
        )  # fmt: skip
        tx.flush()
        tx.add_all(
            ApiTokenRow(id=f"tok_{one:020}", user_id=f"usr_{one:020}", name="t", prefix="nbk_", token_hash=str(one),
                        scopes=["self"], created_at=now, expires_at=now + timedelta(days=90))
            for one in range(5000)
        )  # fmt: skip
    asked: list[str] = []
    event.listen(office.store.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    began_s = time.process_time()
    page = inventory(office, OPERATOR)
    assert time.process_time() - began_s < 10
    assert page["counts"]["human-credentials"] == 5000
    assert len(asked) < 4 * len(KINDS)


def test_when_a_declared_connection_was_used_is_looked_for_in_30_days_alone(office: OfficeForTests) -> None:
    """Without a bound every record of a connection there ever was is looked at for each page."""
    jane, now = office.user(), office.clock.now()
    session_id = office.ready(jane)
    with office.store.write() as tx:
        for number, (host, days) in enumerate((("old.acme.example", 31), ("new.acme.example", 29))):
            tx.add(DeclaredConnectionRow(id=f"con_{number}", name=host[:3], kind="tcp", host=host, port=5432,
                                         local_port=number + 5432, created_at=now, created_by="operator"))  # fmt: skip
            tx.add(ConnectionRow(id=f"c{number}", session_id=session_id, user_id=jane.id, host=host, port=5432,
                                 at=now - timedelta(days=days), protocol="tcp", allowed=True,
                                 would_block=False))  # fmt: skip
    used = {one.name: one.last_used_at for one in things(office, OPERATOR, "connections")}
    assert used == {"old": None, "new": now - timedelta(days=29)}
