"""Projects: who may make and change them, and that what is granted to one follows who is in it."""

from __future__ import annotations

import pytest

from nbkeep.audit.search import Wanted, search
from nbkeep.connections import change as connections
from nbkeep.model.actor import OPERATOR, Actor, Role
from nbkeep.model.errors import Refused
from nbkeep.people import projects
from nbkeep.people.project_records import find_project, list_projects
from nbkeep.people.project_view import project_view
from nbkeep.people.users import change_user
from nbkeep.vault import change as secrets
from nbkeep.vault.parse import binding
from nbkeep.vault.values import Binding
from office_parts import OfficeForTests, any_office, office
from project_parts import declare, join, keep, leased, leave, make, remove, told

__all__ = ["any_office", "office"]


def test_members_sessions_have_what_is_granted_to_their_project_from_joining_to_leaving(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    jane, john = office.user(), office.user("john")
    make(office, "orion", "jane")
    keep(office, "openai", "project:orion")
    declare(office, "project:orion")
    hers, his = office.ready(jane), office.ready(john)
    assert told(office, hers) == {"openai", "queue"}
    assert told(office, his) == set()
    join(office, OPERATOR, "john")
    assert told(office, his) == {"openai", "queue"}
    leave(office, OPERATOR, "john")
    assert told(office, his) == set()
    assert told(office, hers) == {"openai", "queue"}
    later = office.ready(jane, name="later")
    assert told(office, later) == {"openai", "queue"}


def test_what_somebody_has_otherwise_stays_when_they_leave(office: OfficeForTests) -> None:
    jane = office.user()
    make(office, "orion", "jane")
    make(office, "vega", "jane")
    keep(office, "by-name", "project:orion", "user:jane")
    keep(office, "by-both", "project:orion", "project:vega")
    keep(office, "by-orion", "project:orion")
    keep(office, "by-vega", "project:vega")
    session = office.ready(jane)
    assert told(office, session) == {"by-name", "by-both", "by-orion", "by-vega"}
    leave(office, OPERATOR, "jane")
    assert told(office, session) == {"by-name", "by-both", "by-vega"}


def test_what_is_granted_to_a_project_counts_before_what_is_granted_to_a_role(office: OfficeForTests) -> None:
    jane = office.user()
    make(office, "orion", "jane")
    source = secrets.source_of(office.settings)
    for name, to in (("a-role", "role:user"), ("b-project", "project:orion"), ("c-user", "user:jane")):
        with office.store.write() as tx:
            secrets.set_secret(
                tx, office.clock, source, OPERATOR, name, "sk-of-a-project", secrets_binding(), grants=[to]
            )
    session = office.ready(jane)
    assert leased(office, session) == ["c-user"]
    with office.store.write() as tx:
        secrets.ungrant_secret(tx, office.clock, OPERATOR, "c-user", "user:jane")
    assert leased(office, session) == ["b-project"]


def secrets_binding() -> Binding:
    return binding(["api.example"], header="Authorization: Bearer {}")


def test_a_disabled_member_has_nothing_of_it(office: OfficeForTests) -> None:
    jane = office.user()
    make(office, "orion", "jane")
    keep(office, "openai", "project:orion")
    declare(office, "project:orion")
    session = office.ready(jane)
    with office.store.write() as tx:
        change_user(tx, office.clock, OPERATOR, "jane", status="disabled")
    assert told(office, session) == set()


def test_a_grant_to_no_project_is_refused(office: OfficeForTests) -> None:
    keep(office)
    declare(office)
    for grant, which in ((secrets.grant_secret, "openai"), (connections.grant_connection, "queue")):
        with office.store.write() as tx, pytest.raises(Refused, match="There is no project 'orion'") as error:
            grant(tx, office.clock, OPERATOR, which, "project:orion")
        assert (error.value.code, error.value.status) == ("project-not-found", 404)
        with office.store.write() as tx, pytest.raises(Refused, match="nobody to whom something"):
            grant(tx, office.clock, OPERATOR, which, "project:Orion!")


def test_a_project_with_grants_is_removed_only_with_them(office: OfficeForTests) -> None:
    jane = office.user()
    make(office, "orion", "jane")
    keep(office, "openai", "project:orion")
    declare(office, "project:orion")
    session = office.ready(jane)
    with pytest.raises(Refused) as error:
        remove(office)
    assert error.value.status == 409
    assert "secret openai (of operator), connection queue" in error.value.message
    assert told(office, session) == {"openai", "queue"}
    remove(office, take_grants=True)
    assert told(office, session) == set()
    with office.store.read() as tx:
        assert list_projects(tx, OPERATOR) == []
        (record,) = search(tx, OPERATOR, Wanted(type="project.removed")).records
    assert record["data"] == record["data"] | {
        "name": "orion", "members": ["jane"], "secrets": ["openai"], "connections": ["queue"],
    }  # fmt: skip


def test_its_members_see_it_and_others_do_not_learn_that_it_exists(office: OfficeForTests) -> None:
    jane, john = office.user(), office.user("john")
    make(office, "orion", "jane", lead=None)
    keep(office, "openai", "project:orion")
    with office.store.read() as tx:
        view = project_view(tx, jane, find_project(tx, jane, "orion"))
        assert [row.name for row in list_projects(tx, jane)] == ["orion"]
        assert list_projects(tx, john) == []
        messages: list[str] = []
        for name in ("orion", "nothing"):
            with pytest.raises(Refused) as error:
                find_project(tx, john, name)
            messages.append(f"{error.value.code} {error.value.status} {error.value}".replace(name, "X"))
    assert messages[0] == messages[1]
    assert ([one["user"] for one in view["members"]], view["may_lead"]) == (["jane"], False)
    assert view["secrets"] == [{"name": "openai", "owner": "operator"}]


def test_a_lead_adds_and_takes_members_and_admins_say_who_leads(office: OfficeForTests) -> None:
    jane, john, ada = office.user(), office.user("john"), office.user("ada", Role.ADMIN)
    make(office, "orion", lead="jane")
    join(office, jane, "john")
    for act in (
        lambda: join(office, jane, "john", is_lead=True),
        lambda: join(office, john, "ada"),
        lambda: leave(office, john, "jane"),
        lambda: leave(office, john, "nobody-at-all"),
        lambda: remove(office, jane),
    ):
        with pytest.raises(Refused) as error:
            act()
        assert error.value.status == 403
    join(office, ada, "john", is_lead=True)
    with pytest.raises(Refused, match="Only admins take a lead"):
        leave(office, jane, "john")
    leave(office, jane, "jane")
    leave(office, ada, "john")
    assert _members(office) == []


def test_everybody_may_leave(office: OfficeForTests) -> None:
    jane = office.user()
    make(office, "orion", "jane")
    leave(office, jane, "jane")
    assert _members(office) == []
    with pytest.raises(Refused) as error:
        leave(office, jane, "jane")
    assert error.value.status == 404


def test_joining_again_changes_nothing_but_what_is_said(office: OfficeForTests) -> None:
    office.user()
    make(office, "orion", lead="jane")
    join(office, OPERATOR, "jane")
    assert _members(office) == [("jane", True)]
    join(office, OPERATOR, "jane", is_lead=False)
    assert _members(office) == [("jane", False)]
    leave(office, OPERATOR, "jane")
    leave(office, OPERATOR, "jane")
    assert _recorded(office) == ["project.created", *["project.member-added"] * 2, "project.member-removed"]


def test_names_are_of_one_project_and_bad_ones_are_refused(office: OfficeForTests) -> None:
    make(office)
    with pytest.raises(Refused, match="There is a project named 'orion'"):
        make(office)
    for name in ("", "Orion", "1st", "a" * 31, "a b", "a_b", "a:b"):
        with pytest.raises(Refused, match="not a name for a project"):
            make(office, name)
    with office.store.write() as tx, pytest.raises(Refused, match="one line of up to 400"):
        projects.add_project(tx, office.clock, OPERATOR, "vega", description="two\nlines")
    with pytest.raises(Refused, match="There is no user 'nobody'"):
        make(office, "vega", lead="nobody")
    with office.store.read() as tx:
        assert [row.name for row in list_projects(tx, OPERATOR)] == ["orion"]


def test_a_plain_owner_grants_to_no_project_and_an_admin_who_owns_does(office: OfficeForTests) -> None:
    """What is added to somebody's requests decides in whose account their work arrives."""
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    make(office, "orion", lead="jane")
    _own(office, jane, "mine")
    _own(office, ada, "ours")
    with office.store.write() as tx, pytest.raises(Refused, match="granted to others by an admin"):
        secrets.grant_secret(tx, office.clock, jane, "mine", "project:orion")
    with office.store.write() as tx:
        secrets.grant_secret(tx, office.clock, ada, "ours", "project:orion")


def _own(office: OfficeForTests, actor: Actor, name: str) -> None:
    with office.store.write() as tx:
        secrets.set_secret(tx, office.clock, secrets.source_of(office.settings), actor, name,
                           "sk-of-a-project", secrets_binding())  # fmt: skip


def _members(office: OfficeForTests) -> list[tuple[str, bool]]:
    with office.store.read() as tx:
        view = project_view(tx, OPERATOR, find_project(tx, OPERATOR, "orion"))
    return [(one["user"], one["is_lead"]) for one in view["members"]]


def _recorded(office: OfficeForTests) -> list[str]:
    with office.store.read() as tx:
        found = [one["type"] for one in search(tx, OPERATOR, Wanted(), limit=1000).records][::-1]
    return [one for one in found if one.startswith("project.")]
