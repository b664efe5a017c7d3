"""A document is given to whom it is for, as it was released, while it lasts; and that is on record."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from nbkeep.audit.search import Wanted, search
from nbkeep.model.actor import OPERATOR, Actor, Role
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.outbox.notices import list_notices
from nbkeep.people import projects, users
from nbkeep.rendering.kept import Documents
from nbkeep.shares.end import revoke_all_of, revoke_share, shorten_share
from nbkeep.shares.link import anyone_address
from nbkeep.shares.look import look
from nbkeep.shares.records import gallery, list_shares, list_views
from nbkeep.shares.values import FILE, PAGE, Sought
from nbkeep.store.tables import UserRow
from share_parts import PAGE as BYTES
from share_parts import in_browser, project, share, with_anyone

if TYPE_CHECKING:
    from office_parts import OfficeForTests

ANON = Actor("anonymous", "anonymous", frozenset(), via="browser", address="198.51.100.7")


def sees(office: OfficeForTests, actor: Actor, share_id: str, key: str | None = None) -> bool:
    """Tell whether somebody is given the document; whoever is not gets the one answer for all."""
    try:
        found = look(office, in_browser(actor), share_id, PAGE, key)
    except Refused as error:
        refusal = error
    else:
        assert found.data == BYTES
        return True
    assert (refusal.code, refusal.status) == ("share-not-found", 404)
    assert share_id not in str(refusal)
    return False


def key_of(office: OfficeForTests, share_id: str) -> str:
    return anyone_address(office.settings, share_id).partition("#")[2]


def test_whom_it_is_for_sees_it_and_nobody_else(any_office: OfficeForTests) -> None:
    office = any_office
    root, jane, bob, eve = (office.user("root", Role.ADMIN), office.user("jane"), office.user("bob"),
                            office.user("eve"))  # fmt: skip
    project(office, root, "orion", jane, bob)
    named, grouped = share(office, jane, "user:eve").id, share(office, jane, "project:orion").id
    everyone = share(office, jane, "everyone").id
    assert [sees(office, one, named) for one in (jane, eve, bob, root)] == [True, True, False, False]
    assert [sees(office, one, grouped) for one in (jane, eve, bob, root)] == [True, False, True, False]
    assert [sees(office, one, everyone) for one in (jane, eve, bob, root)] == [True] * 4
    assert not any(sees(office, ANON, one) for one in (named, grouped, everyone))
    assert not sees(office, bob, "shr_00000000000000000000")


def test_it_is_over_when_it_ends_is_revoked_or_its_owner_is_shut_out(office: OfficeForTests) -> None:
    root, jane, bob = office.user("root", Role.ADMIN), office.user("jane"), office.user("bob")
    one, two, three = (share(office, jane, "user:bob").id for _ in range(3))
    with office.store.write() as tx:
        revoke_share(tx, office.clock, jane, one, "")
        shorten_share(tx, office.clock, jane, two, office.clock.now() + timedelta(hours=1))
    assert [sees(office, bob, which) for which in (one, two, three)] == [False, True, True]
    office.clock.advance(3600)
    assert [sees(office, bob, which) for which in (one, two, three)] == [False, False, True]
    with office.store.write() as tx:
        users.change_user(tx, office.clock, root, "jane", status="disabled", reason="left")
    assert not sees(office, bob, three)
    with office.store.write() as tx:
        tx.get_one(UserRow, jane.id).status = "active"
    assert sees(office, bob, three)
    office.clock.advance(7 * 86400)
    assert not sees(office, bob, three)
    assert not sees(office, jane, three)


def test_who_leaves_the_project_and_a_later_project_of_its_name_see_nothing(office: OfficeForTests) -> None:
    root, jane, bob, eve = (office.user("root", Role.ADMIN), office.user("jane"), office.user("bob"),
                            office.user("eve"))  # fmt: skip
    project(office, root, "orion", jane, bob)
    made = share(office, jane, "project:orion", gate="publish").id
    assert sees(office, bob, made)
    with office.store.write() as tx:
        projects.leave_project(tx, office.clock, root, "orion", "bob")
    assert not sees(office, bob, made)
    with office.store.write() as tx:
        projects.join_project(tx, office.clock, root, "orion", "bob")
        projects.remove_project(tx, office.clock, root, "orion", take_grants=True)
    assert not sees(office, bob, made)
    project(office, root, "orion", eve, bob)
    assert not sees(office, eve, made)
    assert not sees(office, bob, made)
    with office.store.read() as tx:
        assert not gallery(tx, office.clock.now(), in_browser(eve), Sought(project="orion")).rows


def test_anyone_with_the_key_sees_it_while_the_setting_lets_them(office: OfficeForTests) -> None:
    jane = office.user("jane")
    with_anyone(office)
    made, other = share(office, jane, "anyone").id, share(office, jane, "everyone").id
    key = key_of(office, made)
    assert len(key) >= 43, "256 bits"
    assert sees(office, ANON, made, key)
    assert not sees(office, ANON, made, key[:-1] + ("A" if key[-1] != "A" else "B"))
    assert not sees(office, ANON, made, "")
    assert not sees(office, ANON, made, "ä\udce4")
    assert not sees(office, ANON, other, key), "the key of another share"
    assert not sees(office, ANON, other, key_of(office, other)), "that is not for anyone"
    with_anyone(office, allowed=False)
    assert not sees(office, ANON, made, key)
    with_anyone(office)
    (office.settings.secrets_dir / "share-key").unlink()
    assert not sees(office, ANON, made, key), "without its secret no link works"


def test_each_look_is_counted_and_reloads_do_not_flood_the_journal(any_office: OfficeForTests) -> None:
    office = any_office
    jane, bob = office.user("jane"), office.user("bob")
    made = share(office, jane, "user:bob").id
    for _ in range(5):
        look(office, in_browser(bob, "192.0.2.1"), made, PAGE)
        office.clock.advance(60)
    look(office, in_browser(bob, "192.0.2.1"), made, FILE)
    office.clock.advance(1)
    look(office, in_browser(bob, "192.0.2.2"), made, PAGE)
    office.clock.advance(600)
    look(office, in_browser(bob, "192.0.2.1"), made, PAGE)
    with office.store.read() as tx:
        rows = list_views(tx, jane, made).rows
        records = search(tx, OPERATOR, Wanted(type="share.viewed")).records
        shared = list_shares(tx, office.clock.now(), jane, "mine").rows[0]
    assert [(one.viewer, one.address, one.way, one.times) for one in reversed(rows)] == [
        ("bob", "192.0.2.1", "page", 5),
        ("bob", "192.0.2.1", "file", 1),
        ("bob", "192.0.2.2", "page", 1),
        ("bob", "192.0.2.1", "page", 1),
    ]
    assert len(records) == 4
    assert {one["actor"]["name"] for one in records} == {"bob"}
    assert shared.views == 8


def test_a_document_that_was_changed_on_the_disk_is_not_given_away(office: OfficeForTests) -> None:
    jane, bob = office.user("jane"), office.user("bob")
    made = share(office, jane, "user:bob")
    place = office.settings.documents_dir / made.sha256[:2] / made.sha256
    place.write_bytes(BYTES + b"<script>alert(1)</script>")
    with pytest.raises(Unavailable, match="changed on the disk"):
        look(office, in_browser(bob), made.id, PAGE)
    Documents(office.settings.documents_dir).forget(made.sha256)
    with pytest.raises(Unavailable):
        look(office, in_browser(bob), made.id, PAGE)
    assert not sees(office, office.user("eve"), made.id), "others learn nothing of that either"
    with office.store.read() as tx:
        assert not list_views(tx, jane, made.id).rows


def test_only_owner_and_admins_of_releases_manage_a_share(office: OfficeForTests) -> None:
    root, jane, bob = office.user("root", Role.ADMIN), office.user("jane"), office.user("bob")
    made = share(office, jane, "user:bob").id
    soon = office.clock.now() + timedelta(hours=1)
    for act in (
        lambda tx, actor: list_views(tx, actor, made),
        lambda tx, actor: revoke_share(tx, office.clock, actor, made, "mine now"),
        lambda tx, actor: shorten_share(tx, office.clock, actor, made, soon),
    ):
        with office.store.write() as tx, pytest.raises(Refused) as refused:
            act(tx, bob)
        assert (refused.value.code, refused.value.status) == ("share-not-found", 404)
    with office.store.write() as tx, pytest.raises(Refused, match="reason"):
        revoke_share(tx, office.clock, root, made, " ")
    with office.store.write() as tx:
        revoke_share(tx, office.clock, root, made, "a customer's name")
        revoke_share(tx, office.clock, root, made, "another reason")
    with office.store.read() as tx:
        assert [one.revoke_reason for one in list_shares(tx, office.clock.now(), jane, "mine").rows] == [
            "a customer's name"
        ]
        assert list_notices(tx, jane)[0].text == "root ended your share “Churn in Q3”: a customer's name"
        assert len(search(tx, OPERATOR, Wanted(type="share.revoked")).records) == 1


def test_an_end_comes_forward_and_never_later(office: OfficeForTests) -> None:
    jane, now = office.user("jane"), office.clock.now()
    made = share(office, jane, "everyone")
    with office.store.write() as tx:
        for wrong in (made.expires_at + timedelta(seconds=1), now, now - timedelta(days=1)):
            with pytest.raises(Refused):
                shorten_share(tx, office.clock, jane, made.id, wrong)
        shorten_share(tx, office.clock, jane, made.id, made.expires_at)
        assert shorten_share(tx, office.clock, jane, made.id, now + timedelta(days=1))
        with pytest.raises(Refused, match="not later"):
            shorten_share(tx, office.clock, jane, made.id, now + timedelta(days=2))
        revoke_share(tx, office.clock, jane, made.id, "")
        with pytest.raises(Refused, match="over"):
            shorten_share(tx, office.clock, jane, made.id, now + timedelta(hours=1))


def test_all_of_a_person_end_at_once(office: OfficeForTests) -> None:
    jane, bob = office.user("jane"), office.user("bob")
    mine, his = [share(office, jane, "everyone").id for _ in range(3)], share(office, bob, "everyone").id
    with office.store.write() as tx:
        assert revoke_all_of(tx, office.clock, OPERATOR, jane.id, "security incident inc_1") == 3
        assert revoke_all_of(tx, office.clock, OPERATOR, jane.id, "again") == 0
    assert not any(sees(office, bob, one) for one in mine)
    assert sees(office, jane, his)


def test_a_token_made_for_something_else_opens_no_documents(office: OfficeForTests) -> None:
    jane, bob = office.user("jane"), office.user("bob")
    made = share(office, jane, "user:bob").id
    narrow = Actor(bob.id, bob.name, frozenset({"self", "sessions"}), via="token")
    with pytest.raises(Refused):
        look(office, narrow, made, FILE)
    assert (
        look(office, Actor(bob.id, bob.name, frozenset({"releases"}), via="token"), made, FILE).data == BYTES
    )
    with pytest.raises(Refused):
        look(office, OPERATOR, made, FILE)


def test_the_gallery_is_searched_filtered_and_paged(any_office: OfficeForTests) -> None:
    office = any_office
    root, jane, bob, eve = (office.user("root", Role.ADMIN), office.user("jane"), office.user("bob"),
                            office.user("eve"))  # fmt: skip
    project(office, root, "orion", jane, bob)
    made: dict[str, str] = {}
    for title, audience, tags in (
        ("Churn in Europe", "everyone", ("churn", "eu")),
        ("Churn 100%_sure", "everyone", ("churn-2",)),
        ("Ärger in Köln", "project:orion", ("eu",)),
        ("For Bob", "user:bob", ()),
    ):
        office.clock.advance(1)
        made[title] = share(office, jane, audience, gate="publish", title=title, tags=tags, description="").id
    share(office, jane, "everyone", title="Only a link")

    def found(actor: Actor, **sought: str) -> list[str]:
        with office.store.read() as tx:
            rows = gallery(tx, office.clock.now(), in_browser(actor), Sought(**sought)).rows
        return [one.title for one in rows]

    assert found(bob) == ["For Bob", "Ärger in Köln", "Churn 100%_sure", "Churn in Europe"]
    assert found(eve) == ["Churn 100%_sure", "Churn in Europe"]
    assert found(bob, text="europe CHURN") == ["Churn in Europe"]
    assert found(bob, text="%") == found(bob, text="0%_s") == ["Churn 100%_sure"]
    assert found(bob, text="ÄRGER köln jane") == ["Ärger in Köln"]
    assert found(bob, tag="churn") == ["Churn in Europe"]
    assert found(bob, tag="%") == []
    assert found(bob, project="orion") == ["Ärger in Köln"]
    assert found(eve, project="orion") == []
    assert found(bob, owner="bob") == []
    pages: list[str] = []
    cursor: str | None = None
    with office.store.read() as tx:
        while True:
            page = gallery(tx, office.clock.now(), in_browser(bob), Sought(), limit=1, cursor=cursor)
            pages += [one.title for one in page.rows]
            if (cursor := page.next) is None:
                break
        with pytest.raises(Refused, match="cursor"):
            gallery(tx, office.clock.now(), in_browser(bob), Sought(), cursor="nonsense")
    assert pages == found(bob)
